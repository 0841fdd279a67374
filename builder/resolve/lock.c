/* See lock.h. The lock as data; lock_text.c reads and prints it, lock_diff.c compares. */
#include "builder/resolve/lock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"

struct lock *lock_new(void)
{
	return calloc(1, sizeof(struct lock));
}

struct lock *lock_free(struct lock *l)
{
	if (!l)
		return NULL;
	for (size_t i = 0; i < l->n_releases; i++) {
		free(l->releases[i].archive);
		free(l->releases[i].suite);
	}
	for (size_t i = 0; i < l->n_packages; i++) {
		free(l->packages[i].name);
		free(l->packages[i].version);
		free(l->packages[i].arch);
		free(l->packages[i].by);
		free(l->packages[i].archive);
		free(l->packages[i].path);
	}
	for (size_t i = 0; i < l->n_users; i++)
		free(l->users[i].name);
	for (size_t i = 0; i < l->n_groups; i++)
		free(l->groups[i].name);
	free(l->releases);
	free(l->packages);
	free(l->users);
	free(l->groups);
	free(l->recipe);
	free(l->suite);
	free(l->architecture);
	free(l);
	return NULL;
}

char *lock_path_for(const char *recipe_file)
{
	size_t len = strlen(recipe_file);

	if (len > 5 && !strcmp(recipe_file + len - 5, ".yaml"))
		len -= 5;
	else if (len > 4 && !strcmp(recipe_file + len - 4, ".yml"))
		len -= 4;
	return str_printf("%.*s.lock", (int)len, recipe_file);
}

int lock_read(const char *path, struct lock **ret, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r = io_read_file(path, LOCK_FILE_MAX_BYTES, &text, &len, err);

	return r < 0 ? r : lock_parse(text, len, path, ret, err);
}

int lock_write(const struct lock *l, const char *path, struct err *err)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	_cleanup_free_ char *old = NULL;
	size_t old_len;

	lock_print(l, &text);
	if (!buf_ok(&text))
		return err_oom(err);
	if (io_read_file(path, LOCK_FILE_MAX_BYTES, &old, &old_len, NULL) == 0 &&
	    old_len == text.len && !memcmp(old, text.data, old_len))
		return 0;
	return atomic_file_write(path, text.data, text.len, 0644, err);
}

const struct lock_package *lock_find(const struct lock *l, const char *name)
{
	for (size_t low = 0, high = l->n_packages; low < high;) {
		size_t mid = (low + high) / 2;
		int c = strcmp(name, l->packages[mid].name);

		if (c == 0)
			return &l->packages[mid];
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

int lock_set_user(struct lock *l, const char *name, uint32_t uid, uint32_t gid)
{
	struct lock_user *rows;
	size_t i = 0;

	while (i < l->n_users && strcmp(l->users[i].name, name) < 0)
		i++;
	if (i == l->n_users || strcmp(l->users[i].name, name)) {
		char *copy = strdup(name);

		rows = copy ? reallocarray(l->users, l->n_users + 1, sizeof(*rows)) : NULL;
		if (!rows) {
			free(copy);
			return -ENOMEM;
		}
		l->users = rows;
		memmove(rows + i + 1, rows + i, (l->n_users - i) * sizeof(*rows));
		rows[i].name = copy;
		l->n_users++;
	}
	l->users[i].uid = uid;
	l->users[i].gid = gid;
	return 0;
}

int lock_set_group(struct lock *l, const char *name, uint32_t gid)
{
	struct lock_group *rows;
	size_t i = 0;

	while (i < l->n_groups && strcmp(l->groups[i].name, name) < 0)
		i++;
	if (i == l->n_groups || strcmp(l->groups[i].name, name)) {
		char *copy = strdup(name);

		rows = copy ? reallocarray(l->groups, l->n_groups + 1, sizeof(*rows)) : NULL;
		if (!rows) {
			free(copy);
			return -ENOMEM;
		}
		l->groups = rows;
		memmove(rows + i + 1, rows + i, (l->n_groups - i) * sizeof(*rows));
		rows[i].name = copy;
		l->n_groups++;
	}
	l->groups[i].gid = gid;
	return 0;
}

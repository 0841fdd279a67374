/* Which package owns a path. See manifest.h. */
#include "builder/rootfs/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "builder/rootfs/tree.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

#define LIST_MAX_BYTES (64u << 20)
#define LISTS_MAX 20000u

struct owned {
	const char *path; /* merged, without the leading slash; in one of the texts */
	const char *package;
};

struct owners {
	struct owned *item; /* sorted by path */
	size_t n, cap;
	char **text; /* what the items point into */
	size_t n_texts;
};

static int by_path(const void *a, const void *b)
{
	const struct owned *x = a, *y = b;
	int c = strcmp(x->path, y->path);

	return c ? c : strcmp(x->package, y->package);
}

static int keep(struct owners *o, char *text, struct err *err)
{
	char **t = realloc(o->text, (o->n_texts + 1) * sizeof(*t));

	if (!t) {
		free(text);
		return err_oom(err);
	}
	o->text = t;
	o->text[o->n_texts++] = text;
	return 0;
}

static int add_path(struct owners *o, const char *path, const char *package, struct err *err)
{
	if (o->n == o->cap) {
		size_t cap = o->cap ? 2 * o->cap : 16384;
		struct owned *item = realloc(o->item, cap * sizeof(*item));

		if (!item)
			return err_oom(err);
		o->item = item;
		o->cap = cap;
	}
	o->item[o->n++] = (struct owned){ path, package };
	return 0;
}

/* All paths of one .list, rewritten for the merged /usr into one text of our own. */
static int add_list(struct owners *o, struct tree *t, const char *file, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_buf_ struct buf paths = BUF_INIT;
	char name[512], merged[TREE_PATH_MAX], *save = NULL;
	const char *package;
	size_t at = 0, end;
	int r;

	snprintf(name, sizeof(name), "var/lib/dpkg/info/%s", file);
	r = tree_read(t, name, LIST_MAX_BYTES, &text, NULL);
	if (r < 0)
		return err_errno(err, r, "cannot read /%s", name);
	buf_add(&paths, file, strcspn(file, ":") < strlen(file) ? strcspn(file, ":") :
								  strlen(file) - strlen(".list"));
	buf_addc(&paths, '\0');
	at = paths.len;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (strcmp(line, "/.") && tree_merged_path(line, merged) == 0) {
			buf_adds(&paths, merged);
			buf_addc(&paths, '\0');
		}
	end = paths.len;
	package = buf_take(&paths);
	if (!package)
		return err_oom(err);
	r = keep(o, (char *)package, err);
	for (; r == 0 && at < end; at += strlen(package + at) + 1)
		r = add_path(o, package + at, package, err);
	return r;
}

int owners_load(const char *root, struct owners **ret, struct err *err)
{
	struct owners *o = calloc(1, sizeof(*o));
	_cleanup_free_ char *dir = str_printf("%s/var/lib/dpkg/info", root);
	_cleanup_closedir_ DIR *d = dir ? opendir(dir) : NULL;
	struct tree t = TREE_INIT;
	struct dirent *e;
	int r;

	if (!o || !dir) {
		free(o);
		return err_oom(err);
	}
	r = tree_open(&t, root, err);
	while (r == 0 && d && (e = readdir(d))) {
		size_t n = strlen(e->d_name);

		if (n > 5 && n < 400 && !strcmp(e->d_name + n - 5, ".list"))
			r = o->n_texts < LISTS_MAX ? add_list(o, &t, e->d_name, err) : -E2BIG;
	}
	tree_close(&t);
	if (r < 0) {
		owners_free(o);
		return r;
	}
	if (o->n)
		qsort(o->item, o->n, sizeof(*o->item), by_path);
	*ret = o;
	return 0;
}

const char *owners_find(const struct owners *o, const char *path)
{
	size_t lo = 0, hi = o->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (strcmp(o->item[mid].path, path) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < o->n && !strcmp(o->item[lo].path, path) ? o->item[lo].package : NULL;
}

struct owners *owners_free(struct owners *o)
{
	if (!o)
		return NULL;
	for (size_t i = 0; i < o->n_texts; i++)
		free(o->text[i]);
	free(o->text);
	free(o->item);
	free(o);
	return NULL;
}

/* See pick.h. */
#include "update/pick.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "install/bundle.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/path.h"
#include "lib/base/printable.h"

static bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static bool ends(const char *text, const char *with)
{
	size_t len = strlen(text), n = strlen(with);

	return len >= n && strcmp(text + len - n, with) == 0;
}

/* The version in @file's name; NULL in *ret, or why it is not this image's. */
static const char *version_of(const char *file, const char *name, const char *tail, char *ret)
{
	size_t skip = strlen(name) + 1, len;

	if (!starts(file, name) || file[skip - 1] != '_')
		return "another image";
	if (!ends(file, tail))
		return "another architecture";
	len = strlen(file);
	if (len < skip + strlen(tail) || len - skip - strlen(tail) >= VERSION_TEXT_SIZE)
		return "no version in its name";
	len -= skip + strlen(tail);
	memcpy(ret, file + skip, len);
	ret[len] = '\0';
	return version_valid(ret, true) ? NULL : "no version in its name";
}

struct search {
	int dirfd;
	const char *name, *tail; /* of the files that are looked for */
	const char *file; /* the best one; NULL: none yet */
	char version[VERSION_TEXT_SIZE]; /* of it */
	struct buf *why;
	unsigned n_said;
};

static void say(struct search *s, const char *file, const char *text)
{
	if (s->n_said++ >= PICK_NOTES_MAX)
		return;
	printable_add(s->why, file, strlen(file), false);
	buf_addf(s->why, ": %s\n", text);
}

/* To open a pipe would wait for who writes to it. */
static bool is_file(int dirfd, const char *name)
{
	struct stat st;

	return fstatat(dirfd, name, &st, 0) == 0 && S_ISREG(st.st_mode);
}

/* Is @file the better one? Otherwise, or of the one before it, say why not. */
static void judge(struct search *s, const char *file)
{
	char version[VERSION_TEXT_SIZE];
	const char *no = version_of(file, s->name, s->tail, version);

	if (!no && !is_file(s->dirfd, file))
		no = "no file";
	/* Of two names of one version, "1.1" and "1.01", the first in the alphabet. */
	if (!no && s->file && version_compare(version, s->version) <= 0)
		no = "not the highest version";
	if (no) {
		say(s, file, no);
		return;
	}
	if (s->file)
		say(s, s->file, "not the highest version");
	s->file = file;
	memcpy(s->version, version, sizeof(version));
}

/* The lines of @s, and how many there would be more. */
static void finish(struct search *s)
{
	if (s->n_said > PICK_NOTES_MAX)
		buf_addf(s->why, "... and %u others\n", s->n_said - PICK_NOTES_MAX);
}

int pick_bundle(const char *dir, const char *name, const char *arch, char **ret_path,
		struct buf *why, struct err *err)
{
	_cleanup_close_ int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ char *tail = str_printf("_%s" BUNDLE_SUFFIX, arch);
	struct search s = { .dirfd = dirfd, .name = name, .tail = tail, .why = why };
	struct dirent **list = NULL;
	int n = dirfd < 0 ? -1 : scandirat(dirfd, ".", &list, NULL, alphasort), r = 0;

	if (n < 0)
		return err_errno(err, -errno, "cannot look into %s", dir);
	for (int i = 0; tail && i < n; i++)
		if (ends(list[i]->d_name, BUNDLE_SUFFIX))
			judge(&s, list[i]->d_name);
	finish(&s);
	if (!tail || !buf_ok(why))
		r = err_oom(err);
	else if (!s.file)
		r = err_set(err, -ENOENT, "%s holds no bundle of %s for %s%s%.*s", dir, name, arch,
			    why->len ? ":\n" : "", why->len ? (int)why->len - 1 : 0,
			    why->len ? why->data : "");
	if (r == 0) {
		*ret_path = path_join(dir, s.file);
		r = *ret_path ? 0 : err_oom(err);
	}
	for (int i = 0; i < n; i++)
		free(list[i]);
	free(list);
	return r;
}

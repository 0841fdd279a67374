/* See pick.h. */
#include "update/pick.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

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

static void say(struct buf *why, const char *file, const char *text)
{
	printable_add(why, file, strlen(file), false);
	buf_addf(why, ": %s\n", text);
}

struct best {
	const char *file; /* NULL: none yet */
	char version[VERSION_TEXT_SIZE];
};

/* Is @file the better one? Otherwise, or of the one before it, @why says why not. */
static void judge(const char *file, const char *name, const char *tail, struct best *best,
		  struct buf *why)
{
	char version[VERSION_TEXT_SIZE];
	const char *no = version_of(file, name, tail, version);

	/* Of two names of one version, "1.1" and "1.01", the first in the alphabet. */
	if (!no && best->file && version_compare(version, best->version) <= 0)
		no = "not the highest version";
	if (no) {
		say(why, file, no);
		return;
	}
	if (best->file)
		say(why, best->file, "not the highest version");
	best->file = file;
	memcpy(best->version, version, sizeof(version));
}

int pick_bundle(const char *dir, const char *name, const char *arch, char **ret_path,
		struct buf *why, struct err *err)
{
	_cleanup_free_ char *tail = str_printf("_%s" BUNDLE_SUFFIX, arch);
	struct dirent **list = NULL;
	struct best best = { .file = NULL };
	int n = scandir(dir, &list, NULL, alphasort), r = 0;

	if (n < 0)
		return err_errno(err, -errno, "cannot look into %s", dir);
	for (int i = 0; tail && i < n; i++)
		if (ends(list[i]->d_name, BUNDLE_SUFFIX))
			judge(list[i]->d_name, name, tail, &best, why);
	if (!tail || !buf_ok(why))
		r = err_oom(err);
	else if (!best.file)
		r = err_set(err, -ENOENT, "%s holds no bundle of %s for %s%s%.*s", dir, name, arch,
			    why->len ? ":\n" : "", why->len ? (int)why->len - 1 : 0,
			    why->len ? why->data : "");
	if (r == 0) {
		*ret_path = path_join(dir, best.file);
		r = *ret_path ? 0 : err_oom(err);
	}
	for (int i = 0; i < n; i++)
		free(list[i]);
	free(list);
	return r;
}

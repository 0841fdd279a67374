/* disk_find() of inspect.h. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "builder/disk/inspect.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/path.h"

static bool ends_in(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n > m && !strcmp(text + n - m, end);
}

/* @path itself. What is no file and no disk might never say that it has no more. */
static int take(const char *path, char **ret, struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_errno(err, -errno, "%s", path);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(err, -EINVAL, "%s is neither a disk nor a file", path);
	*ret = strdup(path);
	return *ret ? 0 : err_oom(err);
}

int disk_find(const char *path, char **ret, struct err *err)
{
	_cleanup_free_ char *found = NULL;
	_cleanup_closedir_ DIR *d = NULL;
	struct dirent *e;
	struct stat st;

	if (stat(path, &st) < 0)
		return err_errno(err, -errno, "%s", path);
	if (!S_ISDIR(st.st_mode))
		return take(path, ret, err);
	d = opendir(path);
	if (!d)
		return err_errno(err, -errno, "%s", path);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.' || !ends_in(e->d_name, ".raw"))
			continue;
		if (found)
			return err_set(err, -EINVAL, "%s holds more than one .raw disk: name one",
				       path);
		found = path_join(path, e->d_name);
		if (!found)
			return err_oom(err);
	}
	if (!found)
		return err_set(err, -ENOENT, "%s holds no .raw disk", path);
	return take(found, ret, err);
}

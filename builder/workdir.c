/* See workdir.h. A directory is in use exactly while somebody holds flock on its "lock" file. */
#include "builder/workdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "builder/rootfs/sandbox.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/path.h"

/* A directory without a lock file this old is nobody's. */
#define STALE_UNLOCKED_S 60

static const char *base_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	return tmp && tmp[0] == '/' ? tmp : "/var/tmp";
}

/* Remove @path when nobody holds its lock; errors are left for the next try. */
static void remove_stale(const char *path, const struct sandbox *sb)
{
	_cleanup_free_ char *lock = path_join(path, "lock");
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (!lock || lstat(path, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return;
	fd = open(lock, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	/* Without a lock file it is being made right now, or its maker died at once. */
	if (fd < 0 && (errno != ENOENT || time(NULL) - st.st_mtime < STALE_UNLOCKED_S))
		return;
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	sandbox_remove_tree(sb, path, NULL);
}

static char *prefix_of_user(void)
{
	return str_printf("kiln-%u-", (unsigned)geteuid());
}

void workdir_sweep(const struct sandbox *sb)
{
	const char *base = base_dir();
	_cleanup_free_ char *prefix = prefix_of_user();
	_cleanup_closedir_ DIR *d = opendir(base);
	struct dirent *e;

	while (prefix && d && (e = readdir(d))) {
		_cleanup_free_ char *path = NULL;

		if (strncmp(e->d_name, prefix, strlen(prefix)) != 0)
			continue;
		path = path_join(base, e->d_name);
		if (path)
			remove_stale(path, sb);
	}
}

int workdir_open(struct workdir *w, const struct sandbox *sb, struct err *err)
{
	const char *base = base_dir();
	_cleanup_free_ char *prefix = prefix_of_user();
	_cleanup_free_ char *path = NULL, *lock = NULL;

	*w = WORKDIR_INIT;
	if (!prefix)
		return err_oom(err);
	workdir_sweep(sb);
	path = str_printf("%s/%sXXXXXX", base, prefix);
	if (!path)
		return err_oom(err);
	if (!mkdtemp(path))
		return err_errno(err, -errno, "cannot make a work directory in %s", base);
	lock = path_join(path, "lock");
	if (!lock)
		return err_oom(err);
	w->lock_fd = open(lock, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (w->lock_fd < 0 || flock(w->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return err_errno(err, -errno, "cannot lock the work directory %s", path);
	w->path = TAKE_PTR(path);
	return 0;
}

char *workdir_path(const struct workdir *w, const char *name)
{
	return path_join(w->path, name);
}

void workdir_keep(struct workdir *w)
{
	if (w->lock_fd >= 0)
		close(w->lock_fd);
	free(w->path);
	*w = WORKDIR_INIT;
}

void workdir_close(struct workdir *w, const struct sandbox *sb)
{
	if (w->path)
		sandbox_remove_tree(sb, w->path, NULL);
	workdir_keep(w);
}

/*
 * Time stamps. See build.h. Files of packages keep theirs; what the build made
 * gets the epoch, also when this machine's clock is behind it. Directories
 * change whenever something in them does, and the alternatives' links copy the
 * time of what was there first, so directories and links all get the epoch.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "builder/rootfs/build.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

struct window {
	time_t epoch, from, to; /* files of the build lie in [from, to] by its clock */
};

static int clamp_one(void *arg, int dirfd, const char *name, const struct stat *st)
{
	const struct window *w = arg;
	struct timespec ts[2];
	struct statx sx;
	time_t t;

	/* Libraries that fake the clock also shift what stat() says; this one is the disk's. */
	if (statx(dirfd, name, AT_SYMLINK_NOFOLLOW, STATX_MTIME, &sx) < 0)
		return -errno;
	t = sx.stx_mtime.tv_sec;
	if (!S_ISREG(st->st_mode) || t > w->epoch || (t >= w->from && t <= w->to))
		t = w->epoch;
	ts[0] = ts[1] = (struct timespec){ .tv_sec = t };
	return utimensat(dirfd, name, ts, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

int build_clamp_times(struct build *b, struct err *err)
{
	struct window w = { (time_t)b->o->epoch_s, b->started_s - 1, time(NULL) + 1 };
	int fd = open(b->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, -errno, "cannot open %s", b->root);
	r = tree_walk(fd, clamp_one, &w);
	if (r == 0)
		r = clamp_one(&w, AT_FDCWD, b->root, &st);
	return r < 0 ? err_errno(err, r, "cannot set the times of the tree") : 0;
}

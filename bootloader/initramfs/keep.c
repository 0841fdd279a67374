#include "bootloader/initramfs/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bootloader/initramfs/conf.h"
#include "bootloader/initramfs/seed.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/path.h"

#define MACHINE_ID "/etc/machine-id"
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* One step down, never through a link; the directory is made when it is missing. */
static int step_down(int dir, const char *name, size_t len)
{
	char part[CONF_PATH_MAX];
	int fd;

	if (len >= sizeof(part))
		return -ENAMETOOLONG;
	memcpy(part, name, len);
	part[len] = 0;
	if (mkdirat(dir, part, 0755) && errno != EEXIST)
		return -errno;
	fd = openat(dir, part, DIR_FLAGS);
	return fd < 0 ? (errno == ENOTDIR ? -ELOOP : -errno) : fd;
}

int keep_parent(int root, const char *path, const char **ret_name, struct err *err)
{
	_cleanup_close_ int dir = -1;
	const char *at = path + 1, *slash;

	if (!conf_persist_valid(path))
		return err_set(err, -EINVAL, "'%s' cannot be kept", path);
	dir = openat(root, ".", DIR_FLAGS);
	if (dir < 0)
		return err_errno(err, -errno, "%s", path);
	while ((slash = strchr(at, '/'))) {
		int next = step_down(dir, at, (size_t)(slash - at));

		if (next < 0)
			return err_errno(err, next, "%s: %.*s", path, (int)(slash - at), at);
		close(dir);
		dir = next;
		at = slash + 1;
	}
	*ret_name = at;
	return TAKE_FD(dir);
}

/* What is missing in the image may be made only where an empty file is the point. */
static int seed_missing(int parent, const char *name, const char *path, struct err *err)
{
	_cleanup_close_ int fd = -1;

	if (strcmp(path, MACHINE_ID))
		return err_set(err, -ENOENT, "%s is not in the image", path);
	fd = openat(parent, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0444);
	return fd < 0 ? err_errno(err, -errno, "%s", path) : 0;
}

/* The directory of the image that holds @path, links of the image followed inside it. */
static int image_parent(int root, const char *path, const char *name)
{
	char dir[CONF_PATH_MAX];

	snprintf(dir, sizeof(dir), "%.*s", (int)(name - path), path);
	return path_open_in_root(root, dir, O_RDONLY | O_DIRECTORY, 0);
}

int keep_seed(int root, int store, const char *path, struct err *err)
{
	_cleanup_close_ int parent = -1, source = -1;
	const char *name, *base = strrchr(path, '/') + 1;
	struct stat st;
	int r = 0;

	parent = keep_parent(store, path, &name, err);
	if (parent < 0)
		return parent;
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW)) {
		source = image_parent(root, path, base);
		if (source < 0 || fstatat(source, base, &st, AT_SYMLINK_NOFOLLOW))
			r = seed_missing(parent, name, path, err);
		else if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
			r = err_set(err, -EINVAL, "%s is neither file nor directory", path);
		else
			r = seed_once(source, base, parent, name, err);
	} else if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) {
		r = err_set(err, -ELOOP, "%s: the kept one is neither file nor directory", path);
	}
	if (!r && !strcmp(path, MACHINE_ID))
		r = seed_machine_id(parent, name, err);
	return r;
}

/* The place to mount on; made when it is missing and its file system can be written (/etc). */
static int open_target(int root, const char *path, bool directory, struct err *err)
{
	_cleanup_close_ int dir = -1;
	const char *name = strrchr(path, '/') + 1;
	int fd = path_open_in_root(root, path, O_PATH, 0);

	if (fd >= 0)
		return fd;
	dir = fd == -ENOENT ? image_parent(root, path, name) : fd;
	if (dir < 0)
		return err_errno(err, dir, "%s", path);
	if (directory) {
		if (mkdirat(dir, name, 0755))
			return err_errno(err, -errno, "%s", path);
	} else {
		_cleanup_close_ int file = openat(dir, name,
						  O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);

		if (file < 0)
			return err_errno(err, -errno, "%s", path);
	}
	fd = path_open_in_root(root, path, O_PATH, 0);
	return fd < 0 ? err_errno(err, fd, "%s", path) : fd;
}

int keep_bind(int from_dir, const char *name, int root, const char *path, struct err *err)
{
	_cleanup_close_ int source = openat(from_dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_close_ int target = -1, tree = -1;
	struct stat a, b;

	if (source < 0 || fstat(source, &a))
		return err_errno(err, -errno, "%s", path);
	target = open_target(root, path, S_ISDIR(a.st_mode), err);
	if (target < 0)
		return target;
	if (fstat(target, &b) || S_ISLNK(a.st_mode) || S_ISDIR(a.st_mode) != S_ISDIR(b.st_mode))
		return err_set(err, -ENOTDIR, "%s: the image and state differ in kind", path);
	tree = open_tree(source, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (tree < 0 || move_mount(tree, "", target, "",
				   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH))
		return err_errno(err, -errno, "bind %s", path);
	return 0;
}

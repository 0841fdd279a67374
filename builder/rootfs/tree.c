/* See tree.h. */
#include "builder/rootfs/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"

static const char *const merged[] = { "bin", "sbin", "lib", "lib64" };

int tree_open(struct tree *t, const char *path, struct err *err)
{
	*t = TREE_INIT;
	t->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return t->root < 0 ? err_errno(err, -errno, "cannot open the tree %s", path) : 0;
}

static void forget_parent(struct tree *t)
{
	if (t->parent >= 0)
		close(t->parent);
	t->parent = -1;
}

void tree_close(struct tree *t)
{
	forget_parent(t);
	if (t->root >= 0)
		close(t->root);
	*t = TREE_INIT;
}

int tree_merged_path(const char *path, char out[TREE_PATH_MAX])
{
	const char *prefix = "";
	size_t n, m;

	while (*path == '/')
		path++;
	n = strcspn(path, "/");
	for (size_t i = 0; i < ARRAY_SIZE(merged); i++)
		if (n == strlen(merged[i]) && !strncmp(path, merged[i], n))
			prefix = "usr/";
	n = strlen(prefix);
	m = strlen(path);
	if (n + m + 1 > TREE_PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(out, prefix, n);
	memcpy(out + n, path, m + 1);
	return 0;
}

/* Open the directory @path (already merged, not empty), making what is missing. */
static int open_dir(struct tree *t, char *path)
{
	int fd = path_open_in_root(t->root, path, O_PATH | O_DIRECTORY, 0);
	char *slash;
	int up, r;

	if (fd != -ENOENT)
		return fd;
	slash = strrchr(path, '/');
	if (slash)
		*slash = '\0';
	up = slash ? open_dir(t, path) : t->root;
	if (slash)
		*slash = '/';
	if (up < 0)
		return up;
	r = mkdirat(up, slash ? slash + 1 : path, 0755) < 0 && errno != EEXIST ? -errno : 0;
	if (slash)
		close(up);
	return r < 0 ? r : path_open_in_root(t->root, path, O_PATH | O_DIRECTORY, 0);
}

/* tree_parent() of a merged path. */
static int parent_of(struct tree *t, const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;
	int fd;

	if (!*path || (slash && !slash[1]))
		return -EINVAL;
	*ret_name = slash ? slash + 1 : path;
	if (n == 0)
		return t->root;
	if (t->parent >= 0 && !strncmp(t->parent_path, path, n) && !t->parent_path[n])
		return t->parent;
	forget_parent(t);
	memcpy(t->parent_path, path, n);
	t->parent_path[n] = '\0';
	fd = open_dir(t, t->parent_path);
	if (fd >= 0)
		t->parent = fd;
	return fd;
}

int tree_parent(struct tree *t, const char *path, const char **ret_name)
{
	char full[TREE_PATH_MAX];
	const char *name = "";
	int fd = tree_merged_path(path, full);

	if (fd == 0)
		fd = parent_of(t, full, &name);
	if (fd < 0)
		return fd;
	*ret_name = path + strlen(path) - strlen(name);
	return fd;
}

int tree_mkdirs(struct tree *t, const char *path)
{
	char full[TREE_PATH_MAX];
	int fd = tree_merged_path(path, full);

	if (fd < 0 || !full[0])
		return fd;
	fd = open_dir(t, full);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static void to_times(int64_t mtime_s, struct timespec ts[2])
{
	ts[0] = ts[1] = (struct timespec){ .tv_sec = mtime_s };
	if (mtime_s == TREE_NOW)
		ts[0].tv_nsec = ts[1].tv_nsec = UTIME_OMIT;
}

int tree_finish_fd(int fd, const struct tree_attr *a)
{
	struct timespec ts[2];

	to_times(a->mtime_s, ts);
	if (fchown(fd, a->uid, a->gid) < 0 || fchmod(fd, a->mode) < 0 || futimens(fd, ts) < 0)
		return -errno;
	return 0;
}

int tree_set_attr(struct tree *t, const char *path, const struct tree_attr *a)
{
	const char *name;
	int dir = tree_parent(t, path, &name);
	struct timespec ts[2];
	struct stat st;

	if (dir < 0)
		return dir;
	to_times(a->mtime_s, ts);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchownat(dir, name, a->uid, a->gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (!S_ISLNK(st.st_mode) && fchmodat(dir, name, a->mode, 0) < 0) ||
	    utimensat(dir, name, ts, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

int tree_create(struct tree *t, const char *path)
{
	const char *name;
	int fd, dir = tree_parent(t, path, &name);

	if (dir < 0)
		return dir;
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

int tree_write(struct tree *t, const char *path, const void *data, size_t len,
	       const struct tree_attr *a)
{
	const char *name;
	int r, dir = tree_parent(t, path, &name);
	_cleanup_close_ int fd = -1;

	if (dir < 0)
		return dir;
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = tree_create(t, path);
	if (fd < 0)
		return fd;
	r = io_write_all(fd, data, len);
	return r < 0 ? r : tree_finish_fd(fd, a);
}

int tree_append(struct tree *t, const char *path, const char *text)
{
	const char *name;
	int dir = tree_parent(t, path, &name);
	_cleanup_close_ int fd = -1;

	if (dir < 0)
		return dir;
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0644);
	return fd < 0 ? -errno : io_write_all(fd, text, strlen(text));
}

int tree_symlink(struct tree *t, const char *target, const char *path)
{
	const char *name;
	int dir = tree_parent(t, path, &name);

	if (dir < 0)
		return dir;
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT)
		return -errno;
	return symlinkat(target, dir, name) < 0 ? -errno : 0;
}

int tree_read(struct tree *t, const char *path, size_t max_bytes, char **ret_data, size_t *ret_len)
{
	_cleanup_free_ char *data = NULL;
	_cleanup_close_ int fd = -1;
	uint64_t size;
	int r;

	while (*path == '/')
		path++;
	fd = path_open_in_root(t->root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return fd;
	r = io_size(fd, &size);
	if (r < 0)
		return r;
	if (size > max_bytes)
		return -EFBIG;
	data = malloc(size + 1);
	if (!data)
		return -ENOMEM;
	r = io_read_all(fd, data, size);
	if (r < 0)
		return r;
	data[size] = '\0';
	*ret_data = TAKE_PTR(data);
	if (ret_len)
		*ret_len = size;
	return 0;
}

static int walk_entry(int dirfd, const char *name, tree_visit_fn visit, void *arg)
{
	struct stat st;
	int sub, r;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode)) {
		sub = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		r = sub < 0 ? -errno : tree_walk(sub, visit, arg);
		if (r < 0)
			return r;
	}
	return visit(arg, dirfd, name, &st);
}

int tree_walk(int dirfd, tree_visit_fn visit, void *arg)
{
	_cleanup_closedir_ DIR *d = fdopendir(dirfd);
	struct dirent *e;
	int r = 0;

	if (!d) {
		close(dirfd);
		return -ENOMEM;
	}
	while (r == 0 && (e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			r = walk_entry(dirfd, e->d_name, visit, arg);
	return r;
}

bool tree_exists(struct tree *t, const char *path)
{
	_cleanup_close_ int fd = -1;

	while (*path == '/')
		path++;
	fd = path_open_in_root(t->root, path, O_PATH | O_NOFOLLOW, 0);
	return fd >= 0;
}

int tree_remove(struct tree *t, const char *path)
{
	const char *name;
	int dir;

	if (!tree_exists(t, path))
		return 0;
	dir = tree_parent(t, path, &name);
	if (dir < 0)
		return dir;
	forget_parent(t);
	dir = tree_parent(t, path, &name);
	return dir < 0 ? dir : path_remove_tree_at(dir, name);
}

int tree_empty(struct tree *t, const char *path)
{
	_cleanup_closedir_ DIR *d = NULL;
	struct dirent *e;
	int fd, r = 0;

	while (*path == '/')
		path++;
	fd = path_open_in_root(t->root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	forget_parent(t);
	d = fdopendir(fd);
	if (!d) {
		close(fd);
		return -ENOMEM;
	}
	while (r == 0 && (e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			r = path_remove_tree_at(fd, e->d_name);
	return r;
}

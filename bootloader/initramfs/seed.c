#include "bootloader/initramfs/seed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "bootloader/initramfs/random.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "lib/core/bytes.h"

#define TEMPORARY ".kiln-seed"
#define NAMES_MAX 4096
#define VALUE_MAX 65536
#define LINK_MAX_BYTES 4096
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* Attributes, owner, mode, times of @from for @to; owner before mode, which chown would clear. */
static int copy_attributes(int from, int to, const struct stat *st)
{
	char names[NAMES_MAX];
	ssize_t len = flistxattr(from, names, sizeof(names));
	_cleanup_free_ char *value = malloc(VALUE_MAX);

	if (!value)
		return -ENOMEM;
	if (fchown(to, st->st_uid, st->st_gid))
		return -errno;
	if (fchmod(to, st->st_mode & 07777))
		return -errno;
	for (ssize_t at = 0; at < len; at += (ssize_t)strlen(names + at) + 1) {
		ssize_t n = fgetxattr(from, names + at, value, VALUE_MAX);

		if (n >= 0 && fsetxattr(to, names + at, value, (size_t)n, 0) && errno != ENOTSUP)
			return -errno;
	}
	if (len < 0 && errno != ENOTSUP)
		return -errno;
	return futimens(to, (struct timespec[]){ st->st_atim, st->st_mtim }) ? -errno : 0;
}

static int copy_file(int from_dir, const char *from_name, int to_dir, const char *to_name)
{
	_cleanup_close_ int from = openat(from_dir, from_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_close_ int to = -1;
	struct stat st;
	int r;

	if (from < 0 || fstat(from, &st))
		return -errno;
	to = openat(to_dir, to_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return -errno;
	r = io_copy_range(from, 0, to, 0, (uint64_t)st.st_size);
	return r ?: copy_attributes(from, to, &st);
}

static int copy_link(int from_dir, const char *from_name, int to_dir, const char *to_name,
		     const struct stat *st)
{
	char target[LINK_MAX_BYTES + 1];
	ssize_t n = readlinkat(from_dir, from_name, target, sizeof(target));

	if (n < 0 || n == sizeof(target))
		return n < 0 ? -errno : -ENAMETOOLONG;
	target[n] = 0;
	if (symlinkat(target, to_dir, to_name) ||
	    fchownat(to_dir, to_name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW))
		return -errno;
	return 0;
}

static bool is_dot(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

static int copy_any(int from_dir, const char *from_name, int to_dir, const char *to_name,
		    unsigned int depth, struct err *err);

static int copy_children(int from, int to, unsigned int depth, struct err *err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int own = dup(from);
	struct dirent *e;

	dir = own < 0 ? NULL : fdopendir(own);
	if (!dir) {
		if (own >= 0)
			close(own);
		return err_errno(err, -errno, "read directory");
	}
	for (errno = 0; (e = readdir(dir)); errno = 0) {
		int r = is_dot(e->d_name) ? 0 :
					    copy_any(from, e->d_name, to, e->d_name, depth, err);

		if (r)
			return err_add(err, r, "%s", e->d_name);
	}
	return errno ? err_errno(err, -errno, "read directory") : 0;
}

static int copy_directory(int from_dir, const char *from_name, int to_dir, const char *to_name,
			  unsigned int depth, struct err *err)
{
	_cleanup_close_ int from = openat(from_dir, from_name, DIR_FLAGS);
	_cleanup_close_ int to = -1;
	struct stat st;
	int r;

	if (depth > SEED_DEPTH_MAX)
		return err_set(err, -ELOOP, "nested too deeply");
	if (from < 0 || fstat(from, &st) || mkdirat(to_dir, to_name, 0700))
		return err_errno(err, -errno, "copy directory");
	to = openat(to_dir, to_name, DIR_FLAGS);
	if (to < 0)
		return err_errno(err, -errno, "copy directory");
	r = copy_children(from, to, depth + 1, err);
	if (r)
		return r;
	r = copy_attributes(from, to, &st);
	return r ? err_errno(err, r, "attributes") : 0;
}

static int copy_any(int from_dir, const char *from_name, int to_dir, const char *to_name,
		    unsigned int depth, struct err *err)
{
	struct stat st;
	int r = 0;

	if (fstatat(from_dir, from_name, &st, AT_SYMLINK_NOFOLLOW))
		return err_errno(err, -errno, "look at it");
	if (S_ISDIR(st.st_mode))
		return copy_directory(from_dir, from_name, to_dir, to_name, depth, err);
	if (S_ISREG(st.st_mode))
		r = copy_file(from_dir, from_name, to_dir, to_name);
	else if (S_ISLNK(st.st_mode))
		r = copy_link(from_dir, from_name, to_dir, to_name, &st);
	return r ? err_errno(err, r, "copy") : 0;
}

int seed_copy(int from_dir, const char *from_name, int to_dir, const char *to_name,
	      struct err *err)
{
	struct stat st;

	if (!fstatat(to_dir, to_name, &st, AT_SYMLINK_NOFOLLOW))
		return err_set(err, -EEXIST, "%s exists", to_name);
	return copy_any(from_dir, from_name, to_dir, to_name, 0, err);
}

int seed_once(int from_dir, const char *from_name, int to_dir, const char *to_name,
	      struct err *err)
{
	struct stat st;
	int r;

	if (!fstatat(to_dir, to_name, &st, AT_SYMLINK_NOFOLLOW))
		return 0;
	r = path_remove_tree_at(to_dir, TEMPORARY);
	if (r)
		return err_errno(err, r, "remove " TEMPORARY);
	r = seed_copy(from_dir, from_name, to_dir, TEMPORARY, err);
	if (r)
		return err_add(err, r, "%s", from_name);
	if (syncfs(to_dir) || renameat(to_dir, TEMPORARY, to_dir, to_name) || fsync(to_dir))
		return err_errno(err, -errno, "%s", to_name);
	return 0;
}

static int make_like(int from, int to, const char *name)
{
	_cleanup_close_ int source = openat(from, name, DIR_FLAGS);
	_cleanup_close_ int target = -1;
	struct stat st;

	if (source < 0 || fstat(source, &st))
		return -errno;
	if (mkdirat(to, name, 0700))
		return errno == EEXIST ? 0 : -errno;
	target = openat(to, name, DIR_FLAGS);
	if (target < 0)
		return -errno;
	return copy_attributes(source, target, &st);
}

static int directories(int from, int to, unsigned int depth, struct err *err);

static int one_directory(int from, int to, const char *name, unsigned int depth, struct err *err)
{
	_cleanup_close_ int source = -1, target = -1;
	int r = make_like(from, to, name);

	if (r)
		return err_errno(err, r, "make it");
	source = openat(from, name, DIR_FLAGS);
	target = openat(to, name, DIR_FLAGS);
	/* A link or file where the image has a directory: somebody's wish, left alone. */
	if (target < 0 && (errno == ENOTDIR || errno == ELOOP))
		return 0;
	if (source < 0 || target < 0)
		return err_errno(err, -errno, "open it");
	return directories(source, target, depth + 1, err);
}

static int directories(int from, int to, unsigned int depth, struct err *err)
{
	_cleanup_closedir_ DIR *dir = NULL;
	int own = openat(from, ".", DIR_FLAGS);
	struct dirent *e;

	if (depth > SEED_DEPTH_MAX) {
		close(own);
		return err_set(err, -ELOOP, "nested too deeply");
	}
	dir = own < 0 ? NULL : fdopendir(own);
	if (!dir)
		return err_errno(err, -errno, "read directory");
	while ((e = readdir(dir))) {
		struct stat st;
		int r;

		if (is_dot(e->d_name) || fstatat(from, e->d_name, &st, AT_SYMLINK_NOFOLLOW) ||
		    !S_ISDIR(st.st_mode))
			continue;
		r = one_directory(from, to, e->d_name, depth, err);
		if (r)
			return err_add(err, r, "%s", e->d_name);
	}
	return 0;
}

int seed_directories(int from, int to, struct err *err)
{
	return directories(from, to, 0, err);
}

int seed_machine_id(int dir, const char *name, struct err *err)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	char text[34] = { 0 };
	uint8_t id[16];
	ssize_t n;
	int r;

	n = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);
	if (n < 0)
		return err_errno(err, -errno, "%s", name);
	if (n && strncmp(text, "uninitialized", 13))
		return 0;
	r = random_bytes(id, sizeof(id));
	if (r)
		return err_errno(err, r, "random numbers");
	id[6] = (uint8_t)((id[6] & 0x0f) | 0x40); /* a version 4 UUID, as systemd makes them */
	id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
	bytes_to_hex(id, sizeof(id), text);
	text[32] = '\n';
	r = ftruncate(fd, 0) ? -errno : io_pwrite_all(fd, text, 33, 0);
	if (!r && (fchmod(fd, 0444) || fsync(fd)))
		r = -errno;
	return r ? err_errno(err, r, "%s", name) : 0;
}

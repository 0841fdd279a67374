/* See store.h. */
#include "builder/resolve/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"

#define REOPEN_MAX 16

char *store_cache_dir(void)
{
	const char *dir = getenv("KILN_CACHE"), *home = getenv("HOME");

	if (dir && *dir)
		return strdup(dir);
	dir = getenv("XDG_CACHE_HOME");
	if (dir && *dir == '/')
		return path_join(dir, "kiln");
	return path_join(home && *home ? home : "/root", ".cache/kiln");
}

static int make_dir(const char *dir, const char *name, struct err *err)
{
	_cleanup_free_ char *path = path_join(dir, name);
	int r;

	if (!path)
		return err_oom(err);
	r = path_mkdirs(path);
	return r < 0 ? err_errno(err, r, "cannot make the cache folder %s", path) : 0;
}

int store_open(const char *cache_dir, struct store **ret, struct err *err)
{
	_cleanup_free_ char *dir = cache_dir ? strdup(cache_dir) : store_cache_dir();
	char *below = dir ? path_join(dir, "store") : NULL;
	struct store *s = calloc(1, sizeof(*s));
	static const char *const names[] = { "sha256", "partial", "latest" };
	int r = 0;

	if (!s || !below) {
		free(below);
		free(s);
		return err_oom(err);
	}
	s->dir = below;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(names); i++)
		r = make_dir(below, names[i], err);
	if (r < 0)
		store_free(s);
	else
		*ret = s;
	return r;
}

struct store *store_free(struct store *s)
{
	if (s)
		free(s->dir);
	free(s);
	return NULL;
}

char *store_path(const struct store *s, const char *sha256)
{
	return str_printf("%s/sha256/%.2s/%s", s->dir, sha256, sha256);
}

bool store_has(const struct store *s, const char *sha256, uint64_t size_bytes)
{
	_cleanup_free_ char *path = store_path(s, sha256);
	struct stat st;

	return path && stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       (!size_bytes || (uint64_t)st.st_size == size_bytes);
}

bool store_intact(const struct store *s, const char *sha256, uint64_t size_bytes)
{
	_cleanup_free_ char *path = store_path(s, sha256);
	uint8_t hash[DIGEST_BYTES];
	char hex[DIGEST_HEX_SIZE];

	if (!path || !store_has(s, sha256, size_bytes) || digest_file(path, hash, NULL, NULL) < 0)
		return false;
	digest_hex(hash, sizeof(hash), hex);
	if (!strcmp(hex, sha256))
		return true;
	unlink(path);
	return false;
}

static int make_shard(const struct store *s, const char *sha256, struct err *err)
{
	char shard[] = "sha256/xx";

	memcpy(shard + 7, sha256, 2);
	return make_dir(s->dir, shard, err);
}

int store_put(const struct store *s, const void *data, size_t len, char ret_sha256[DIGEST_HEX_SIZE],
	      struct err *err)
{
	uint8_t hash[DIGEST_BYTES];
	char hex[DIGEST_HEX_SIZE];
	_cleanup_free_ char *path = NULL;
	int r = 0;

	digest_bytes(data, len, hash);
	digest_hex(hash, sizeof(hash), hex);
	path = store_path(s, hex);
	if (!path)
		return err_oom(err);
	if (!store_has(s, hex, len)) {
		r = make_shard(s, hex, err);
		r = r < 0 ? r : atomic_file_write(path, data, len, 0444, err);
	}
	if (r == 0 && ret_sha256)
		memcpy(ret_sha256, hex, sizeof(hex));
	return r;
}

int store_read(const struct store *s, const char *sha256, size_t max_bytes, char **ret_data,
	       size_t *ret_len, struct err *err)
{
	_cleanup_free_ char *path = store_path(s, sha256), *data = NULL;
	uint8_t hash[DIGEST_BYTES];
	char hex[DIGEST_HEX_SIZE];
	size_t len;
	int r;

	if (!path)
		return err_oom(err);
	r = io_read_file(path, max_bytes, &data, &len, err);
	if (r < 0)
		return r;
	digest_bytes(data, len, hash);
	digest_hex(hash, sizeof(hash), hex);
	if (strcmp(hex, sha256)) {
		unlink(path);
		return err_set(err, -EBADMSG,
			       "%s: the stored file was damaged and is removed; try again", path);
	}
	*ret_data = TAKE_PTR(data);
	*ret_len = len;
	return 0;
}

static bool same_file(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/*
 * Open and lock the named part. Between open and flock another kiln may have
 * finished it and moved it into the store: then the descriptor is of a published
 * file, which must never be written, so look again. -EWOULDBLOCK when another
 * kiln is filling it.
 */
static int open_named(const char *path)
{
	for (unsigned i = 0; i < REOPEN_MAX; i++) {
		_cleanup_close_ int fd =
			open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

		if (fd < 0)
			return -errno;
		if (flock(fd, LOCK_EX | LOCK_NB) < 0)
			return -errno;
		if (same_file(fd, path))
			return TAKE_FD(fd);
	}
	return -EWOULDBLOCK;
}

int store_part_open(const struct store *s, const char *sha256, struct store_part *ret,
		    struct err *err)
{
	_cleanup_free_ char *path = str_printf("%s/partial/%s.part", s->dir, sha256);
	_cleanup_free_ char *dir = path_join(s->dir, "partial");
	int fd;

	if (!path || !dir)
		return err_oom(err);
	fd = open_named(path);
	if (fd == -EWOULDBLOCK) {
		free(path);
		path = NULL;
		fd = open(dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0644);
		fd = fd < 0 ? -errno : fd;
	}
	if (fd < 0)
		return err_errno(err, fd, "cannot write into the store %s", s->dir);
	ret->fd = fd;
	ret->path = TAKE_PTR(path);
	memcpy(ret->sha256, sha256, DIGEST_HEX_SIZE);
	return 0;
}

static int check_part(struct store_part *p, uint64_t size_bytes, struct err *err)
{
	uint8_t hash[DIGEST_BYTES];
	char hex[DIGEST_HEX_SIZE];
	uint64_t len;
	int r;

	if (lseek(p->fd, 0, SEEK_SET) < 0)
		return err_errno(err, -errno, "cannot read back the download");
	r = digest_fd(p->fd, hash, &len);
	if (r < 0)
		return err_errno(err, r, "cannot read back the download");
	digest_hex(hash, sizeof(hash), hex);
	if (len == size_bytes && !strcmp(hex, p->sha256))
		return 0;
	if (ftruncate(p->fd, 0) < 0)
		return err_errno(err, -errno, "cannot empty a refused download");
	if (len != size_bytes)
		return err_set(err, -EBADMSG, "refused: %llu bytes long, signed for %llu",
			       (unsigned long long)len, (unsigned long long)size_bytes);
	return err_set(err, -EBADMSG, "refused: its SHA-256 is %.16s..., signed for %.16s...", hex,
		       p->sha256);
}

static int publish(struct store_part *p, const char *target)
{
	char proc[64];

	fchmod(p->fd, 0444);
	if (p->path)
		return rename(p->path, target) < 0 ? -errno : 0;
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", p->fd);
	if (linkat(AT_FDCWD, proc, AT_FDCWD, target, AT_SYMLINK_FOLLOW) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

int store_part_commit(const struct store *s, struct store_part *p, uint64_t size_bytes,
		      struct err *err)
{
	_cleanup_free_ char *target = store_path(s, p->sha256);
	int r;

	if (!target)
		return err_oom(err);
	r = check_part(p, size_bytes, err);
	r = r < 0 ? r : make_shard(s, p->sha256, err);
	if (r < 0)
		return r;
	r = publish(p, target);
	if (r < 0)
		return err_errno(err, r, "cannot move a download into the store %s", s->dir);
	store_part_close(p);
	return 0;
}

void store_part_close(struct store_part *p)
{
	struct stat st;

	if (p->fd >= 0) {
		if (p->path && fstat(p->fd, &st) == 0 && st.st_size == 0 &&
		    same_file(p->fd, p->path))
			unlink(p->path);
		close(p->fd);
	}
	free(p->path);
	*p = STORE_PART_INIT;
}

/*
 * A file or block device around the page cache: blk_open_direct() of blk.h.
 *
 * O_DIRECT wants memory, offset and length aligned. Memory is bounced when it is
 * not; a read is rounded outwards; a write must be whole blocks, as everything an
 * installer writes is. A file system without O_DIRECT is used through its cache,
 * which a flush then empties.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/blk.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"

#define BLOCK 4096u /* fits every disk */
#define BOUNCE_BYTES (1u << 18)

struct blk_direct {
	struct blk blk;
	struct blk *file; /* the same fd, owned: size, sectors, plain flush */
	int fd; /* file's */
	bool direct;
	pthread_mutex_t bouncing;
	uint8_t *bounce;
};

static bool is_aligned(uint64_t offset_bytes, const void *data, size_t len)
{
	return offset_bytes % BLOCK == 0 && (uintptr_t)data % BLOCK == 0 && len % BLOCK == 0;
}

static int bounce_read(struct blk_direct *d, uint64_t offset_bytes, void *data, size_t len)
{
	uint8_t *to = data;

	while (len > 0) {
		uint64_t first = offset_bytes / BLOCK * BLOCK;
		size_t skip = (size_t)(offset_bytes - first), n;
		size_t wanted = (skip + len + BLOCK - 1) / BLOCK * BLOCK;
		int r;

		if (wanted > BOUNCE_BYTES)
			wanted = BOUNCE_BYTES;
		if (wanted > d->blk.size_bytes - first) /* the end may be no whole block */
			wanted = (size_t)(d->blk.size_bytes - first);
		r = io_pread_all(d->fd, d->bounce, wanted, first);
		if (r)
			return r;
		n = wanted - skip < len ? wanted - skip : len;
		memcpy(to, d->bounce + skip, n);
		to += n;
		offset_bytes += n;
		len -= n;
	}
	return 0;
}

static int direct_read(struct blk *b, uint64_t offset_bytes, void *data, size_t len)
{
	struct blk_direct *d = (struct blk_direct *)b;
	int r;

	if (!d->direct || is_aligned(offset_bytes, data, len))
		return io_pread_all(d->fd, data, len, offset_bytes);
	pthread_mutex_lock(&d->bouncing);
	r = bounce_read(d, offset_bytes, data, len);
	pthread_mutex_unlock(&d->bouncing);
	return r;
}

static int bounce_write(struct blk_direct *d, uint64_t offset_bytes, const void *data, size_t len)
{
	const uint8_t *from = data;

	for (size_t n; len > 0; from += n, offset_bytes += n, len -= n) {
		int r;

		n = len < BOUNCE_BYTES ? len : BOUNCE_BYTES;
		memcpy(d->bounce, from, n);
		r = io_pwrite_all(d->fd, d->bounce, n, offset_bytes);
		if (r)
			return r;
	}
	return 0;
}

static int direct_write(struct blk *b, uint64_t offset_bytes, const void *data, size_t len)
{
	struct blk_direct *d = (struct blk_direct *)b;
	int r;

	if (!d->direct || is_aligned(offset_bytes, data, len))
		return io_pwrite_all(d->fd, data, len, offset_bytes);
	if (offset_bytes % BLOCK || len % BLOCK)
		return -EINVAL;
	pthread_mutex_lock(&d->bouncing);
	r = bounce_write(d, offset_bytes, data, len);
	pthread_mutex_unlock(&d->bouncing);
	return r;
}

static int direct_flush(struct blk *b)
{
	struct blk_direct *d = (struct blk_direct *)b;
	int r = blk_flush(d->file);

	if (r == 0 && !d->direct)
		posix_fadvise(d->fd, 0, 0, POSIX_FADV_DONTNEED);
	return r;
}

static void direct_free(struct blk *b)
{
	struct blk_direct *d = (struct blk_direct *)b;

	blk_free(d->file);
	pthread_mutex_destroy(&d->bouncing);
	free(d->bounce);
	free(d);
}

static const struct blk_class direct_class = {
	.read = direct_read,
	.write = direct_write,
	.flush = direct_flush,
	.free = direct_free,
};

int blk_open_direct(const char *path, bool writable, struct blk **ret, struct err *err)
{
	int flags = (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC;
	int fd = open(path, flags | O_DIRECT), r;
	bool direct = fd >= 0;
	struct blk_direct *d;

	if (fd < 0 && errno == EINVAL)
		fd = open(path, flags);
	if (fd < 0)
		return err_errno(err, -errno, "cannot open '%s'", path);
	d = calloc(1, sizeof(*d));
	if (!d) {
		close(fd);
		return err_oom(err);
	}
	r = blk_from_fd(fd, writable, &d->file, err);
	if (r) {
		free(d);
		return err_add(err, r, "%s", path);
	}
	d->blk = *d->file;
	d->blk.class = &direct_class;
	d->fd = fd;
	d->direct = direct;
	pthread_mutex_init(&d->bouncing, NULL);
	d->bounce = aligned_alloc(BLOCK, BOUNCE_BYTES);
	if (!d->bounce) {
		direct_free(&d->blk);
		return err_oom(err);
	}
	*ret = &d->blk;
	return 0;
}

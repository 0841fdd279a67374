/* See medium.h. */
#include "install/medium.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"

#define DIRECT_ALIGN 4096

struct medium {
	struct blk blk;
	int fd;
	int direct_fd; /* of the same device, around the page cache; -1: there is none */
	bool block_device;
};

static struct medium *medium_of(struct blk *b)
{
	return (struct medium *)b;
}

static int medium_read(struct blk *b, uint64_t offset_bytes, void *data, size_t len)
{
	return io_pread_all(medium_of(b)->fd, data, len, offset_bytes);
}

/* A write around the cache also drops what the cache held of its range. */
static int medium_write(struct blk *b, uint64_t offset_bytes, const void *data, size_t len)
{
	struct medium *m = medium_of(b);

	if (m->direct_fd >= 0 && ((uintptr_t)data | offset_bytes | len) % DIRECT_ALIGN == 0) {
		int r = io_pwrite_all(m->direct_fd, data, len, offset_bytes);

		/* A file system may take the flag and not the write. */
		if (r != -EINVAL)
			return r;
	}
	return io_pwrite_all(m->fd, data, len, offset_bytes);
}

static int medium_zero(struct blk *b, uint64_t offset_bytes, uint64_t len)
{
	const int flags = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	uint64_t range[2] = { offset_bytes, len };
	struct medium *m = medium_of(b);
	int r;

	if (m->block_device)
		r = ioctl(m->fd, BLKZEROOUT, range);
	else
		r = fallocate(m->fd, flags, (off_t)offset_bytes, (off_t)len);
	/* Ranges that are not whole sectors of it are for write() to round. */
	return !r ? 0 : errno == EINVAL || errno == ENOTTY ? -EOPNOTSUPP : -errno;
}

static int medium_flush(struct blk *b)
{
	struct medium *m = medium_of(b);
	int r = fsync(m->fd) ? -errno : 0;

	medium_forget_cache(m->fd);
	return r;
}

static void medium_free(struct blk *b)
{
	struct medium *m = medium_of(b);

	if (m->direct_fd >= 0)
		close(m->direct_fd);
	close(m->fd);
	free(m);
}

static const struct blk_class medium_class = {
	.read = medium_read,
	.write = medium_write,
	.flush = medium_flush,
	.free = medium_free,
	.zero = medium_zero,
};

int medium_open_direct(int fd, bool writable)
{
	char path[32];
	int direct;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	direct = open(path, (writable ? O_RDWR : O_RDONLY) | O_DIRECT | O_CLOEXEC);
	return direct < 0 ? -errno : direct;
}

int medium_new(int fd, uint32_t sector_bytes, struct blk **ret, struct err *err)
{
	_cleanup_close_ int owned = fd;
	struct medium *m;
	struct stat st;
	uint64_t size;
	int r = fstat(fd, &st) ? -errno : io_size(fd, &size);

	if (r)
		return err_errno(err, r, "cannot tell the size of the target");
	m = calloc(1, sizeof(*m));
	if (!m)
		return err_oom(err);
	m->blk.class = &medium_class;
	m->blk.size_bytes = size / sector_bytes * sector_bytes;
	m->blk.sector_bytes = sector_bytes;
	m->block_device = S_ISBLK(st.st_mode);
	m->direct_fd = medium_open_direct(fd, true);
	m->fd = TAKE_FD(owned);
	*ret = &m->blk;
	return 0;
}

int medium_discard(struct blk *b)
{
	uint64_t range[2] = { 0, b->size_bytes };
	struct medium *m;

	if (b->class != &medium_class)
		return -EOPNOTSUPP;
	m = medium_of(b);
	if (!m->block_device)
		return medium_zero(b, 0, b->size_bytes);
	return ioctl(m->fd, BLKDISCARD, range) ? -errno : 0;
}

void medium_forget_cache(int fd)
{
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

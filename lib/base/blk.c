/* See blk.h: files, memory and windows as block devices. */
#include "lib/base/blk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"

struct blk *blk_free(struct blk *b)
{
	if (b)
		b->class->free(b);
	return NULL;
}

static int check_range(const struct blk *b, uint64_t offset_bytes, uint64_t len)
{
	return offset_bytes > b->size_bytes || len > b->size_bytes - offset_bytes ? -ENXIO : 0;
}

int blk_read(struct blk *b, uint64_t offset_bytes, void *data, size_t len)
{
	int r = check_range(b, offset_bytes, len);

	return r ? r : b->class->read(b, offset_bytes, data, len);
}

int blk_write(struct blk *b, uint64_t offset_bytes, const void *data, size_t len)
{
	int r = check_range(b, offset_bytes, len);

	if (b->read_only)
		return -EROFS;
	return r ? r : b->class->write(b, offset_bytes, data, len);
}

static int write_zeroes(struct blk *b, uint64_t offset_bytes, uint64_t len)
{
	static const uint8_t zeroes[256 * 1024] __attribute__((aligned(4096)));
	int r = 0;

	while (len && !r) {
		size_t n = len < sizeof(zeroes) ? (size_t)len : sizeof(zeroes);

		r = b->class->write(b, offset_bytes, zeroes, n);
		offset_bytes += n;
		len -= n;
	}
	return r;
}

int blk_zero(struct blk *b, uint64_t offset_bytes, uint64_t len)
{
	int r = check_range(b, offset_bytes, len);

	if (b->read_only)
		return -EROFS;
	if (r || !len)
		return r;
	r = b->class->zero ? b->class->zero(b, offset_bytes, len) : -EOPNOTSUPP;
	return r == -EOPNOTSUPP ? write_zeroes(b, offset_bytes, len) : r;
}

int blk_flush(struct blk *b)
{
	return b->class->flush(b);
}

/* ---- a file or block device ---- */

struct blk_file {
	struct blk blk;
	int fd;
};

static int file_read(struct blk *b, uint64_t offset_bytes, void *data, size_t len)
{
	return io_pread_all(((struct blk_file *)b)->fd, data, len, offset_bytes);
}

static int file_write(struct blk *b, uint64_t offset_bytes, const void *data, size_t len)
{
	return io_pwrite_all(((struct blk_file *)b)->fd, data, len, offset_bytes);
}

static int file_flush(struct blk *b)
{
	return fdatasync(((struct blk_file *)b)->fd) < 0 ? -errno : 0;
}

static void file_free(struct blk *b)
{
	close(((struct blk_file *)b)->fd);
	free(b);
}

/* A block device that has no way of its own gets zeroes from the kernel. */
static int file_zero(struct blk *b, uint64_t offset_bytes, uint64_t len)
{
	uint64_t range[2] = { offset_bytes, len };
	int fd = ((struct blk_file *)b)->fd;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISBLK(st.st_mode))
		return ioctl(fd, BLKZEROOUT, range) ? -errno : 0;
	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset_bytes,
			 (off_t)len) ?
		       -errno :
		       0;
}

static const struct blk_class file_class = {
	.read = file_read,
	.write = file_write,
	.flush = file_flush,
	.free = file_free,
	.zero = file_zero,
};

static uint32_t fd_sector_bytes(int fd)
{
	struct stat st;
	int sector = 0;

	if (fstat(fd, &st) < 0 || !S_ISBLK(st.st_mode) || ioctl(fd, BLKSSZGET, &sector) < 0 ||
	    sector < 512)
		return 512;
	return (uint32_t)sector;
}

int blk_from_fd(int fd, bool writable, struct blk **ret, struct err *err)
{
	_cleanup_close_ int owned = fd;
	struct blk_file *f;
	uint64_t size;
	int r = io_size(fd, &size);

	if (r)
		return err_errno(err, r, "cannot tell the size of the device");
	f = calloc(1, sizeof(*f));
	if (!f)
		return err_oom(err);
	f->blk.class = &file_class;
	f->blk.size_bytes = size;
	f->blk.sector_bytes = fd_sector_bytes(fd);
	f->blk.read_only = !writable;
	f->blk.concurrent = true;
	f->fd = TAKE_FD(owned);
	*ret = &f->blk;
	return 0;
}

int blk_open(const char *path, bool writable, struct blk **ret, struct err *err)
{
	int fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC), r;

	if (fd < 0)
		return err_errno(err, -errno, "cannot open '%s'", path);
	r = blk_from_fd(fd, writable, ret, err);
	return r ? err_add(err, r, "%s", path) : 0;
}

/* ---- memory ---- */

struct blk_mem {
	struct blk blk;
	uint8_t *bytes;
};

static int mem_read(struct blk *b, uint64_t offset_bytes, void *data, size_t len)
{
	memcpy(data, ((struct blk_mem *)b)->bytes + offset_bytes, len);
	return 0;
}

static int mem_write(struct blk *b, uint64_t offset_bytes, const void *data, size_t len)
{
	memcpy(((struct blk_mem *)b)->bytes + offset_bytes, data, len);
	return 0;
}

static int mem_flush(struct blk *b)
{
	(void)b;
	return 0;
}

static void mem_free(struct blk *b)
{
	free(((struct blk_mem *)b)->bytes);
	free(b);
}

static const struct blk_class mem_class = {
	.read = mem_read,
	.write = mem_write,
	.flush = mem_flush,
	.free = mem_free,
};

int blk_new_memory(uint64_t size_bytes, struct blk **ret)
{
	struct blk_mem *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->bytes = calloc(1, size_bytes ? size_bytes : 1);
	if (!m->bytes) {
		free(m);
		return -ENOMEM;
	}
	m->blk.class = &mem_class;
	m->blk.size_bytes = size_bytes;
	m->blk.sector_bytes = 512;
	*ret = &m->blk;
	return 0;
}

uint8_t *blk_memory(struct blk *b)
{
	return b->class == &mem_class ? ((struct blk_mem *)b)->bytes : NULL;
}

/* ---- a window of another device ---- */

struct blk_window {
	struct blk blk;
	struct blk *parent;
	uint64_t offset_bytes;
};

static int window_read(struct blk *b, uint64_t offset_bytes, void *data, size_t len)
{
	struct blk_window *w = (struct blk_window *)b;

	return blk_read(w->parent, w->offset_bytes + offset_bytes, data, len);
}

static int window_write(struct blk *b, uint64_t offset_bytes, const void *data, size_t len)
{
	struct blk_window *w = (struct blk_window *)b;

	return blk_write(w->parent, w->offset_bytes + offset_bytes, data, len);
}

static int window_flush(struct blk *b)
{
	return blk_flush(((struct blk_window *)b)->parent);
}

static int window_zero(struct blk *b, uint64_t offset_bytes, uint64_t len)
{
	struct blk_window *w = (struct blk_window *)b;

	return blk_zero(w->parent, w->offset_bytes + offset_bytes, len);
}

static void window_free(struct blk *b)
{
	free(b);
}

static const struct blk_class window_class = {
	.read = window_read,
	.write = window_write,
	.flush = window_flush,
	.free = window_free,
	.zero = window_zero,
};

int blk_new_window(struct blk *parent, uint64_t offset_bytes, uint64_t len, struct blk **ret)
{
	struct blk_window *w;

	if (offset_bytes > parent->size_bytes || len > parent->size_bytes - offset_bytes)
		return -ENXIO;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->blk.class = &window_class;
	w->blk.size_bytes = len;
	w->blk.sector_bytes = parent->sector_bytes;
	w->blk.read_only = parent->read_only;
	w->blk.concurrent = parent->concurrent;
	w->parent = parent;
	w->offset_bytes = offset_bytes;
	*ret = &w->blk;
	return 0;
}

/* ---- for lib/core ---- */

static int ops_read(void *ctx, uint64_t offset_bytes, void *data, size_t len)
{
	return blk_read(ctx, offset_bytes, data, len);
}

static int ops_write(void *ctx, uint64_t offset_bytes, const void *data, size_t len)
{
	return blk_write(ctx, offset_bytes, data, len);
}

static int ops_flush(void *ctx)
{
	return blk_flush(ctx);
}

struct disk_ops blk_disk_ops(struct blk *b)
{
	return (struct disk_ops){ b, ops_read, b->read_only ? NULL : ops_write, ops_flush };
}

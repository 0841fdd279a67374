/* See region.h. */
#include "builder/disk/region.h"

#include "lib/base/io.h"

static int region_read(void *ctx, uint64_t offset_bytes, void *data, size_t len)
{
	struct disk_region *reg = ctx;

	return io_pread_all(reg->fd, data, len, reg->offset_bytes + offset_bytes);
}

static int region_write(void *ctx, uint64_t offset_bytes, const void *data, size_t len)
{
	struct disk_region *reg = ctx;

	return io_pwrite_all(reg->fd, data, len, reg->offset_bytes + offset_bytes);
}

static int region_flush(void *ctx)
{
	(void)ctx;
	return 0;
}

struct disk_ops disk_region_ops(struct disk_region *reg)
{
	return (struct disk_ops){ .ctx = reg, .read = region_read, .write = region_write,
				  .flush = region_flush };
}

#include "bootloader/selector/owndisk.h"

#include "bootloader/efi/device_path.h"
#include "bootloader/efi/firmware.h"
#include "lib/core/platform.h"

/* Numbers of Linux, which lib/core hands up untouched. */
#define EIO 5
#define EINVAL 22

#define READ_PIECE_BYTES (4u << 20) /* larger single requests upset some firmware */

static EFI_BLOCK_IO *whole_disk(EFI_HANDLE handle)
{
	EFI_GUID guid = EFI_GUID_BLOCK_IO;
	EFI_BLOCK_IO *io = fw_protocol(handle, &guid);

	if (!io || !io->media || io->media->logical_partition || !io->media->present)
		return NULL;
	return io;
}

static EFI_BLOCK_IO *find_parent(const EFI_DEVICE_PATH *path, size_t prefix)
{
	EFI_GUID guid = EFI_GUID_BLOCK_IO;
	struct fw_handles all = fw_handles_find(&guid);
	EFI_BLOCK_IO *io = NULL;

	for (size_t i = 0; i < all.n && !io; i++) {
		const EFI_DEVICE_PATH *candidate = device_path_of(all.handle[i]);

		if (candidate && device_path_is_prefix(candidate, path, prefix))
			io = whole_disk(all.handle[i]);
	}
	fw_handles_free(&all);
	return io;
}

int owndisk_find(EFI_HANDLE image, struct owndisk *ret, const char **ret_why)
{
	EFI_GUID guid = EFI_GUID_LOADED_IMAGE;
	const EFI_DEVICE_PATH *path, *node;
	struct owndisk d = { 0 };
	EFI_LOADED_IMAGE *loaded = fw_protocol(image, &guid);
	size_t prefix = 0;

	*ret_why = "the firmware does not say where the selector came from";
	if (!loaded || !loaded->device)
		return -1;
	path = device_path_of(loaded->device);
	node = path ? device_path_partition(path, &prefix) : NULL;
	*ret_why = "the selector was not loaded from a partition of a disk";
	if (!node)
		return -1;
	(void)device_path_partition_guid(node, &d.esp);
	*ret_why = "the disk of the selector's partition cannot be found";
	d.io = find_parent(path, prefix);
	if (!d.io)
		return -1;
	d.sector_bytes = d.io->media->block_size;
	*ret_why = "the disk has an odd sector size";
	if (d.sector_bytes < 512 || d.sector_bytes > 4096 || d.sector_bytes & (d.sector_bytes - 1))
		return -1;
	d.size_bytes = (d.io->media->last_block + 1) * d.sector_bytes;
	d.read_only = d.io->media->read_only;
	*ret_why = "out of memory";
	d.bounce = fw_alloc(OWNDISK_BOUNCE_BYTES);
	if (!d.bounce)
		return -1;
	*ret = d;
	return 0;
}

/* Both bounds are checked here, so that a wrong partition table cannot reach beyond its range. */
static int range_check(const struct owndisk_range *r, uint64_t offset, uint64_t len)
{
	uint32_t sector = r->disk->sector_bytes;

	if (offset > r->size_bytes || len > r->size_bytes - offset ||
	    (r->offset_bytes + offset) % sector || len % sector)
		return -EINVAL;
	return 0;
}

static int range_read(void *ctx, uint64_t offset, void *data, size_t len)
{
	struct owndisk_range *r = ctx;
	EFI_BLOCK_IO *io = r->disk->io;
	uint8_t *to = data;

	if (range_check(r, offset, len))
		return -EINVAL;
	offset += r->offset_bytes;
	while (len) {
		size_t piece = len < OWNDISK_BOUNCE_BYTES ? len : OWNDISK_BOUNCE_BYTES;

		if (EFI_ERROR(io->read_blocks(io, io->media->media_id,
					      offset / r->disk->sector_bytes, piece,
					      r->disk->bounce)))
			return -EIO;
		memcpy(to, r->disk->bounce, piece);
		to += piece;
		offset += piece;
		len -= piece;
	}
	return 0;
}

static int range_write(void *ctx, uint64_t offset, const void *data, size_t len)
{
	struct owndisk_range *r = ctx;
	EFI_BLOCK_IO *io = r->disk->io;
	const uint8_t *from = data;

	if (range_check(r, offset, len))
		return -EINVAL;
	offset += r->offset_bytes;
	while (len) {
		size_t piece = len < OWNDISK_BOUNCE_BYTES ? len : OWNDISK_BOUNCE_BYTES;
		EFI_STATUS status;

		memcpy(r->disk->bounce, from, piece);
		status = io->write_blocks(io, io->media->media_id, offset / r->disk->sector_bytes,
					  piece, r->disk->bounce);
		if (EFI_ERROR(status))
			return status == EFI_WRITE_PROTECTED ? DISK_READ_ONLY : -EIO;
		from += piece;
		offset += piece;
		len -= piece;
	}
	return 0;
}

/* Always flushed: Media->WriteCaching is true even for a cache that writes through. */
static int range_flush(void *ctx)
{
	struct owndisk_range *r = ctx;

	return EFI_ERROR(r->disk->io->flush_blocks(r->disk->io)) ? -EIO : 0;
}

struct disk_ops owndisk_ops(struct owndisk_range *range)
{
	return (struct disk_ops){
		.ctx = range,
		.read = range_read,
		.write = range->disk->read_only ? NULL : range_write,
		.flush = range_flush,
	};
}

int owndisk_read_large(struct owndisk *d, uint64_t offset_bytes, void *data, uint64_t len)
{
	uint64_t end = (len + d->sector_bytes - 1) / d->sector_bytes * d->sector_bytes;
	uint8_t *to = data;

	if (offset_bytes % d->sector_bytes || offset_bytes > d->size_bytes ||
	    end > d->size_bytes - offset_bytes)
		return -EINVAL;
	for (uint64_t done = 0; done < end;) {
		uint64_t piece = end - done < READ_PIECE_BYTES ? end - done : READ_PIECE_BYTES;

		if (EFI_ERROR(d->io->read_blocks(d->io, d->io->media->media_id,
						 (offset_bytes + done) / d->sector_bytes,
						 (size_t)piece, to + done)))
			return -EIO;
		done += piece;
	}
	return 0;
}

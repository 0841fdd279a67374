/*
 * The disk the firmware loaded the selector from, and no other: bytes read and
 * written through the firmware's Block I/O of the whole disk.
 */
#ifndef BOOTLOADER_SELECTOR_OWNDISK_H
#define BOOTLOADER_SELECTOR_OWNDISK_H

#include <stdbool.h>
#include <stdint.h>

#include "bootloader/efi/uefi.h"
#include "lib/core/disk.h"
#include "lib/core/guid.h"

struct owndisk {
	EFI_BLOCK_IO *io;
	uint32_t sector_bytes;
	uint64_t size_bytes;
	bool read_only;
	struct guid esp; /* unique GUID of the partition the selector came from; zero if not GPT */
	void *bounce; /* OWNDISK_BOUNCE_BYTES, page-aligned */
};

#define OWNDISK_BOUNCE_BYTES 65536u

/* A byte range of the disk, e.g. the boot-state partition; the context of its disk_ops. */
struct owndisk_range {
	struct owndisk *disk;
	uint64_t offset_bytes, size_bytes;
};

/*
 * Find the disk that holds the partition @image was loaded from. 0 and *@ret filled; else -1
 * with the reason in *@ret_why (loaded from no partition, no such disk, no memory).
 */
int owndisk_find(EFI_HANDLE image, struct owndisk *ret, const char **ret_why);

/* Callbacks on @range, which must outlive them. No write callback when the disk is read-only. */
struct disk_ops owndisk_ops(struct owndisk_range *range);

/*
 * Read @len bytes at @offset_bytes of the disk, any length; @data is page-aligned and has
 * room up to the end of the last sector. 0 or a negative errno.
 */
int owndisk_read_large(struct owndisk *d, uint64_t offset_bytes, void *data, uint64_t len);

#endif

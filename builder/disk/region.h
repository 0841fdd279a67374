/*
 * A part of an open file as lib/core sees a disk: a partition of an image, or
 * the image itself (offset 0).
 */
#ifndef BUILDER_DISK_REGION_H
#define BUILDER_DISK_REGION_H

#include <stdint.h>

#include "lib/core/disk.h"

/* Borrows the fd. Where the part ends is the business of the partition table. */
struct disk_region {
	int fd;
	uint64_t offset_bytes;
};

/* @reg must outlive them. A flush does nothing: an image is synced once, before its rename. */
struct disk_ops disk_region_ops(struct disk_region *reg);

#endif

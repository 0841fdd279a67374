/*
 * The partition table of a fresh disk: types, attributes and GUIDs by role. Every
 * GUID is a function of the image's name, version and root hash.
 */
#ifndef BUILDER_DISK_TABLE_H
#define BUILDER_DISK_TABLE_H

#include "builder/disk/disk.h"
#include "lib/core/gpt.h"

#define TABLE_SECTOR_BYTES 512

/* Entries of disk_plan()'s layout, in GPT order. */
enum table_part {
	TABLE_ESP,
	TABLE_BOOT_STATE,
	TABLE_BOOT_A,
	TABLE_ROOT_A,
	TABLE_VERITY_A,
	TABLE_SIG_A,
	TABLE_BOOT_B,
	TABLE_ROOT_B,
	TABLE_VERITY_B,
	TABLE_SIG_B,
	TABLE_STATE,
};

/* The GUID of @role ("disk" or a partition name) of this image. */
struct guid table_guid(const struct disk_options *o, const char *role);

/* Fill @ret for @layout; -EINVAL with the GPT code's reason. */
int table_fill(const struct disk_options *o, const struct disk_layout *layout, struct gpt *ret,
	       struct err *err);

#endif

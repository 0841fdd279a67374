/*
 * The partitions of one slot as block devices, found by the disk's own table.
 */
#ifndef INSTALL_SLOT_H
#define INSTALL_SLOT_H

#include "install/bundle.h"

struct blk;
struct err;
struct gpt;

/*
 * Indexed by enum bundle_part; BUNDLE_UKI is the whole boot partition. The selector is
 * no part of a slot: its entry is NULL, and a writer leaves it out.
 */
struct slot {
	struct blk *part[BUNDLE_PARTS]; /* owned; windows of the disk */
};

/* Read @disk's table into @ret, which is about 16 KiB. 0 or a negative errno. */
int slot_read_table(struct blk *disk, struct gpt *ret, struct err *err);

/* Open slot @slot of @disk, which must outlive @ret. 0, -ENOENT, -ENOMEM. */
int slot_open(struct blk *disk, const struct gpt *gpt, unsigned slot, struct slot *ret,
	      struct err *err);

/* Release what slot_open() gave; @slot may be all zero. */
void slot_close(struct slot *slot);
#define _cleanup_slot_ __attribute__((cleanup(slot_close)))

/*
 * Bytes of a part as it lies in its partition: whole blocks, the signature to its full
 * length, filled up with zeroes.
 */
uint64_t slot_part_bytes(const struct bundle_manifest *m, enum bundle_part part);

/* 0, or -ENOSPC with @err saying which part of @m does not fit @slot. */
int slot_fits(const struct slot *slot, const struct bundle_manifest *m, struct err *err);

#endif

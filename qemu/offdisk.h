/*
 * A machine's disk while its power is off: its partitions and its boot state,
 * found and read by the same code as the selector's.
 */
#ifndef QEMU_OFFDISK_H
#define QEMU_OFFDISK_H

#include "lib/base/blk.h"
#include "lib/core/bootstate.h"
#include "lib/core/gpt.h"

struct err;

/* About 16 KiB of table, so on the heap. */
struct offdisk {
	struct blk *blk; /* the whole raw disk */
	struct gpt gpt;
};

/* The boot state and where it lies. */
struct offstate {
	struct blk *part; /* the boot-state partition */
	struct disk_ops ops;
	struct bs_disk disk;
	struct bs bs;
};

/* Open the raw image @path. NULL with @err when it has no valid partition table. */
struct offdisk *offdisk_open(const char *path, bool writable, struct err *err);

/* A window on the partition @name, which the caller frees before the disk. */
int offdisk_partition(struct offdisk *d, const char *name, struct blk **ret, struct err *err);

/* Load the boot state; NULL with @err when no copy is valid. Freed before the disk. */
struct offstate *offdisk_state(struct offdisk *d, struct err *err);

/* Store the changed state. 0 or a negative errno. */
int offstate_store(struct offstate *s, struct err *err);

/* Both are NULL-safe and return NULL. */
struct offdisk *offdisk_free(struct offdisk *d);
struct offstate *offstate_free(struct offstate *s);

static inline void offdisk_freep(struct offdisk **d)
{
	*d = offdisk_free(*d);
}

static inline void offstate_freep(struct offstate **s)
{
	*s = offstate_free(*s);
}

#define _cleanup_offdisk_ __attribute__((cleanup(offdisk_freep)))
#define _cleanup_offstate_ __attribute__((cleanup(offstate_freep)))

#endif

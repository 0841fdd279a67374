/*
 * The slots of a disk while a recorded write stream is replayed: whether what a boot state calls
 * ready was whole and durable when that was stored.
 *
 * A copy of the disk, the shadow, gets of every write to a slot what is durable.
 */
#ifndef QEMU_CRASH_SLOTS_H
#define QEMU_CRASH_SLOTS_H

#include <stdbool.h>

#include "lib/core/bootstate.h"
#include "qemu/offdisk.h"
#include "qemu/writelog.h"

struct err;

#define CRASH_SLOT_PARTS 4 /* UKI, root, hash tree, signature */

struct crash_slots {
	struct offdisk *shadow; /* owned */
	char *path; /* owned: of the shadow, removed at the end */
	size_t durable; /* entries of the stream before this one are in the shadow */
	struct crash_range {
		uint64_t start, end; /* bytes of the disk; both 0: there is no such partition */
	} part[BS_SLOTS][CRASH_SLOT_PARTS];
};

/* Copy the raw disk @base to @path, a new file. 0 or a negative errno; then crash_slots_done(). */
int crash_slots_open(struct crash_slots *s, const char *base, const char *path, struct err *err);

/* The slot that the write @e is to; BS_SLOT_NONE: none. */
unsigned crash_slots_hit(const struct crash_slots *s, const struct writelog_entry *e);

/* Everything of @log before entry @end is durable now. 0 or a negative errno. */
int crash_slots_flush(struct crash_slots *s, const struct writelog *log, size_t end,
		      struct err *err);

/*
 * Does the durable part of @slot hold @image: its descriptor, the UKI with that hash and, where the
 * disk has such partitions, a root and a hash tree with the root hash of the UKI's command line?
 */
bool crash_slots_whole(const struct crash_slots *s, unsigned slot, const struct slotdesc *image);

/* Release, and remove the shadow; @s may be all zero. */
void crash_slots_done(struct crash_slots *s);

#endif

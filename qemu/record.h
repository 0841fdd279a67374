/*
 * What the machine wrote down of each boot, matched with the boots that were seen.
 *
 *	a boot begins (power on, reset):	record_begin(&r, state now)
 *	the last one is over:			record_look(&r, state now)
 *
 * The selector counts every start before it makes it, so the starts of a boot are
 * those numbered behind the boot counter as it stood when the boot began. One boot
 * of the machine may start several slots; the verdict on a boot that stopped
 * without a word is written by the next one. Boots are numbered as in struct
 * timeline, and the same number of them is kept.
 */
#ifndef QEMU_RECORD_H
#define QEMU_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/core/bootstate.h"
#include "qemu/timeline.h"

#define RECORD_STARTS_MAX 4
#define RECORD_NOTHING UINT64_MAX /* no start can be this boot's */

struct record_boot {
	/* The boot counter when it began; 0 when the state was lost, too; or RECORD_NOTHING. */
	uint64_t after;
	struct bs_boot start[RECORD_STARTS_MAX]; /* oldest first */
	unsigned n;
};

struct record {
	struct record_boot boot[TIMELINE_BOOTS_MAX];
	unsigned n;
	unsigned dropped; /* older boots no longer kept */
};

/*
 * A boot begins and its selector has not run yet. @bs is NULL when the state cannot be
 * read: with @lost no copy is valid, so that its numbers start again; otherwise it cannot
 * be found at present, and nothing is counted either.
 */
void record_begin(struct record *r, const struct bs *bs, bool lost);

/* Take in what @bs (NULL: nothing) says of the boots so far. */
void record_look(struct record *r, const struct bs *bs);

#endif

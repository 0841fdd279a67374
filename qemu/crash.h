/*
 * What a power cut can leave of a recorded write stream, judged by the code that
 * would have to live with it: lib/core's boot state, as the selector links it.
 *
 * After every prefix of the stream, with the last write torn at every sector and at
 * some bytes, and with random subsets of what was not flushed yet:
 *
 *	a copy of the boot state is valid, and it is one that was stored whole, not
 *	older than what was durable;
 *	a slot can be started, and what the record calls ready is whole on the disk (I1, I2);
 *	no good slot is lost, and no start, try or floor is taken back (I3);
 *	and in the stream itself: a counted start is flushed before anything else is written,
 *	and a slot is written only while the boot state on the disk does not call it ready.
 */
#ifndef QEMU_CRASH_H
#define QEMU_CRASH_H

#include <stdint.h>

#include "qemu/writelog.h"

struct err;

#define CRASH_SUBSETS 50 /* sampled per flush epoch that writes the boot state */

struct crash_report {
	uint64_t writes, flushes; /* in the stream */
	uint64_t records; /* boot states stored in it */
	uint64_t starts; /* of them counted a start */
	uint64_t prefixes, torn, subsets; /* states of the disk that were judged */
};

/*
 * Judge the stream @log on top of the raw disk @base; @scratch is a file to be made for that,
 * which is gone afterwards. @seed chooses the subsets. 0 with *@ret;
 * -EILSEQ with the first violation in @err; or another negative errno.
 */
int crash_check(const char *base, const struct writelog *log, const char *scratch, uint64_t seed,
		struct crash_report *ret, struct err *err);

/*
 * Turn @disk, a copy of the base, into one that a cut may have left: everything up to a random
 * flush, and of the writes behind it a random subset, the last one perhaps torn. @seed chooses.
 */
int crash_state(const char *disk, const struct writelog *log, uint64_t seed, struct err *err);

#endif

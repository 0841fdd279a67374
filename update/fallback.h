/*
 * What the boot state can tell of the last fallback: which version was left for
 * the slot that runs now, how far it got, and why.
 *
 * The ring alone cannot tell: a boot that ended badly may have been followed by
 * the other slot because of an update or because somebody said so. So the slot
 * that was left must have lost its chance, or its image must be refused.
 */
#ifndef UPDATE_FALLBACK_H
#define UPDATE_FALLBACK_H

#include <stdbool.h>

#include "lib/core/bootstate.h"

struct fallback {
	unsigned slot; /* the one that was left */
	char version[VERSION_TEXT_SIZE];
	enum bs_stage stage; /* of its last boot */
	enum bs_reason reason;
	uint64_t boot; /* number of its last boot; 0: too long ago, the ring has it no more */
	uint64_t boots_ago; /* 1: the boot before this one */
	unsigned failures; /* its boots in a row that failed, as far as the ring reaches */
	bool still_there; /* the slot holds that image yet */
	bool refused; /* the image is not installed again until told */
	bool was_good; /* it had been confirmed before */
};

/* False when the slot that was started last was not reached by a fallback. */
bool fallback_find(const struct bs *bs, struct fallback *ret);

/*
 * The number of the newest boot of this fallback for which @has_log says true; 0 when
 * there is none. @ctx is passed on.
 */
uint64_t fallback_logged_boot(const struct bs *bs, const struct fallback *f,
			      bool (*has_log)(void *ctx, const struct bs_boot *boot), void *ctx);

#endif

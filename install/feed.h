/*
 * The bytes of a plan's parts, piece by piece and in the plan's order, read from the source
 * aside (lib/base/aside.h), a piece ahead of whoever writes them. What is a hole of the source
 * is not read.
 */
#ifndef INSTALL_FEED_H
#define INSTALL_FEED_H

#include <stddef.h>
#include <stdint.h>

#include "install/plan.h"
#include "lib/base/digest.h"

struct feed;

/* How much a piece is at most. */
#define FEED_PIECE_BYTES (4u << 20)

/* One piece, of one part. */
struct feed_piece {
	enum plan_part part;
	uint64_t offset_bytes; /* in its part */
	uint64_t len_bytes;
	const uint8_t *data; /* the feed's, aligned to 4096 bytes; NULL: all of it is zero */
};

/* A positive return of feed_next(): there was everything. */
enum { FEED_END = 1 };

/*
 * Begin to read, in pieces of up to @piece_bytes: a multiple of READBACK_GRAIN_BYTES, 0:
 * FEED_PIECE_BYTES. Two of them are held. @source and @plan must outlive the feed, which ends
 * with feed_free(). NULL when out of memory. Without a thread to be had, feed_next() reads.
 */
struct feed *feed_new(const struct provision_source *source, const struct plan *plan,
		      size_t piece_bytes);

/*
 * Wait for the next piece, whose data is valid until the next call. 0; FEED_END; or the
 * negative errno of a read, and *ret says which part could not be read. After either of
 * these only feed_free().
 */
int feed_next(struct feed *f, struct feed_piece *ret);

/*
 * After FEED_END: the digests of the parts as they were read, by readback_digest_add(). Not of
 * root and hash tree, which are known by the root hash.
 */
void feed_sums(const struct feed *f, uint8_t ret[PLAN_PARTS][DIGEST_BYTES]);

/* Stops reading. NULL-safe; returns NULL. */
struct feed *feed_free(struct feed *f);
static inline void feed_freep(struct feed **f)
{
	*f = feed_free(*f);
}
#define _cleanup_feed_ __attribute__((cleanup(feed_freep)))

#endif

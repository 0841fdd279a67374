/*
 * Reading pieces of a device one after the other, through a window: what is read in
 * order is read ahead in large pieces, and what is not costs no more than itself.
 */
#ifndef INSTALL_LOOK_H
#define INSTALL_LOOK_H

#include <stddef.h>
#include <stdint.h>

struct blk;

struct look {
	uint8_t *window; /* owned */
	const struct blk *of; /* what it shows; NULL: nothing */
	uint64_t start;
	size_t len;
};

/* -ENOMEM. Release with look_done(). */
int look_init(struct look *l);
void look_done(struct look *l);
#define _cleanup_look_ __attribute__((cleanup(look_done)))

/*
 * The @len bytes (at most BUNDLE_CHUNK_MAX) of @blk at @offset. 0, and *ret is good
 * until the next call; or a negative errno.
 */
int look_at(struct look *l, struct blk *blk, uint64_t offset, size_t len, const uint8_t **ret);

#endif

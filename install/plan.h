/*
 * The plan of an install: for every chunk of a bundle, where its bytes come from.
 *
 * Whatever is taken from this machine was hashed against the signed index when the
 * plan was made: the indexes that slots hold are only hints. So the plan is also
 * what makes an interrupted install go on, without a journal: what was written
 * before stands in its place.
 */
#ifndef INSTALL_PLAN_H
#define INSTALL_PLAN_H

#include "install/bundle.h"

struct blk;
struct err;
struct slot;
struct slotindex;

/* Where a chunk's bytes come from. */
enum plan_from {
	PLAN_IN_PLACE, /* they stand where they belong */
	PLAN_SLOT, /* copied from the running slot */
	PLAN_EARLIER, /* the same as an earlier chunk, which will have been written */
	PLAN_FETCH, /* from the source */
	PLAN_LEFT_OUT, /* of a part that has no place here */
	PLAN_FROMS
};

struct plan_chunk {
	uint8_t from; /* enum plan_from */
	uint8_t part; /* PLAN_SLOT: of the running slot */
	uint64_t offset; /* PLAN_SLOT: in that part */
};

struct plan {
	uint32_t n_chunks;
	struct plan_chunk *chunk; /* owned; as in the index */
	uint64_t bytes[PLAN_FROMS]; /* sums of the chunks' lengths */
};

/* What a plan is made for. */
struct plan_input {
	const struct bundle_index *index;
	const struct slot *target;
	const struct slot *running; /* NULL: nothing is taken from it */
	const struct slotindex *running_index; /* NULL: the same */
	/* Told about every chunk that was looked at; not 0: the work ends. May be NULL. */
	int (*progress)(void *ctx, uint64_t done_bytes, uint64_t total_bytes);
	void *ctx;
};

/*
 * Make the plan. What cannot be read on this machine is not there. 0, with @ret to be
 * released by plan_done(); -ENOMEM; or what @in->progress said.
 */
int plan_make(const struct plan_input *in, struct plan *ret, struct err *err);

/* Bytes that will be written at most: blocks that are equal already are not. */
uint64_t plan_write_bytes(const struct plan *plan);

/* Release what plan_make() gave; may be all zero. */
void plan_done(struct plan *plan);
#define _cleanup_plan_ __attribute__((cleanup(plan_done)))

#endif

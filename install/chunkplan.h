/*
 * The plan of an install: for every chunk of a bundle, where its bytes come from.
 *
 * Whatever is taken from this machine was hashed against the signed index when the
 * plan was made: the indexes that slots hold are only hints. So the plan is also
 * what makes an interrupted install go on, without a journal: what was written
 * before stands in its place.
 */
#ifndef INSTALL_CHUNKPLAN_H
#define INSTALL_CHUNKPLAN_H

#include "install/bundle.h"

struct blk;
struct err;
struct slot;
struct slotindex;

/* Where a chunk's bytes come from. */
enum chunkplan_from {
	CHUNK_IN_PLACE, /* they stand where they belong */
	CHUNK_SLOT, /* copied from the running slot */
	CHUNK_EARLIER, /* the same as an earlier chunk, which will have been written */
	CHUNK_FETCH, /* from the source */
	CHUNK_LEFT_OUT, /* of a part that has no place here */
	CHUNK_FROMS
};

/* Of 8 bytes, as there may be very many. */
struct chunkplan_entry {
	uint64_t from : 8; /* enum chunkplan_from */
	uint64_t part : 8; /* CHUNK_SLOT: of the running slot */
	uint64_t offset : 48; /* CHUNK_SLOT: in that part; what lies further in is fetched */
};

struct chunkplan {
	uint32_t n_chunks;
	struct chunkplan_entry *chunk; /* owned; as in the index */
	uint64_t bytes[CHUNK_FROMS]; /* sums of the chunks' lengths */
};

/* What a plan is made for. */
struct chunkplan_input {
	const struct bundle_index *index;
	const struct slot *target;
	bool blank; /* nothing was ever installed to the slot @target: it is not looked at */
	const struct slot *running; /* NULL: nothing is taken from it */
	const struct slotindex *running_index; /* NULL: the same */
	/* Told about every chunk that was looked at; not 0: the work ends. May be NULL. */
	int (*progress)(void *ctx, uint64_t done_bytes, uint64_t total_bytes);
	void *ctx;
};

/*
 * Make the plan. What cannot be read on this machine is not there. 0, with @ret to be
 * released by chunkplan_done(); -ENOMEM; or what @in->progress said.
 */
int chunkplan_make(const struct chunkplan_input *in, struct chunkplan *ret, struct err *err);

/* Bytes that will be written at most: blocks that are equal already are not. */
uint64_t chunkplan_write_bytes(const struct chunkplan *plan);

/* Release what chunkplan_make() gave; may be all zero. */
void chunkplan_done(struct chunkplan *plan);
#define _cleanup_chunkplan_ __attribute__((cleanup(chunkplan_done)))

#endif

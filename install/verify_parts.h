/*
 * What was written to a slot, read back from the medium: hashed, compared with what is
 * signed, and the hash tree made of it. Where the device allows it, that goes on aside
 * while more is written. For install.c and write_parts.c.
 */
#ifndef INSTALL_VERIFY_PARTS_H
#define INSTALL_VERIFY_PARTS_H

#include "install/bundle.h"
#include "install/hashtree.h"
#include "install/writer.h"
#include "lib/base/aside.h"
#include "lib/base/err.h"

struct digest;
struct install;

#define VERIFY_PIECE_BYTES ((size_t)4 * VERITY_FANOUT * VERITY_BLOCK_BYTES)

struct verify {
	struct install *in;
	struct digest *digest; /* owned; of the part at hand, unless that is the root */
	struct hashtree tree;
	struct writer writer; /* of the tree */
	struct aside aside, ahead; /* the work; and in it, reading the next piece */
	enum bundle_part part;
	uint64_t at, end; /* of the part: checked, and to be checked now */
	struct verify_piece {
		struct blk *blk;
		uint8_t *bytes; /* owned; VERIFY_PIECE_BYTES */
		uint64_t at;
		size_t len;
	} piece[2];
	uint64_t done_bytes, total_bytes;
	struct err err; /* of the work */
};

/* Release with verify_done() in any case. 0 or a negative errno. */
int verify_init(struct verify *v, struct install *in, struct err *err);
void verify_done(struct verify *v);

/*
 * Everything of @part before @end was written, and not flushed: flush it and check what
 * was not checked yet. Parts come one after the other. What it returns, 0, an enum
 * install_error or a negative errno, may be about the call before: the check goes on.
 */
int verify_upto(struct verify *v, enum bundle_part part, uint64_t end, struct err *err);

/* All parts were written: wait for the rest, write the tree, flush it and read it back. */
int verify_finish(struct verify *v, struct err *err);

#endif

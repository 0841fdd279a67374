/*
 * A dm-verity hash tree that grows while its data is read back from the medium, and is
 * written to a device as it grows. What comes out is, bit for bit, what
 * verity_tree_write() makes; but it goes through struct blk, and the data is seen once.
 *
 *	hashtree_init(); hashtree_add() for all data in order; hashtree_finish()
 *
 * The level above the data, nearly all of the tree, is written front to back; the
 * levels above that are kept until the end: 1/16384 of the data.
 */
#ifndef INSTALL_HASHTREE_H
#define INSTALL_HASHTREE_H

#include "verity/sha256mb.h"
#include "verity/tree.h"

struct blk;
struct writer;

struct hashtree {
	struct verity_layout layout;
	struct sha256mb mb;
	struct writer *out; /* not owned */
	struct blk *blk; /* the hash partition; not owned */
	/* Owned: superblock and all levels but the lowest, as they will lie in front of it. */
	uint8_t *front;
	size_t front_bytes;
	uint8_t (*leaves)[VERITY_HASH_BYTES]; /* owned: the block of the lowest level at hand */
	uint64_t data_blocks; /* added so far */
	uint64_t leaf_blocks; /* of the lowest level, complete so far */
	uint8_t top[VERITY_HASH_BYTES]; /* digest of the last block that was complete */
};

/* -EINVAL for a size that has no tree, -ENOMEM. Release with hashtree_done() in any case. */
int hashtree_init(struct hashtree *t, uint64_t data_bytes, const uint8_t *salt, size_t salt_len,
		  struct blk *blk, struct writer *out);
void hashtree_done(struct hashtree *t);

/* The next @n blocks of the data, at most VERITY_FANOUT, never across a multiple of it. */
int hashtree_add(struct hashtree *t, const uint8_t *data, unsigned n);

/* All data was added: write the rest. 0 with the root hash, or an errno. Does not flush. */
int hashtree_finish(struct hashtree *t, const uint8_t *salt, size_t salt_len,
		    const uint8_t uuid[VERITY_UUID_BYTES], uint8_t ret_root[VERITY_HASH_BYTES]);

#endif

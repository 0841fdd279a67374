/* See hashtree.h. */
#include "install/hashtree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "install/writer.h"
#include "lib/base/blk.h"

#define BLOCK ((size_t)VERITY_BLOCK_BYTES)

int hashtree_init(struct hashtree *t, uint64_t data_bytes, const uint8_t *salt, size_t salt_len,
		  struct blk *blk, struct writer *out)
{
	int r;

	*t = (struct hashtree){ .blk = blk, .out = out };
	r = verity_layout(data_bytes, &t->layout);
	if (r)
		return r;
	sha256mb_init(&t->mb, salt, salt_len, NULL);
	t->front_bytes = (t->layout.levels ? t->layout.level_start_block[0] : 1) * BLOCK;
	t->front = aligned_alloc(BLOCK, t->front_bytes);
	t->leaves = aligned_alloc(BLOCK, BLOCK);
	if (!t->front || !t->leaves)
		return -ENOMEM;
	memset(t->front, 0, t->front_bytes);
	writer_begin(out, blk, t->layout.hash_blocks * BLOCK);
	return 0;
}

void hashtree_done(struct hashtree *t)
{
	free(t->front);
	free(t->leaves);
	*t = (struct hashtree){ .front = NULL };
}

/* Block number @i of level @level has this digest. */
static void push_up(struct hashtree *t, unsigned level, uint64_t i,
		    const uint8_t digest[VERITY_HASH_BYTES])
{
	if (level + 1 < t->layout.levels)
		memcpy(t->front + t->layout.level_start_block[level + 1] * BLOCK +
			       i * VERITY_HASH_BYTES,
		       digest, VERITY_HASH_BYTES);
	else
		memcpy(t->top, digest, VERITY_HASH_BYTES);
}

/* The lowest level's block at hand, with @n digests, is complete. */
static int leaf_block_done(struct hashtree *t, unsigned n)
{
	uint8_t digest[1][VERITY_HASH_BYTES];
	int r;

	memset(t->leaves[n], 0, BLOCK - n * (size_t)VERITY_HASH_BYTES);
	r = writer_put(t->out, (t->layout.level_start_block[0] + t->leaf_blocks) * BLOCK, t->leaves,
		       BLOCK);
	if (r)
		return r;
	sha256mb_hash(&t->mb, t->leaves[0], BLOCK, 1, digest);
	push_up(t, 0, t->leaf_blocks++, digest[0]);
	return 0;
}

int hashtree_add(struct hashtree *t, const uint8_t *data, unsigned n)
{
	unsigned at = (unsigned)(t->data_blocks % VERITY_FANOUT);

	if (n > VERITY_FANOUT - at || n > t->layout.data_blocks - t->data_blocks)
		return -EINVAL;
	sha256mb_hash(&t->mb, data, BLOCK, n, t->leaves + at);
	t->data_blocks += n;
	if (t->layout.levels == 0)
		memcpy(t->top, t->leaves[0], VERITY_HASH_BYTES);
	else if (at + n == VERITY_FANOUT || t->data_blocks == t->layout.data_blocks)
		return leaf_block_done(t, at + n);
	return 0;
}

int hashtree_finish(struct hashtree *t, const uint8_t *salt, size_t salt_len,
		    const uint8_t uuid[VERITY_UUID_BYTES], uint8_t ret_root[VERITY_HASH_BYTES])
{
	int r = t->data_blocks == t->layout.data_blocks ? writer_finish(t->out) : -EINVAL;

	if (r)
		return r;
	for (unsigned level = 1; level < t->layout.levels; level++) {
		const uint8_t *blocks = t->front + t->layout.level_start_block[level] * BLOCK;

		for (uint64_t i = 0; i < t->layout.level_blocks[level]; i++) {
			uint8_t digest[1][VERITY_HASH_BYTES];

			sha256mb_hash(&t->mb, blocks + i * BLOCK, BLOCK, 1, digest);
			push_up(t, level, i, digest[0]);
		}
	}
	verity_superblock(&t->layout, salt, salt_len, uuid, t->front);
	writer_begin(t->out, t->blk, t->layout.hash_blocks * BLOCK);
	r = writer_put(t->out, 0, t->front, t->front_bytes);
	if (r == 0)
		r = writer_finish(t->out);
	if (r == 0)
		memcpy(ret_root, t->top, VERITY_HASH_BYTES);
	return r;
}

/*
 * Checking a hash tree from the root down: a level is compared with the hashes
 * of the level above only after that one was proved, so that the first
 * difference found is the block that is wrong, not a consequence of it.
 */
#include <errno.h>
#include <string.h>

#include "lib/base/err.h"
#include "lib/base/io.h"
#include "verity/hash_blocks.h"
#include "verity/tree.h"

struct level_checker {
	int hash_fd;
	uint64_t above_bytes; /* offset of the proved level above */
	const uint8_t *root; /* instead, for the top */
};

/*
 * A positive return of check_unit() is 1 + the position in the unit; 129 is the
 * spare space behind the hashes of the level above.
 */
static int check_unit(void *arg, uint64_t first, unsigned n,
		      uint8_t (*digests)[VERITY_HASH_BYTES])
{
	struct level_checker *c = arg;
	uint8_t want[VERITY_FANOUT][VERITY_HASH_BYTES];

	if (c->root) {
		memset(want, 0, sizeof(want));
		memcpy(want[0], c->root, VERITY_HASH_BYTES);
	} else {
		uint64_t block = first / VERITY_FANOUT;
		int r = io_pread_all(c->hash_fd, want, sizeof(want),
				     c->above_bytes + block * VERITY_BLOCK_BYTES);

		if (r)
			return r;
	}
	for (unsigned i = 0; i < n; i++)
		if (memcmp(want[i], digests[i], VERITY_HASH_BYTES) != 0)
			return 1 + (int)i;
	/* Unused digests are zero on our side. */
	return memcmp(want, digests, sizeof(want)) == 0 ? 0 : 1 + (int)VERITY_FANOUT;
}

static int report(int r, unsigned level, const struct verity_layout *l, uint64_t unit,
		  struct err *err)
{
	unsigned long long block;

	if (r < 0)
		return err_errno(err, r, level ? "cannot read the hash tree" :
						 "cannot read the data and its hashes");
	if (r > (int)VERITY_FANOUT)
		return err_set(err, VERITY_CORRUPT,
			       "the spare space behind the hashes of level %u is not zero", level);
	block = unit * VERITY_FANOUT + (unsigned)r - 1;
	if (level == 0)
		return err_set(err, VERITY_CORRUPT, "data block %llu of %llu is corrupt", block,
			       (unsigned long long)l->data_blocks);
	return err_set(err, VERITY_CORRUPT, "hash block %llu (level %u) is corrupt%s",
		       block + (unsigned long long)l->level_start_block[level - 1], level - 1,
		       level == l->levels ? ", or the root hash belongs to another tree" : "");
}

int verity_tree_check(int data_fd, uint64_t data_bytes, int hash_fd, const uint8_t *salt,
		      size_t salt_len, const uint8_t root[VERITY_HASH_BYTES],
		      const struct verity_options *opts, struct err *err)
{
	uint64_t data_start = opts ? opts->data_start_bytes : 0;
	uint64_t hash_start = opts ? opts->hash_start_bytes : 0;
	struct verity_layout l;
	int r;

	r = verity_check_input(data_bytes, salt_len, &l, err);
	if (r)
		return r;
	/* @level counts what is checked: levels is the top hash block, 0 the data. */
	for (unsigned level = l.levels + 1; level-- > 0;) {
		struct level_checker c = { .hash_fd = hash_fd };
		struct hash_blocks_job job = { .salt = salt, .salt_len = salt_len };
		uint64_t unit;

		job.fd = level ? hash_fd : data_fd;
		job.start_bytes = level ? hash_start + l.level_start_block[level - 1] *
							      VERITY_BLOCK_BYTES :
					  data_start;
		job.blocks = level ? l.level_blocks[level - 1] : l.data_blocks;
		job.threads = opts ? opts->threads : 0;
		job.large_reads = opts && level == 0 && opts->large_reads;
		job.progress = opts && level == 0 ? opts->progress : NULL;
		job.done_bytes = opts && level == 0 ? opts->done_bytes : NULL;
		job.unit = check_unit;
		job.arg = &c;
		if (level == l.levels)
			c.root = root;
		else
			c.above_bytes =
				hash_start + l.level_start_block[level] * VERITY_BLOCK_BYTES;
		r = hash_blocks(&job, &unit);
		if (r)
			return report(r, level, &l, unit, err);
	}
	return 0;
}

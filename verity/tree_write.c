/*
 * Writing a hash tree. Each level is the hashes of the level below, so writing
 * is one pass per level from a range of one file to a range of another; nothing
 * but the block at hand is ever in memory.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "lib/base/err.h"
#include "lib/base/io.h"
#include "verity/hash_blocks.h"
#include "verity/tree.h"

/* Offsets in cryptsetup's superblock; integers are little-endian. */
enum {
	SB_SIGNATURE = 0, /* "verity\0\0" */
	SB_VERSION = 8, /* u32, 1 */
	SB_HASH_TYPE = 12, /* u32, 1: the salt in front */
	SB_UUID = 16,
	SB_ALGORITHM = 32, /* 32 bytes, NUL-padded */
	SB_DATA_BLOCK_SIZE = 64, /* u32 */
	SB_HASH_BLOCK_SIZE = 68, /* u32 */
	SB_DATA_BLOCKS = 72, /* u64 */
	SB_SALT_SIZE = 80, /* u16 */
	SB_SALT = 88, /* 256 bytes */
	SB_END = SB_SALT + VERITY_SALT_MAX,
};
_Static_assert(SB_END <= VERITY_BLOCK_BYTES, "the superblock fits its block");

static void put_le(uint8_t *p, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(value >> (8 * i));
}

void verity_superblock(const struct verity_layout *l, const uint8_t *salt, size_t salt_len,
		       const uint8_t uuid[VERITY_UUID_BYTES], uint8_t sb[VERITY_BLOCK_BYTES])
{
	memset(sb, 0, VERITY_BLOCK_BYTES);
	memcpy(sb + SB_SIGNATURE, "verity", 6);
	put_le(sb + SB_VERSION, 1, 4);
	put_le(sb + SB_HASH_TYPE, 1, 4);
	memcpy(sb + SB_UUID, uuid, VERITY_UUID_BYTES);
	memcpy(sb + SB_ALGORITHM, "sha256", 6);
	put_le(sb + SB_DATA_BLOCK_SIZE, VERITY_BLOCK_BYTES, 4);
	put_le(sb + SB_HASH_BLOCK_SIZE, VERITY_BLOCK_BYTES, 4);
	put_le(sb + SB_DATA_BLOCKS, l->data_blocks, 8);
	put_le(sb + SB_SALT_SIZE, salt_len, 2);
	if (salt_len)
		memcpy(sb + SB_SALT, salt, salt_len);
}

/* Where the digests of one pass go: into a level of the hash file, or into the root hash. */
struct level_writer {
	int fd;
	uint64_t start_bytes;
	uint8_t *root; /* instead of a file, for the single block at the top */
};

static int write_unit(void *arg, uint64_t first, unsigned n,
		      uint8_t (*digests)[VERITY_HASH_BYTES])
{
	struct level_writer *w = arg;

	if (w->root) {
		assert(first == 0 && n == 1);
		memcpy(w->root, digests[0], VERITY_HASH_BYTES);
		return 0;
	}
	return io_pwrite_all(w->fd, digests, VERITY_BLOCK_BYTES,
			     w->start_bytes + first / VERITY_FANOUT * VERITY_BLOCK_BYTES);
}

/* Pass number @level: its input is the data for 0, else level - 1; the last one makes the root. */
static int write_level(struct hash_blocks_job *job, const struct verity_layout *l, unsigned level,
		       int hash_fd, uint64_t hash_start, uint8_t root[VERITY_HASH_BYTES])
{
	struct level_writer writer = { .fd = hash_fd };
	uint64_t unit;

	if (level > 0) {
		job->fd = hash_fd;
		job->start_bytes =
			hash_start + l->level_start_block[level - 1] * VERITY_BLOCK_BYTES;
		job->blocks = l->level_blocks[level - 1];
		job->progress = NULL; /* which counts data */
	}
	if (level < l->levels)
		writer.start_bytes = hash_start + l->level_start_block[level] * VERITY_BLOCK_BYTES;
	else
		writer.root = root;
	job->unit = write_unit;
	job->arg = &writer;
	return hash_blocks(job, &unit);
}

int verity_tree_write(int data_fd, uint64_t data_bytes, const uint8_t *salt, size_t salt_len,
		      const uint8_t uuid[VERITY_UUID_BYTES], int hash_fd,
		      uint8_t ret_root[VERITY_HASH_BYTES], const struct verity_options *opts,
		      struct err *err)
{
	struct hash_blocks_job job = { .fd = data_fd, .salt = salt, .salt_len = salt_len };
	uint8_t superblock[VERITY_BLOCK_BYTES], root[VERITY_HASH_BYTES];
	uint64_t hash_start = 0;
	struct verity_layout l;
	int r;

	r = verity_check_input(data_bytes, salt_len, &l, err);
	if (r)
		return r;
	job.blocks = l.data_blocks;
	if (opts) {
		job.threads = opts->threads;
		job.progress = opts->progress;
		job.start_bytes = opts->data_start_bytes;
		hash_start = opts->hash_start_bytes;
	}
	for (unsigned level = 0; level <= l.levels; level++) {
		r = write_level(&job, &l, level, hash_fd, hash_start, root);
		if (r)
			return err_errno(err, r, "cannot write level %u of the hash tree", level);
	}
	verity_superblock(&l, salt, salt_len, uuid, superblock);
	r = io_pwrite_all(hash_fd, superblock, sizeof(superblock), hash_start);
	if (r)
		return err_errno(err, r, "cannot write the verity superblock");
	memcpy(ret_root, root, VERITY_HASH_BYTES);
	return 0;
}

/*
 * dm-verity hash trees: writing one, and checking one against its data.
 *
 * kiln uses exactly one shape: format 1 (the salt goes in front of the block),
 * SHA-256, 4096-byte data and hash blocks. The hash file holds the veritysetup
 * superblock in block 0, for strangers only, and the tree from block 1, the
 * top level first. Nothing in kiln ever reads the superblock: it is not covered
 * by the root hash, and the kernel accepts a shortened one. Whoever activates
 * or checks a tree takes every parameter from a signed place instead.
 *
 * Format: cryptsetup's verity superblock and Linux
 * Documentation/admin-guide/device-mapper/verity.rst.
 */
#ifndef VERITY_TREE_H
#define VERITY_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/verity_table.h" /* the limits and the shape of a tree */

struct err;
struct progress;

#define VERITY_DIGEST_BYTES VERITY_HASH_BYTES
#define VERITY_UUID_BYTES 16
#define VERITY_HASH_START_BLOCK 1 /* the tree follows the superblock */

/* A positive return of verity_tree_check(): the bytes do not match the root hash. */
enum { VERITY_CORRUPT = 1 };

/* Where everything lies. Blocks count from the start of the hash file. */
struct verity_layout {
	uint64_t data_blocks;
	unsigned levels; /* 0 when there is one data block: its hash is the root */
	uint64_t level_start_block[VERITY_LEVELS_MAX]; /* [0] is the level above the data */
	uint64_t level_blocks[VERITY_LEVELS_MAX];
	uint64_t hash_blocks; /* of the whole hash file, superblock included */
};

/* How to work; a NULL pointer or zeroes mean the defaults. */
struct verity_options {
	unsigned threads; /* 0: one per CPU this process may use */
	/* The data's fd is open with O_DIRECT: read half a MiB at a time, as nobody reads ahead. */
	bool large_reads;
	struct progress *progress; /* in data bytes; may be NULL */
	/* Counted up, atomically, by the data bytes that are done: for another process to watch. */
	uint64_t *done_bytes;
	uint64_t data_start_bytes; /* where the data begins in its fd, e.g. a partition of a disk */
	uint64_t hash_start_bytes; /* where the superblock begins in its fd */
};

/*
 * Compute the layout of @data_bytes of data. 0; -EINVAL when it is zero or not
 * a multiple of 4096; -EFBIG above VERITY_DATA_BLOCKS_MAX blocks.
 */
int verity_layout(uint64_t data_bytes, struct verity_layout *ret_layout);

/* verity_layout() that says in words what is wrong, and refuses too long a salt (-EINVAL). */
int verity_check_input(uint64_t data_bytes, size_t salt_len, struct verity_layout *ret_layout,
		       struct err *err);

/*
 * Block 0 of the hash file, for whoever makes a tree by other means. @salt_len at most
 * VERITY_SALT_MAX.
 */
void verity_superblock(const struct verity_layout *l, const uint8_t *salt, size_t salt_len,
		       const uint8_t uuid[VERITY_UUID_BYTES],
		       uint8_t ret_block[VERITY_BLOCK_BYTES]);

/*
 * kiln's own salt and UUID, functions of names only so that a rebuild gives the
 * same bytes. The salt depends on the image's name and not on its version: an
 * unchanged data block then keeps its hash from version to version, and the new
 * tree compared with the old one says which blocks an update must fetch.
 * @name and @version are the recipe's; the UUID depends on both.
 */
void verity_derive(const char *name, const char *version, uint8_t ret_salt[VERITY_HASH_BYTES],
		   uint8_t ret_uuid[VERITY_UUID_BYTES]);

/*
 * Hash @data_bytes of @data_fd (a file or block device) and write superblock and
 * tree to @hash_fd (layout.hash_blocks blocks), each from offset 0 or @opts'.
 * @hash_fd is read back too (O_RDWR). Neither fd's file position is used or moved.
 * @opts may be NULL. Memory is a few blocks per thread, whatever the size.
 * Returns 0 with the root hash in @ret_root; -EINVAL for a bad size or salt,
 * -ENODATA when the data ends early, or the errno of a read, write or allocation.
 */
int verity_tree_write(int data_fd, uint64_t data_bytes, const uint8_t *salt, size_t salt_len,
		      const uint8_t uuid[VERITY_UUID_BYTES], int hash_fd,
		      uint8_t ret_root[VERITY_HASH_BYTES], const struct verity_options *opts,
		      struct err *err);

/*
 * Check every data block and every tree block against @root. The superblock is
 * not looked at; the spare bytes of the last block of each level must be zero
 * (they are hashed anyway). Parameters come from a signed source of the caller.
 * Returns 0; VERITY_CORRUPT with the first bad block named in @err; -EINVAL,
 * -ENODATA when either file is too short, or the errno of a read.
 */
int verity_tree_check(int data_fd, uint64_t data_bytes, int hash_fd, const uint8_t *salt,
		      size_t salt_len, const uint8_t root[VERITY_HASH_BYTES],
		      const struct verity_options *opts, struct err *err);

#endif

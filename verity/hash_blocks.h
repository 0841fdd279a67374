/*
 * Work over a long run of blocks on all CPUs. Private to verity/tree_*.c.
 *
 * The run is cut into units of 128 blocks, the blocks whose digests fill one
 * hash block. Each worker takes the next unit, reads it in pieces that stay in
 * its cache, and hands the unit's digests to a callback.
 */
#ifndef VERITY_HASH_BLOCKS_H
#define VERITY_HASH_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "verity/tree.h"

/*
 * Called from any worker with the digests of blocks @first to @first+@n-1 (n is
 * 128 but for the last unit); unused digests are zero, so that @digests is a
 * whole hash block. @arg is shared by all workers. Returns 0, a negative errno,
 * or a positive number: the work stops and the caller gets it.
 */
typedef int (*hash_unit_fn)(void *arg, uint64_t first, unsigned n,
			    uint8_t (*digests)[VERITY_HASH_BYTES]);

struct hash_blocks_job {
	int fd;
	uint64_t start_bytes; /* of the run in fd */
	uint64_t blocks; /* of 4096 bytes */
	const uint8_t *salt;
	size_t salt_len;
	hash_unit_fn unit;
	void *arg;
	struct progress *progress; /* may be NULL */
	uint64_t *done_bytes; /* as in struct verity_options; may be NULL */
	unsigned threads; /* 0: one per CPU */
	bool large_reads; /* as in struct verity_options */
};

/*
 * Run the job. Returns 0, or what the unit with the lowest number that failed
 * returned (so that the first bad block is named, whatever the threads did);
 * *ret_unit is that unit. -ENODATA when fd ends early, else a read's errno.
 */
int hash_blocks(const struct hash_blocks_job *job, uint64_t *ret_unit);

#endif

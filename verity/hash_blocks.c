/*
 * Workers over units of 128 blocks: see the header. Units are taken in order
 * from one counter, so that the file is read nearly front to back, and a failed
 * unit lets units before it finish: the lowest failure is the one reported.
 */
#include "verity/hash_blocks.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/io.h"
#include "lib/base/progress.h"
#include "verity/sha256mb.h"

#define UNIT_BLOCKS VERITY_FANOUT
#define PIECE_BLOCKS 16u /* fills the lanes of any kernel, and stays in the cache */
#define THREADS_MAX 64u

struct shared {
	const struct hash_blocks_job *job;
	struct sha256mb mb;
	uint64_t units;
	atomic_uint_least64_t next_unit;
	atomic_uint_least64_t failed_unit; /* lowest so far, units when none */
	pthread_mutex_t lock; /* guards failed_unit's writers and result */
	int result;
};

static void unit_failed(struct shared *s, uint64_t unit, int result)
{
	pthread_mutex_lock(&s->lock);
	if (unit < atomic_load(&s->failed_unit)) {
		atomic_store(&s->failed_unit, unit);
		s->result = result;
	}
	pthread_mutex_unlock(&s->lock);
}

/* Blocks in one read. */
static unsigned read_blocks(const struct hash_blocks_job *job)
{
	return job->large_reads ? UNIT_BLOCKS : PIECE_BLOCKS;
}

static int do_unit(struct shared *s, uint64_t unit, uint8_t *piece,
		   uint8_t (*digests)[VERITY_HASH_BYTES])
{
	const struct hash_blocks_job *job = s->job;
	uint64_t first = unit * UNIT_BLOCKS, left = job->blocks - first;
	unsigned n = left < UNIT_BLOCKS ? (unsigned)left : UNIT_BLOCKS;

	for (unsigned i = 0; i < n; i += read_blocks(job)) {
		unsigned count = n - i < read_blocks(job) ? n - i : read_blocks(job);
		uint64_t offset = job->start_bytes + (first + i) * VERITY_BLOCK_BYTES;
		int r = io_pread_all(job->fd, piece, (size_t)count * VERITY_BLOCK_BYTES, offset);

		if (r)
			return r;
		sha256mb_hash(&s->mb, piece, VERITY_BLOCK_BYTES, count, digests + i);
	}
	if (n < UNIT_BLOCKS)
		memset(digests[n], 0, (UNIT_BLOCKS - n) * (size_t)VERITY_HASH_BYTES);
	progress_add(job->progress, (uint64_t)n * VERITY_BLOCK_BYTES);
	if (job->done_bytes)
		__atomic_fetch_add(job->done_bytes, (uint64_t)n * VERITY_BLOCK_BYTES,
				   __ATOMIC_RELAXED);
	return job->unit(job->arg, first, n, digests);
}

static void *worker(void *arg)
{
	struct shared *s = arg;
	_cleanup_free_ uint8_t *piece = NULL;
	uint8_t digests[UNIT_BLOCKS][VERITY_HASH_BYTES];

	/* Aligned so that fd may be open with O_DIRECT. */
	piece = aligned_alloc(VERITY_BLOCK_BYTES, (size_t)read_blocks(s->job) * VERITY_BLOCK_BYTES);
	if (!piece) {
		unit_failed(s, 0, -ENOMEM);
		return NULL;
	}
	for (;;) {
		uint64_t unit = atomic_fetch_add(&s->next_unit, 1);
		int r;

		if (unit >= atomic_load(&s->failed_unit)) /* also the end: units is its start */
			return NULL;
		r = do_unit(s, unit, piece, digests);
		if (r) {
			unit_failed(s, unit, r);
			return NULL;
		}
	}
}

static unsigned count_threads(const struct hash_blocks_job *job, uint64_t units)
{
	unsigned n = job->threads;
	cpu_set_t set;

	if (n == 0)
		n = sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
	if (n > THREADS_MAX)
		n = THREADS_MAX;
	return n > units ? (unsigned)units : n;
}

int hash_blocks(const struct hash_blocks_job *job, uint64_t *ret_unit)
{
	struct shared s = { .job = job, .units = (job->blocks + UNIT_BLOCKS - 1) / UNIT_BLOCKS };
	pthread_t thread[THREADS_MAX];
	unsigned wanted = count_threads(job, s.units), started = 0;

	sha256mb_init(&s.mb, job->salt, job->salt_len, NULL);
	atomic_store(&s.failed_unit, s.units);
	pthread_mutex_init(&s.lock, NULL);
	/* This thread works too; when no more can be had, fewer do the same work. */
	while (started + 1 < wanted && pthread_create(&thread[started], NULL, worker, &s) == 0)
		started++;
	worker(&s);
	for (unsigned i = 0; i < started; i++)
		pthread_join(thread[i], NULL);
	pthread_mutex_destroy(&s.lock);
	*ret_unit = atomic_load(&s.failed_unit);
	return s.result;
}

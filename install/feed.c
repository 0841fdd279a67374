/*
 * See feed.h. The pieces lie in a ring: the reading thread fills the next one while it is
 * free, and nobody but it knows where in the source it is.
 */
#include "install/feed.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "install/readback.h"
#include "lib/base/cleanup.h"
#include "lib/base/io.h"

#define RING 3u

_Static_assert(FEED_PIECE_BYTES % READBACK_GRAIN_BYTES == 0, "grains are the same on both sides");

struct feed {
	const struct provision_source *source;
	const struct plan *plan;
	size_t piece_bytes;

	/* The reader's: what comes next, and what of its part was read so far. */
	unsigned part;
	uint64_t offset_bytes;
	struct digest *digest;
	uint8_t sums[PLAN_PARTS][DIGEST_BYTES];

	struct feed_piece piece[RING];
	int result[RING]; /* of feed_next() for this piece */
	uint8_t *buffer; /* RING * piece_bytes */

	pthread_t thread;
	bool threaded;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t changed;
	uint64_t filled, taken; /* pieces so far; those in between are ready, or being used */
	bool in_use; /* the first of them */
	bool stop;
};

/* How much from @from on is a hole of the source, at most @len, in whole grains. */
static uint64_t hole_at(int fd, uint64_t from, uint64_t len)
{
	off_t data = lseek(fd, (off_t)from, SEEK_DATA);
	uint64_t hole;

	if (data < 0)
		return errno == ENXIO ? len : 0;
	hole = (uint64_t)data - from;
	return hole >= len ? len : hole / READBACK_GRAIN_BYTES * READBACK_GRAIN_BYTES;
}

static void add_digest(struct feed *f, const struct feed_piece *p)
{
	if (p->part == PLAN_ROOT || p->part == PLAN_VERITY)
		return;
	for (uint64_t i = 0; p->data && i < p->len_bytes; i += READBACK_GRAIN_BYTES) {
		uint64_t left = p->len_bytes - i;

		readback_digest_add(f->digest, p->offset_bytes + i, p->data + i,
				    left < READBACK_GRAIN_BYTES ? left : READBACK_GRAIN_BYTES);
	}
	if (p->offset_bytes + p->len_bytes == f->plan->copy[p->part].len_bytes)
		digest_take(f->digest, f->sums[p->part]);
}

/* What feed_next() shall return. */
static int read_piece(struct feed *f, struct feed_piece *ret, uint8_t *data)
{
	const struct plan_copy *c;
	uint64_t from, left, hole;
	int r = 0;

	if (f->part == PLAN_PARTS)
		return FEED_END;
	c = &f->plan->copy[f->part];
	from = c->from_bytes + f->offset_bytes;
	left = c->len_bytes - f->offset_bytes;
	hole = hole_at(f->source->fd, from, left);
	*ret = (struct feed_piece){ .part = f->part, .offset_bytes = f->offset_bytes,
				    .len_bytes = hole };
	if (!hole) {
		ret->len_bytes = left < f->piece_bytes ? left : f->piece_bytes;
		ret->data = data;
		r = io_pread_all(f->source->fd, data, ret->len_bytes, from);
	}
	if (r)
		return r;
	add_digest(f, ret);
	f->offset_bytes += ret->len_bytes;
	if (f->offset_bytes == c->len_bytes) {
		f->offset_bytes = 0;
		f->part++;
	}
	return 0;
}

/* Fill the next piece, which is free. Whether there will be more. */
static bool fill(struct feed *f, unsigned at)
{
	f->result[at] = read_piece(f, &f->piece[at], f->buffer + at * f->piece_bytes);
	return f->result[at] == 0;
}

static void *read_ahead(void *arg)
{
	struct feed *f = arg;
	bool more = true;

	pthread_mutex_lock(&f->lock);
	while (more && !f->stop) {
		if (f->filled - f->taken == RING) {
			pthread_cond_wait(&f->changed, &f->lock);
			continue;
		}
		pthread_mutex_unlock(&f->lock);
		more = fill(f, f->filled % RING);
		pthread_mutex_lock(&f->lock);
		f->filled++;
		pthread_cond_signal(&f->changed);
	}
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

struct feed *feed_new(const struct provision_source *source, const struct plan *plan,
		      size_t piece_bytes)
{
	_cleanup_feed_ struct feed *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->source = source;
	f->plan = plan;
	f->piece_bytes = piece_bytes ? piece_bytes : FEED_PIECE_BYTES;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->changed, NULL);
	f->buffer = aligned_alloc(4096, RING * f->piece_bytes);
	f->digest = digest_new();
	if (!f->buffer || !f->digest)
		return NULL;
	f->threaded = pthread_create(&f->thread, NULL, read_ahead, f) == 0;
	return TAKE_PTR(f);
}

int feed_next(struct feed *f, struct feed_piece *ret)
{
	unsigned at;
	int r;

	pthread_mutex_lock(&f->lock);
	if (f->in_use) {
		f->taken++;
		pthread_cond_signal(&f->changed);
	}
	f->in_use = true;
	if (!f->threaded)
		fill(f, f->filled++ % RING);
	while (f->filled == f->taken)
		pthread_cond_wait(&f->changed, &f->lock);
	at = f->taken % RING;
	*ret = f->piece[at];
	r = f->result[at];
	pthread_mutex_unlock(&f->lock);
	return r;
}

void feed_sums(const struct feed *f, uint8_t ret[PLAN_PARTS][DIGEST_BYTES])
{
	memcpy(ret, f->sums, sizeof(f->sums));
}

struct feed *feed_free(struct feed *f)
{
	if (!f)
		return NULL;
	pthread_mutex_lock(&f->lock);
	f->stop = true;
	pthread_cond_signal(&f->changed);
	pthread_mutex_unlock(&f->lock);
	if (f->threaded)
		pthread_join(f->thread, NULL);
	pthread_cond_destroy(&f->changed);
	pthread_mutex_destroy(&f->lock);
	digest_free(f->digest);
	free(f->buffer);
	free(f);
	return NULL;
}

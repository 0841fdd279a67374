/*
 * See feed.h. There are two pieces: one is in the hands of the writer while the next one is read
 * aside.
 */
#include "install/feed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "install/readback.h"
#include "lib/base/aside.h"
#include "lib/base/cleanup.h"
#include "lib/base/io.h"

_Static_assert(FEED_PIECE_BYTES % READBACK_GRAIN_BYTES == 0, "grains are the same on both sides");

struct feed {
	const struct provision_source *source;
	const struct plan *plan;
	size_t piece_bytes;
	struct feed_piece piece[2];
	uint8_t *bytes[2]; /* owned; of piece_bytes */
	unsigned which; /* is being read */
	struct aside aside;

	/* What comes next, and what of its part was read so far. */
	unsigned part;
	uint64_t offset_bytes;
	struct digest *digest;
	uint8_t sums[PLAN_PARTS][DIGEST_BYTES];
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

/* Read the piece that is next. What feed_next() shall return. */
static int read_piece(void *arg)
{
	struct feed *f = arg;
	struct feed_piece *p = &f->piece[f->which];
	const struct plan_copy *c;
	uint64_t from, left, hole;
	int r = 0;

	if (f->part == PLAN_PARTS)
		return FEED_END;
	c = &f->plan->copy[f->part];
	from = c->from_bytes + f->offset_bytes;
	left = c->len_bytes - f->offset_bytes;
	hole = hole_at(f->source->fd, from, left);
	*p = (struct feed_piece){ .part = f->part, .offset_bytes = f->offset_bytes,
				  .len_bytes = hole };
	if (!hole) {
		p->len_bytes = left < f->piece_bytes ? left : f->piece_bytes;
		p->data = f->bytes[f->which];
		r = io_pread_all(f->source->fd, f->bytes[f->which], p->len_bytes, from);
	}
	if (r)
		return r;
	add_digest(f, p);
	f->offset_bytes += p->len_bytes;
	if (f->offset_bytes == c->len_bytes) {
		f->offset_bytes = 0;
		f->part++;
	}
	return 0;
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
	f->bytes[0] = aligned_alloc(4096, f->piece_bytes);
	f->bytes[1] = aligned_alloc(4096, f->piece_bytes);
	f->digest = digest_new();
	if (!f->bytes[0] || !f->bytes[1] || !f->digest)
		return NULL;
	aside_init(&f->aside);
	aside_start(&f->aside, read_piece, f);
	return TAKE_PTR(f);
}

int feed_next(struct feed *f, struct feed_piece *ret)
{
	int r = aside_wait(&f->aside);

	*ret = f->piece[f->which];
	if (r)
		return r;
	f->which = !f->which;
	aside_start(&f->aside, read_piece, f);
	return 0;
}

void feed_sums(const struct feed *f, uint8_t ret[PLAN_PARTS][DIGEST_BYTES])
{
	memcpy(ret, f->sums, sizeof(f->sums));
}

struct feed *feed_free(struct feed *f)
{
	if (!f)
		return NULL;
	aside_done(&f->aside);
	digest_free(f->digest);
	free(f->bytes[0]);
	free(f->bytes[1]);
	free(f);
	return NULL;
}

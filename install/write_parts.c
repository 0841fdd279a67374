/* See write_parts.h. */
#include "install/write_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "install/install.h"
#include "install/look.h"
#include "install/source.h"
#include "install/verify_parts.h"
#include "install/writer.h"
#include "lib/base/blk.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "verity/sha256mb.h"

/* Neighbours are asked for together, up to this: it is also what a retry may repeat. */
#define REQUEST_MAX (UINT64_C(8) << 20)

/* Chunks that are fetched and hashed together. */
#define RUN_CHUNKS_MAX 64u
/* So many windows are flushed and read back at a time. */
#define WINDOWS_AT_ONCE 16u

struct parts {
	struct install *in;
	struct writer *writer;
	struct verify *verify;
	struct look running;
	uint8_t *chunk; /* owned; BUNDLE_CHUNK_MAX */
	uint32_t asked; /* chunks before it were asked for, as far as they are fetched */
	uint64_t done_bytes;
	uint64_t handed_on; /* of the part at hand, to be read back */
};

static const struct bundle_chunk *chunk_of(const struct parts *p, uint32_t i)
{
	return &p->in->front->index.chunks[i];
}

/* Ask for the next run of neighbours; nothing when there is none. */
static int request_next(struct parts *p, struct err *err)
{
	const struct chunkplan *plan = p->in->plan;
	uint64_t start, len = 0;

	while (p->asked < plan->n_chunks && plan->chunk[p->asked].from != CHUNK_FETCH)
		p->asked++;
	if (p->asked == plan->n_chunks)
		return 0;
	start = chunk_of(p, p->asked)->data_offset;
	for (; p->asked < plan->n_chunks; p->asked++) {
		const struct bundle_chunk *c = chunk_of(p, p->asked);

		/* Copies of what came before lie between neighbours, and take no place. */
		if (plan->chunk[p->asked].from != CHUNK_FETCH)
			continue;
		if (c->data_offset != start + len || len + c->length > REQUEST_MAX)
			break;
		len += c->length;
	}
	return source_request(p->in->source, p->in->front->offsets.data + start, len, err);
}

static int request_ahead(struct parts *p, struct err *err)
{
	int r = 0;

	while (r == 0 && p->asked < p->in->plan->n_chunks && source_has_room(p->in->source))
		r = request_next(p, err);
	return r;
}

/* From the source: @len bytes of what was asked for. */
static int fetch(struct parts *p, uint8_t *to, size_t len, struct err *err)
{
	int r = request_ahead(p, err);

	if (r == 0)
		r = source_read(p->in->source, to, len, err);
	if (r == -EINTR)
		return INSTALL_E_STOPPED;
	return r ? INSTALL_E_SOURCE : 0;
}

/* From a device of this machine. */
static int copy(struct parts *p, uint32_t i, const struct bundle_chunk *c, struct err *err)
{
	const struct chunkplan_entry *from = &p->in->plan->chunk[i];
	const uint8_t *bytes;
	int r;

	if (from->from == CHUNK_SLOT) {
		r = look_at(&p->running, p->in->running->part[from->part], from->offset, c->length,
			    &bytes);
		if (r == 0)
			memcpy(p->chunk, bytes, c->length);
	} else {
		const struct bundle_index *idx = &p->in->front->index;
		const struct bundle_chunk *first = &idx->chunks[c->first];
		struct blk *blk = p->in->target->part[bundle_part_of(idx, c->first)];

		/* The part at hand may not have been written to its end. */
		r = blk == p->writer->blk ?
			    writer_get(p->writer, first->part_offset, p->chunk, c->length) :
			    blk_read(blk, first->part_offset, p->chunk, c->length);
	}
	return r ? err_errno(err, r, "cannot read what is there already") : 0;
}

/* How many of the @n chunks from @i on, which lie at @bytes, are what they should be. */
static uint32_t count_good(const struct parts *p, uint32_t i, uint32_t n, const uint8_t *bytes)
{
	struct sha256mb_message m[RUN_CHUNKS_MAX] = { { NULL, 0 } };
	uint8_t hash[RUN_CHUNKS_MAX][DIGEST_BYTES];

	for (uint32_t k = 0; k < n; k++) {
		m[k] = (struct sha256mb_message){ bytes, chunk_of(p, i + k)->length };
		bytes += m[k].len;
	}
	sha256mb_hash_each(NULL, m, n, hash);
	for (uint32_t k = 0; k < n; k++)
		if (memcmp(hash[k], chunk_of(p, i + k)->hash, BUNDLE_HASH_BYTES))
			return k;
	return n;
}

static int bad_chunk(const struct parts *p, uint32_t i, struct err *err)
{
	const struct bundle_chunk *c = chunk_of(p, i);

	if (p->in->plan->chunk[i].from == CHUNK_FETCH)
		return err_set(err, INSTALL_E_DAMAGED,
			       "the bundle is damaged: %u bytes from byte %" PRIu64
			       " on are not the signed ones",
			       c->length, p->in->front->offsets.data + c->data_offset);
	return err_set(err, INSTALL_E_CHANGED,
		       "what was to be copied on this machine has changed meanwhile; try again");
}

static int write_failed(const struct parts *p, int r, struct err *err)
{
	return err_errno(err, r, "cannot write slot %s", bs_slot_name(p->in->target_slot));
}

/* The neighbours from @i on that are fetched and fit the writer's window: they go there in one. */
static uint32_t run_of(const struct parts *p, uint32_t i, uint32_t end, size_t *ret_len)
{
	size_t left = writer_left(p->writer, chunk_of(p, i)->part_offset), len = 0;
	uint32_t n = 0;

	for (; n < RUN_CHUNKS_MAX && i + n < end; n++) {
		if (p->in->plan->chunk[i + n].from != CHUNK_FETCH ||
		    chunk_of(p, i + n)->length > left - len)
			break;
		len += chunk_of(p, i + n)->length;
	}
	*ret_len = len;
	return n;
}

/* Fetch a run into the window, where it counts as far as it is good. */
static int put_run(struct parts *p, uint32_t i, uint32_t n, size_t len, struct err *err)
{
	uint64_t offset = chunk_of(p, i)->part_offset;
	uint32_t good;
	uint8_t *to;
	int r = writer_room(p->writer, offset, len, &to);

	if (r)
		return write_failed(p, r, err);
	r = fetch(p, to, len, err);
	if (r)
		return r;
	good = count_good(p, i, n, to);
	if (good < n)
		len = (size_t)(chunk_of(p, i + good)->part_offset - offset);
	writer_take(p->writer, offset, len);
	p->done_bytes += len;
	return good < n ? bad_chunk(p, i + good, err) : 0;
}

/* One that lies across two windows, or is on this machine. */
static int put_chunk(struct parts *p, uint32_t i, struct err *err)
{
	const struct bundle_chunk *c = chunk_of(p, i);
	int r = p->in->plan->chunk[i].from == CHUNK_FETCH ? fetch(p, p->chunk, c->length, err) :
							    copy(p, i, c, err);

	if (r)
		return r;
	if (count_good(p, i, 1, p->chunk) == 0)
		return bad_chunk(p, i, err);
	r = writer_put(p->writer, c->part_offset, p->chunk, c->length);
	if (r)
		return write_failed(p, r, err);
	p->done_bytes += c->length;
	return 0;
}

/* The chunk @i, and those before @end that go with it; *ret_n is how many. */
static int put_next(struct parts *p, uint32_t i, uint32_t end, uint32_t *ret_n, struct err *err)
{
	enum chunkplan_from from = p->in->plan->chunk[i].from;
	uint32_t n;
	size_t len;
	int r;

	*ret_n = 1;
	if (p->in->stop && *p->in->stop)
		return err_set(err, INSTALL_E_STOPPED, "interrupted");
	if (from == CHUNK_IN_PLACE || from == CHUNK_LEFT_OUT)
		return 0;
	n = run_of(p, i, end, &len);
	r = n ? put_run(p, i, n, len, err) : put_chunk(p, i, err);
	if (r)
		return r;
	*ret_n = n ? n : 1;
	if (p->in->progress)
		p->in->progress(p->in->ctx, INSTALL_WRITE, p->done_bytes,
				chunkplan_write_bytes(p->in->plan));
	return 0;
}

/* Let what was written be read back, as soon as it is worth a flush. */
static int hand_on(struct parts *p, enum bundle_part part, struct err *err)
{
	struct writer *w = p->writer;
	int r;

	if (!w->len || w->start - p->handed_on < (uint64_t)WINDOWS_AT_ONCE * w->window_bytes)
		return 0;
	r = writer_wait(w);
	if (r)
		return write_failed(p, r, err);
	p->handed_on = w->start;
	return verify_upto(p->verify, part, p->handed_on, err);
}

static int write_part(struct parts *p, enum bundle_part part, struct err *err)
{
	const struct bundle_manifest *m = &p->in->front->manifest;
	const struct bundle_index *idx = &p->in->front->index;
	uint64_t bytes = m->part[part].bytes, end = slot_part_bytes(m, part);
	int r = 0;

	if (!p->in->target->part[part])
		return 0;
	writer_begin(p->writer, p->in->target->part[part], end);
	p->handed_on = 0;
	for (uint32_t i = idx->start[part], n; r == 0 && i < idx->start[part + 1]; i += n) {
		r = put_next(p, i, idx->start[part + 1], &n, err);
		if (r == 0)
			r = hand_on(p, part, err);
	}
	if (r) {
		/* What came so far is checked, and need not come again; the reason stands. */
		(void)writer_finish(p->writer);
		return r;
	}
	memset(p->chunk, 0, (size_t)(end - bytes));
	r = writer_put(p->writer, bytes, p->chunk, (size_t)(end - bytes));
	if (r == 0)
		r = writer_finish(p->writer);
	if (r)
		return write_failed(p, r, err);
	return verify_upto(p->verify, part, end, err);
}

int write_parts(struct install *in, struct writer *w, struct verify *v, struct err *err)
{
	_cleanup_free_ uint8_t *chunk = aligned_alloc(BUNDLE_BLOCK_BYTES, BUNDLE_CHUNK_MAX);
	struct parts p = { .in = in, .writer = w, .verify = v, .chunk = chunk };
	int r = chunk ? look_init(&p.running) : -ENOMEM;

	if (r)
		return err_oom(err);
	for (unsigned part = 0; r == 0 && part < BUNDLE_CARRIED; part++)
		r = write_part(&p, (enum bundle_part)part, err);
	look_done(&p.running);
	return r;
}

/* See write_parts.h. */
#include "install/write_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "install/install.h"
#include "install/look.h"
#include "install/source.h"
#include "install/writer.h"
#include "lib/base/blk.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

/* Neighbours are asked for together, up to this: it is also what a retry may repeat. */
#define REQUEST_MAX (UINT64_C(8) << 20)

struct parts {
	struct install *in;
	struct writer *writer;
	struct look running;
	uint8_t *chunk; /* owned; BUNDLE_CHUNK_MAX */
	uint32_t asked; /* chunks before it were asked for, as far as they are fetched */
	uint64_t done_bytes;
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

static int fetch(struct parts *p, const struct bundle_chunk *c, struct err *err)
{
	int r = request_ahead(p, err);

	if (r == 0)
		r = source_read(p->in->source, p->chunk, c->length, err);
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

static int check_chunk(struct parts *p, enum chunkplan_from from, const struct bundle_chunk *c,
		       struct err *err)
{
	uint8_t hash[BUNDLE_HASH_BYTES];

	bundle_hash(p->chunk, c->length, hash);
	if (!memcmp(hash, c->hash, sizeof(hash)))
		return 0;
	if (from == CHUNK_FETCH)
		return err_set(err, INSTALL_E_DAMAGED,
			       "the bundle is damaged: %u bytes from byte %" PRIu64
			       " on are not the signed ones",
			       c->length, p->in->front->offsets.data + c->data_offset);
	return err_set(err, INSTALL_E_CHANGED,
		       "what was to be copied on this machine has changed meanwhile; try again");
}

static int put_chunk(struct parts *p, uint32_t i, struct err *err)
{
	enum chunkplan_from from = p->in->plan->chunk[i].from;
	const struct bundle_chunk *c = chunk_of(p, i);
	int r;

	if (p->in->stop && *p->in->stop)
		return err_set(err, INSTALL_E_STOPPED, "interrupted");
	if (from == CHUNK_IN_PLACE || from == CHUNK_LEFT_OUT)
		return 0;
	r = from == CHUNK_FETCH ? fetch(p, c, err) : copy(p, i, c, err);
	if (r == 0)
		r = check_chunk(p, from, c, err);
	if (r)
		return r;
	r = writer_put(p->writer, c->part_offset, p->chunk, c->length);
	if (r)
		return err_errno(err, r, "cannot write slot %s",
				 bs_slot_name(p->in->target_slot));
	p->done_bytes += c->length;
	if (p->in->progress)
		p->in->progress(p->in->ctx, INSTALL_WRITE, p->done_bytes,
				chunkplan_write_bytes(p->in->plan));
	return 0;
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
	for (uint32_t i = idx->start[part]; r == 0 && i < idx->start[part + 1]; i++)
		r = put_chunk(p, i, err);
	if (r) {
		/* What came so far is checked, and need not come again; the reason stands. */
		(void)writer_finish(p->writer);
		return r;
	}
	memset(p->chunk, 0, (size_t)(end - bytes));
	r = writer_put(p->writer, bytes, p->chunk, (size_t)(end - bytes));
	if (r == 0)
		r = writer_finish(p->writer);
	return r ? err_errno(err, r, "cannot write slot %s", bs_slot_name(p->in->target_slot)) : 0;
}

int write_parts(struct install *in, struct writer *w, struct err *err)
{
	_cleanup_free_ uint8_t *chunk = aligned_alloc(BUNDLE_BLOCK_BYTES, BUNDLE_CHUNK_MAX);
	struct parts p = { .in = in, .writer = w, .chunk = chunk };
	int r = chunk ? look_init(&p.running) : -ENOMEM;

	if (r)
		return err_oom(err);
	for (unsigned part = 0; r == 0 && part < BUNDLE_CARRIED; part++)
		r = write_part(&p, (enum bundle_part)part, err);
	look_done(&p.running);
	return r;
}

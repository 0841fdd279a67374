/* See chunkplan.h. */
#include "install/chunkplan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "install/look.h"
#include "install/slot.h"
#include "install/slotindex.h"
#include "lib/base/err.h"

#define CHUNKPLAN_OFFSET_MAX ((UINT64_C(1) << 48) - 1)

_Static_assert(sizeof(struct chunkplan_entry) == 8, "a plan is as small as it says");

struct planner {
	const struct chunkplan_input *in;
	struct chunkplan plan;
	struct look target, running;
};

static bool holds(struct look *l, struct blk *blk, uint64_t offset, const struct bundle_chunk *c)
{
	uint8_t hash[BUNDLE_HASH_BYTES];
	const uint8_t *bytes;

	if (look_at(l, blk, offset, c->length, &bytes))
		return false;
	bundle_hash(bytes, c->length, hash);
	return !memcmp(hash, c->hash, sizeof(hash));
}

/* Is it in the running slot, where that slot's own index says it is? */
static bool find_in_slot(struct planner *p, const struct bundle_chunk *c,
			 struct chunkplan_entry *out)
{
	const struct slotindex_chunk *there;

	if (!p->in->running || !p->in->running_index)
		return false;
	there = slotindex_find(p->in->running_index, c->hash, c->length);
	if (!there || there->part_offset > CHUNKPLAN_OFFSET_MAX)
		return false;
	if (!holds(&p->running, p->in->running->part[there->part], there->part_offset, c))
		return false;
	out->part = (uint8_t)there->part;
	out->offset = there->part_offset & CHUNKPLAN_OFFSET_MAX;
	return true;
}

static void classify(struct planner *p, uint32_t i, unsigned part)
{
	struct blk *place = p->in->target->part[part];
	bool blank = p->in->blank && part < BUNDLE_IN_SLOT;
	const struct bundle_chunk *c = &p->in->index->chunks[i];
	const struct chunkplan_entry *first = &p->plan.chunk[c->first];
	struct chunkplan_entry *out = &p->plan.chunk[i];

	if (!place) {
		out->from = CHUNK_LEFT_OUT;
	} else if (!blank && holds(&p->target, place, c->part_offset, c)) {
		out->from = CHUNK_IN_PLACE;
	} else if (c->first != i) {
		*out = *first;
		if (first->from != CHUNK_SLOT)
			out->from = CHUNK_EARLIER;
	} else {
		out->from = find_in_slot(p, c, out) ? CHUNK_SLOT : CHUNK_FETCH;
	}
	p->plan.bytes[out->from] += c->length;
}

static int classify_all(struct planner *p)
{
	const struct bundle_index *idx = p->in->index;
	uint64_t done = 0, total = 0;

	for (uint32_t i = 0; i < idx->n_chunks; i++)
		total += idx->chunks[i].length;
	for (unsigned part = 0; part < BUNDLE_CARRIED; part++) {
		for (uint32_t i = idx->start[part]; i < idx->start[part + 1]; i++) {
			int r;

			classify(p, i, part);
			done += idx->chunks[i].length;
			r = p->in->progress ? p->in->progress(p->in->ctx, done, total) : 0;
			if (r)
				return r;
		}
	}
	return 0;
}

int chunkplan_make(const struct chunkplan_input *in, struct chunkplan *ret, struct err *err)
{
	struct planner p = { .in = in, .plan.n_chunks = in->index->n_chunks };
	int r;

	p.plan.chunk = calloc(in->index->n_chunks, sizeof(*p.plan.chunk));
	r = p.plan.chunk ? look_init(&p.target) : -ENOMEM;
	if (r == 0)
		r = look_init(&p.running);
	if (r)
		err_oom(err);
	else
		r = classify_all(&p);
	look_done(&p.target);
	look_done(&p.running);
	if (r)
		chunkplan_done(&p.plan);
	else
		*ret = p.plan;
	return r;
}

uint64_t chunkplan_write_bytes(const struct chunkplan *plan)
{
	return plan->bytes[CHUNK_SLOT] + plan->bytes[CHUNK_EARLIER] + plan->bytes[CHUNK_FETCH];
}

void chunkplan_done(struct chunkplan *plan)
{
	free(plan->chunk);
	*plan = (struct chunkplan){ .n_chunks = 0 };
}

/* See verify_parts.h. */
#include "install/verify_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "install/install.h"
#include "lib/base/blk.h"
#include "lib/base/digest.h"
#include "lib/core/bytes.h"

#define TREE_WINDOW_BYTES (256u << 10)
#define TREE_BLOCK_DATA ((uint64_t)VERITY_FANOUT * VERITY_BLOCK_BYTES) /* under one of its blocks */

static int differs(struct verify *v)
{
	return err_set(&v->err, INSTALL_E_READBACK,
		       "slot %s gives back another %s than was written; the disk may be failing",
		       bs_slot_name(v->in->target_slot), bundle_part_name(v->part));
}

/* ---- reading ---------------------------------------------------------------------- */

static int read_piece(void *arg)
{
	struct verify_piece *p = arg;

	return blk_read(p->blk, p->at, p->bytes, p->len);
}

/* Begin to read what comes at @at. */
static void read_ahead(struct verify *v, struct verify_piece *p, uint64_t at)
{
	p->blk = v->in->target->part[v->part];
	p->at = at;
	p->len = v->end - at < VERIFY_PIECE_BYTES ? (size_t)(v->end - at) : VERIFY_PIECE_BYTES;
	aside_start(&v->ahead, read_piece, p);
}

/* ---- judging ---------------------------------------------------------------------- */

static int grow_tree(struct verify *v, const struct verify_piece *p)
{
	for (size_t done = 0, n; done < p->len; done += n) {
		uint64_t left = TREE_BLOCK_DATA - (p->at + done) % TREE_BLOCK_DATA;
		int r;

		n = p->len - done < left ? p->len - done : (size_t)left;
		r = hashtree_add(&v->tree, p->bytes + done, (unsigned)(n / VERITY_BLOCK_BYTES));
		if (r)
			return err_errno(&v->err, r, "cannot write the hash tree");
	}
	return 0;
}

/* Hash a piece; what fills up the part must be zero. The root is hashed by its tree. */
static int take_piece(struct verify *v, const struct verify_piece *p)
{
	uint64_t left = v->in->front->manifest.part[v->part].bytes;
	size_t hashed;

	if (v->part == BUNDLE_ROOT)
		return grow_tree(v, p);
	left = left > p->at ? left - p->at : 0;
	hashed = left < p->len ? (size_t)left : p->len;
	digest_add(v->digest, p->bytes, hashed);
	return bytes_are_zero(p->bytes + hashed, p->len - hashed) ? 0 : differs(v);
}

/* The last piece of a part was taken. */
static int judge_part(struct verify *v)
{
	const struct bundle_manifest *m = &v->in->front->manifest;
	uint8_t sha256[DIGEST_BYTES];

	if (v->part == BUNDLE_ROOT)
		return 0;
	digest_take(v->digest, sha256);
	return memcmp(sha256, m->part[v->part].sha256, sizeof(sha256)) ? differs(v) : 0;
}

static int check_pieces(struct verify *v)
{
	unsigned which = 0;
	int r = 0;

	read_ahead(v, &v->piece[which], v->at);
	while (r == 0 && v->at < v->end) {
		const struct verify_piece *p = &v->piece[which];

		r = aside_wait(&v->ahead);
		if (r)
			return err_errno(&v->err, r, "cannot read the %s back",
					 bundle_part_name(v->part));
		if (v->in->stop && *v->in->stop)
			return err_set(&v->err, INSTALL_E_STOPPED, "interrupted");
		which = !which;
		if (p->at + p->len < v->end)
			read_ahead(v, &v->piece[which], p->at + p->len);
		r = take_piece(v, p);
		v->at = p->at + p->len;
		v->done_bytes += p->len;
	}
	/* Nothing is read into what may be released. */
	(void)aside_wait(&v->ahead);
	return r;
}

/* [at, end) of the part at hand. */
static int check(void *arg)
{
	struct verify *v = arg;
	int r = blk_flush(v->in->target->part[v->part]);

	if (r)
		return err_errno(&v->err, r, "cannot write slot %s",
				 bs_slot_name(v->in->target_slot));
	r = check_pieces(v);
	if (r == 0 && v->end == slot_part_bytes(&v->in->front->manifest, v->part))
		r = judge_part(v);
	return r;
}

/* ---- the calls -------------------------------------------------------------------- */

static int wait_for_check(struct verify *v, struct err *err)
{
	int r = aside_wait(&v->aside);

	return r ? err_set(err, r, "%s", v->err.text) : 0;
}

int verify_upto(struct verify *v, enum bundle_part part, uint64_t end, struct err *err)
{
	int r = wait_for_check(v, err);

	if (r)
		return r;
	if (part != v->part)
		v->at = 0;
	v->part = part;
	v->end = end;
	if (v->at < end)
		aside_start(&v->aside, check, v);
	return 0;
}

/* The tree must be the signed one, and is then durable. */
static int finish_tree(struct verify *v, struct err *err)
{
	const struct bundle_manifest *m = &v->in->front->manifest;
	uint8_t root[VERITY_HASH_BYTES];
	int r = hashtree_finish(&v->tree, m->salt, m->salt_len, m->uuid, root);

	if (r)
		return err_errno(err, r, "cannot write the hash tree");
	if (memcmp(root, m->root_hash, sizeof(root)))
		return err_set(err, INSTALL_E_READBACK,
			       "the root in slot %s does not have the signed root hash",
			       bs_slot_name(v->in->target_slot));
	r = verify_upto(v, BUNDLE_VERITY, slot_part_bytes(m, BUNDLE_VERITY), err);
	return r ? r : wait_for_check(v, err);
}

static void tell(struct verify *v)
{
	if (v->in->progress)
		v->in->progress(v->in->ctx, INSTALL_CHECK, v->done_bytes, v->total_bytes);
}

int verify_finish(struct verify *v, struct err *err)
{
	int r = wait_for_check(v, err);

	if (r)
		return r;
	tell(v);
	r = finish_tree(v, err);
	if (r == 0)
		tell(v);
	return r;
}

int verify_init(struct verify *v, struct install *in, struct err *err)
{
	const struct bundle_manifest *m = &in->front->manifest;
	struct blk *verity = in->target->part[BUNDLE_VERITY];
	size_t window = in->window_bytes ? in->window_bytes : TREE_WINDOW_BYTES;
	int r;

	*v = (struct verify){ .in = in, .part = BUNDLE_PARTS, .digest = digest_new() };
	v->piece[0].bytes = aligned_alloc(VERITY_BLOCK_BYTES, VERIFY_PIECE_BYTES);
	v->piece[1].bytes = aligned_alloc(VERITY_BLOCK_BYTES, VERIFY_PIECE_BYTES);
	if (!v->digest || !v->piece[0].bytes || !v->piece[1].bytes ||
	    writer_init(&v->writer, window, false))
		return err_oom(err);
	r = hashtree_init(&v->tree, m->part[BUNDLE_ROOT].bytes, m->salt, m->salt_len, verity,
			  &v->writer);
	if (r)
		return err_errno(err, r, "cannot make a hash tree");
	for (unsigned p = 0; p < BUNDLE_PARTS; p++)
		if (in->target->part[p])
			v->total_bytes += slot_part_bytes(m, (enum bundle_part)p);
	if (verity->concurrent) {
		aside_init(&v->aside);
		aside_init(&v->ahead);
	}
	return 0;
}

void verify_done(struct verify *v)
{
	aside_done(&v->aside);
	aside_done(&v->ahead);
	hashtree_done(&v->tree);
	writer_done(&v->writer);
	digest_free(v->digest);
	free(v->piece[0].bytes);
	free(v->piece[1].bytes);
}

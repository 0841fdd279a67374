/* See verify_parts.h. */
#include "install/verify_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "install/hashtree.h"
#include "install/install.h"
#include "install/writer.h"
#include "lib/base/blk.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/core/bytes.h"

/* The blocks whose digests fill a block of the hash tree. */
#define PIECE_BYTES ((size_t)VERITY_FANOUT * VERITY_BLOCK_BYTES)

struct reader {
	struct install *in;
	struct digest *digest; /* owned */
	uint8_t *piece; /* owned; PIECE_BYTES */
	struct hashtree tree;
	uint64_t done_bytes, total_bytes;
};

static int differs(const struct reader *rd, enum bundle_part part, struct err *err)
{
	return err_set(err, INSTALL_E_READBACK,
		       "slot %s gives back another %s than was written; the disk may be failing",
		       bs_slot_name(rd->in->target_slot), bundle_part_name(part));
}

/* Hash the @len bytes of @part at hand; what fills up the part must be zero. */
static int take_piece(struct reader *rd, enum bundle_part part, uint64_t at, size_t len,
		      struct err *err)
{
	uint64_t left = rd->in->front->manifest.part[part].bytes;
	size_t hashed;
	int r = 0;

	left = left > at ? left - at : 0;
	hashed = left < len ? (size_t)left : len;
	digest_add(rd->digest, rd->piece, hashed);
	if (!bytes_are_zero(rd->piece + hashed, len - hashed))
		return differs(rd, part, err);
	if (part == BUNDLE_ROOT)
		r = hashtree_add(&rd->tree, rd->piece, (unsigned)(len / VERITY_BLOCK_BYTES));
	return r ? err_errno(err, r, "cannot write the hash tree") : 0;
}

static int read_part(struct reader *rd, enum bundle_part part, struct err *err)
{
	const struct bundle_manifest *m = &rd->in->front->manifest;
	struct blk *blk = rd->in->target->part[part];
	uint64_t end = slot_part_bytes(m, part);
	uint8_t sha256[DIGEST_BYTES];

	if (!blk)
		return 0;
	for (uint64_t at = 0; at < end; at += PIECE_BYTES) {
		size_t len = end - at < PIECE_BYTES ? (size_t)(end - at) : PIECE_BYTES;
		int r;

		if (rd->in->stop && *rd->in->stop)
			return err_set(err, INSTALL_E_STOPPED, "interrupted");
		r = blk_read(blk, at, rd->piece, len);
		if (r)
			return err_errno(err, r, "cannot read the %s back", bundle_part_name(part));
		r = take_piece(rd, part, at, len, err);
		if (r)
			return r;
		rd->done_bytes += len;
		if (rd->in->progress)
			rd->in->progress(rd->in->ctx, INSTALL_CHECK, rd->done_bytes,
					 rd->total_bytes);
	}
	digest_take(rd->digest, sha256);
	return memcmp(sha256, m->part[part].sha256, sizeof(sha256)) ? differs(rd, part, err) : 0;
}

/* The root was read: its tree must be the signed one, and is then durable. */
static int finish_tree(struct reader *rd, struct err *err)
{
	const struct bundle_manifest *m = &rd->in->front->manifest;
	uint8_t root[VERITY_HASH_BYTES];
	int r = hashtree_finish(&rd->tree, m->salt, m->salt_len, m->uuid, root);

	if (r == 0)
		r = blk_flush(rd->tree.blk);
	if (r)
		return err_errno(err, r, "cannot write the hash tree");
	if (memcmp(root, m->root_hash, sizeof(root)))
		return err_set(err, INSTALL_E_READBACK,
			       "the root in slot %s does not have the signed root hash",
			       bs_slot_name(rd->in->target_slot));
	return read_part(rd, BUNDLE_VERITY, err);
}

static int read_all(struct reader *rd, struct writer *w, struct err *err)
{
	const struct bundle_manifest *m = &rd->in->front->manifest;
	int r = hashtree_init(&rd->tree, m->part[BUNDLE_ROOT].bytes, m->salt, m->salt_len,
			      rd->in->target->part[BUNDLE_VERITY], w);

	if (r)
		return err_errno(err, r, "cannot make a hash tree");
	for (unsigned p = 0; p < BUNDLE_PARTS; p++)
		if (rd->in->target->part[p])
			rd->total_bytes += slot_part_bytes(m, (enum bundle_part)p);
	for (unsigned p = 0; r == 0 && p < BUNDLE_CARRIED; p++)
		r = read_part(rd, (enum bundle_part)p, err);
	return r ? r : finish_tree(rd, err);
}

int verify_parts(struct install *in, struct writer *w, struct err *err)
{
	_cleanup_free_ uint8_t *piece = aligned_alloc(VERITY_BLOCK_BYTES, PIECE_BYTES);
	struct reader rd = { .in = in, .piece = piece, .digest = digest_new() };
	int r = piece && rd.digest ? read_all(&rd, w, err) : err_oom(err);

	hashtree_done(&rd.tree);
	digest_free(rd.digest);
	return r;
}

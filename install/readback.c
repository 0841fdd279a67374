/* See readback.h. */
#include "install/readback.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "install/medium.h"
#include "lib/base/blk.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/progress.h"
#include "lib/core/bootstate.h"
#include "lib/core/bytes.h"
#include "verity/cms.h"
#include "verity/tree.h"

#define CHUNK_BYTES (4u << 20)

static void digest_freep(struct digest **d)
{
	*d = digest_free(*d);
}

void readback_digest_add(struct digest *d, uint64_t offset_bytes, const void *data, size_t len)
{
	uint8_t at[8];

	if (bytes_are_zero(data, len))
		return;
	le64_store(at, offset_bytes);
	digest_add(d, at, sizeof(at));
	digest_add(d, data, len);
}

static int wrong(const struct plan_copy *c, struct err *err)
{
	return err_set(err, READBACK_WRONG, "the %s reads back other than it was written", c->name);
}

static int read_part(const struct readback *rb, const struct plan_copy *c, struct digest *d,
		     uint8_t *chunk)
{
	for (uint64_t done = 0; done < c->len_bytes;) {
		size_t n = c->len_bytes - done < CHUNK_BYTES ? (size_t)(c->len_bytes - done) :
							       CHUNK_BYTES;
		int r = rb->stop && *rb->stop ? -ECANCELED :
						blk_read(rb->disk, c->to_bytes + done, chunk, n);

		if (r)
			return r;
		for (size_t i = 0; i < n; i += READBACK_GRAIN_BYTES)
			readback_digest_add(d, done + i, chunk + i,
					    n - i < READBACK_GRAIN_BYTES ? n - i :
									   READBACK_GRAIN_BYTES);
		progress_add(rb->progress, n);
		done += n;
	}
	return 0;
}

static int check_part(const struct readback *rb, enum plan_part part, struct err *err)
{
	_cleanup_free_ uint8_t *chunk = aligned_alloc(4096, CHUNK_BYTES);
	_cleanup_(digest_freep) struct digest *d = digest_new();
	const struct plan_copy *c = &rb->plan->copy[part];
	uint8_t sum[DIGEST_BYTES];
	int r;

	if (!chunk || !d)
		return err_oom(err);
	r = read_part(rb, c, d, chunk);
	if (r)
		return err_errno(err, r, "cannot read the %s back", c->name);
	digest_take(d, sum);
	return memcmp(sum, rb->sums[part], sizeof(sum)) ? wrong(c, err) : 0;
}

/* The UKI alone, against the hash that the selector will demand. */
static int check_uki(const struct readback *rb, struct err *err)
{
	const struct slotdesc *image = &rb->source->image;
	const struct plan_copy *c = &rb->plan->copy[PLAN_UKI];
	_cleanup_free_ uint8_t *uki = malloc(image->uki_bytes);
	uint8_t sum[DIGEST_BYTES];
	int r;

	if (!uki)
		return err_oom(err);
	r = blk_read(rb->disk, c->to_bytes, uki, image->uki_bytes);
	if (r)
		return err_errno(err, r, "cannot read the UKI back");
	digest_bytes(uki, image->uki_bytes, sum);
	return memcmp(sum, image->uki_sha256, sizeof(sum)) ? wrong(c, err) : 0;
}

static int check_root(const struct readback *rb, struct err *err)
{
	const struct verity_params *p = &rb->source->verity;
	_cleanup_close_ int direct = medium_open_direct(rb->fd, false);
	const struct verity_options opts = {
		.large_reads = direct >= 0,
		.progress = rb->progress,
		.data_start_bytes = rb->plan->copy[PLAN_ROOT].to_bytes,
		.hash_start_bytes = rb->plan->copy[PLAN_VERITY].to_bytes,
	};
	int r = verity_tree_check(direct < 0 ? rb->fd : direct,
				  p->data_blocks * VERITY_BLOCK_BYTES, rb->fd, p->salt,
				  p->salt_bytes, p->root_hash, &opts, err);

	if (r > 0)
		return err_add(err, READBACK_WRONG, "the root was written, but reads back wrong");
	return r;
}

/* By its content and not its digest: it is what was written that must be signed. */
static int check_signature(const struct readback *rb, struct err *err)
{
	const struct plan_copy *c = &rb->plan->copy[PLAN_SIG];
	_cleanup_free_ struct sigfile *sig = malloc(sizeof(*sig));
	uint8_t bytes[SIGFILE_BYTES];
	char hex[DIGEST_HEX_SIZE];
	int r;

	if (!sig)
		return err_oom(err);
	r = blk_read(rb->disk, c->to_bytes, bytes, sizeof(bytes));
	if (r)
		return err_errno(err, r, "cannot read the signature back");
	if (sigfile_parse(bytes, sizeof(bytes), sig, NULL) ||
	    memcmp(sig->root, rb->source->verity.root_hash, sizeof(sig->root)) != 0)
		return wrong(c, err);
	if (!rb->trusted_pem)
		return 0;
	digest_hex(sig->root, sizeof(sig->root), hex);
	r = cms_verify(sig->der, sig->der_len, hex, 64, rb->trusted_pem, rb->trusted_len, err);
	return r > 0 ? READBACK_WRONG : r;
}

int readback_parts(const struct readback *rb, struct err *err)
{
	int r = check_part(rb, PLAN_ESP, err);

	if (r == 0)
		r = check_part(rb, PLAN_UKI, err);
	if (r == 0)
		r = check_uki(rb, err);
	if (r == 0)
		r = check_part(rb, PLAN_SIG, err);
	if (r == 0)
		r = check_signature(rb, err);
	return r ? r : check_root(rb, err);
}

static int check_state(const struct readback *rb, struct err *err)
{
	_cleanup_free_ struct bs_disk *disk = calloc(1, sizeof(*disk));
	_cleanup_blk_ struct blk *part = NULL;
	struct disk_ops ops;
	struct bs bs;
	int r;

	if (!disk)
		return err_oom(err);
	r = blk_new_window(rb->disk, rb->plan->boot_state.offset_bytes,
			   rb->plan->boot_state.len_bytes, &part);
	if (r)
		return err_errno(err, r, "cannot read the boot state back");
	ops = blk_disk_ops(part);
	r = bs_load(disk, &ops, &bs);
	if (r < 0)
		return err_errno(err, r, "cannot read the boot state back");
	if (r || disk->copy_error[0] || disk->copy_error[1] || bs.boots ||
	    bs.slot[0].status != BS_READY || bs.slot[1].status != BS_EMPTY ||
	    memcmp(&bs.slot[0].image, &rb->source->image, sizeof(bs.slot[0].image)) != 0)
		return err_set(err, READBACK_WRONG, "the boot state reads back wrong");
	return 0;
}

static int check_descriptor(const struct readback *rb, struct err *err)
{
	const struct plan_range *at = &rb->plan->descriptor;
	uint8_t want[SLOTDESC_BYTES], got[SLOTDESC_BYTES];
	int r = blk_read(rb->disk, at->offset_bytes, got, sizeof(got));

	if (r)
		return err_errno(err, r, "cannot read the slot descriptor back");
	r = slotdesc_encode(&rb->source->image, want);
	return r || memcmp(want, got, sizeof(want)) ?
		       err_set(err, READBACK_WRONG, "the slot descriptor reads back wrong") :
		       0;
}

int readback_records(const struct readback *rb, struct err *err)
{
	int r = check_descriptor(rb, err);

	return r ? r : check_state(rb, err);
}

/* Byte by byte: gpt_read() would be content with one good copy. */
int readback_tables(const struct readback *rb, struct err *err)
{
	uint32_t sector = rb->disk->sector_bytes;
	size_t head_bytes = GPT_HEAD_BYTES(sector), tail_bytes = GPT_TAIL_BYTES(sector);
	_cleanup_free_ uint8_t *want = malloc(head_bytes + tail_bytes);
	_cleanup_free_ uint8_t *got = malloc(head_bytes + tail_bytes);
	int r;

	if (!want || !got)
		return err_oom(err);
	gpt_encode(&rb->plan->gpt, want, want + head_bytes);
	r = blk_read(rb->disk, 0, got, head_bytes);
	if (r == 0)
		r = blk_read(rb->disk, rb->disk->size_bytes - tail_bytes, got + head_bytes,
			     tail_bytes);
	if (r)
		return err_errno(err, r, "cannot read the partition table back");
	return memcmp(want, got, head_bytes + tail_bytes) ?
		       err_set(err, READBACK_WRONG, "the partition table reads back wrong") :
		       0;
}

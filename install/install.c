/* The order of an install: see install.h. */
#include "install/install.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "install/verify_parts.h"
#include "install/slotindex.h"
#include "install/write_parts.h"
#include "install/writer.h"
#include "lib/base/blk.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/core/bytes.h"

#define ENTRIES_AT_ONCE 200u

/* The boot state in memory, while it is changed. */
struct change {
	struct bs_disk disk;
	struct bs bs;
};

void install_describe(const struct bundle_manifest *m, struct slotdesc *ret)
{
	struct slotdesc d = { .uki_bytes = m->part[BUNDLE_UKI].bytes, .epoch = m->epoch };

	memcpy(d.uki_sha256, m->part[BUNDLE_UKI].sha256, sizeof(d.uki_sha256));
	memcpy(d.root_hash, m->root_hash, sizeof(d.root_hash));
	memcpy(d.name, m->name, sizeof(d.name));
	memcpy(d.version, m->version, sizeof(d.version));
	*ret = d;
}

/* ---- the boot state --------------------------------------------------------------- */

typedef int (*rule_fn)(struct install *in, struct bs *bs, const struct slotdesc *image);

static int rule_begin(struct install *in, struct bs *bs, const struct slotdesc *image)
{
	int r = bs_install_begin(bs, in->target_slot, in->running_slot, image, in->allow_refused);

	if (r == 0 && in->allow_refused)
		bs_forgive(bs, image->root_hash);
	return r;
}

static int rule_commit(struct install *in, struct bs *bs, const struct slotdesc *image)
{
	return bs_install_commit(bs, in->target_slot, image, in->front->manifest.tries);
}

static int load_change_store(struct install *in, struct change *c, rule_fn rule, struct err *err)
{
	struct slotdesc image;
	int r = bs_load(&c->disk, &in->state.ops, &c->bs);

	if (r == 0) {
		install_describe(&in->front->manifest, &image);
		r = rule(in, &c->bs, &image);
		if (r) {
			in->rule = (enum bs_error)r;
			return err_set(err, INSTALL_E_RULES, "slot %s: %s",
				       bs_slot_name(in->target_slot), bs_error_text(r));
		}
		r = bs_store(&c->disk, &c->bs);
	}
	if (r)
		return err_set(err, r < 0 ? r : -EIO, "the boot state: %s", bs_error_text(r));
	return 0;
}

/* Others change the boot state too, so it is loaded anew for each change. */
static int change_state(struct install *in, rule_fn rule, struct err *err)
{
	_cleanup_free_ struct change *c = malloc(sizeof(*c));
	int r;

	if (!c)
		return err_oom(err);
	r = in->state.lock ? in->state.lock(in->state.ctx, err) : 0;
	if (r)
		return r;
	r = load_change_store(in, c, rule, err);
	if (in->state.unlock)
		in->state.unlock(in->state.ctx);
	return r;
}

/* ---- what describes the slot ------------------------------------------------------ */

static int slot_failed(const struct install *in, int r, struct err *err)
{
	return err_errno(err, r, "cannot write slot %s", bs_slot_name(in->target_slot));
}

static int put(struct blk *blk, struct writer *w, uint64_t offset, const void *data, size_t len)
{
	int r;

	writer_begin(w, blk, blk->size_bytes);
	r = writer_put(w, offset, data, len);
	return r ? r : writer_finish(w);
}

/* The block of the slot descriptor. */
static uint64_t descriptor_place(const struct blk *boot)
{
	return boot->size_bytes - SLOTDESC_BYTES;
}

static int clear_descriptor(struct install *in, struct writer *w, struct err *err)
{
	static const uint8_t zeroes[SLOTDESC_BYTES];
	struct blk *boot = in->target->part[BUNDLE_UKI];
	int r = put(boot, w, descriptor_place(boot), zeroes, sizeof(zeroes));

	if (r == 0)
		r = blk_flush(boot);
	return r ? slot_failed(in, r, err) : 0;
}

/* The first @n chunks as they stand in the bundle's index; @sha256 is theirs. */
static int put_entries(struct install *in, struct writer *w, uint64_t at, uint32_t n,
		       uint8_t sha256[DIGEST_BYTES])
{
	const struct bundle_chunk *c = in->front->index.chunks;
	uint8_t piece[ENTRIES_AT_ONCE * BUNDLE_ENTRY_BYTES];
	struct digest *digest = digest_new();
	int r = digest ? 0 : -ENOMEM;

	for (uint32_t i = 0, some; r == 0 && i < n; i += some) {
		size_t len;

		some = n - i < ENTRIES_AT_ONCE ? n - i : ENTRIES_AT_ONCE;
		len = (size_t)some * BUNDLE_ENTRY_BYTES;
		for (uint32_t k = 0; k < some; k++)
			bundle_entry_encode(c[i + k].length, c[i + k].hash,
					    piece + (size_t)k * BUNDLE_ENTRY_BYTES);
		digest_add(digest, piece, len);
		r = writer_put(w, at + (uint64_t)i * BUNDLE_ENTRY_BYTES, piece, len);
	}
	if (r == 0)
		digest_take(digest, sha256);
	digest_free(digest);
	return r;
}

/* What a later update takes from this slot; it lives without it where there is no room. */
static int write_slot_index(struct install *in, struct writer *w, struct err *err)
{
	const struct bundle_manifest *m = &in->front->manifest;
	uint32_t n = in->front->index.start[BUNDLE_IN_SLOT];
	struct blk *boot = in->target->part[BUNDLE_UKI];
	uint64_t at = slotindex_place(boot->size_bytes, m->part[BUNDLE_UKI].bytes, n);
	uint64_t behind = at + (uint64_t)n * BUNDLE_ENTRY_BYTES;
	uint64_t part_bytes[BUNDLE_IN_SLOT];
	uint8_t foot[SLOTINDEX_FOOT_BYTES] = { 0 }, sha256[DIGEST_BYTES];
	int r;

	if (at == 0)
		return 0;
	for (unsigned p = 0; p < BUNDLE_IN_SLOT; p++)
		part_bytes[p] = m->part[p].bytes;
	writer_begin(w, boot, boot->size_bytes);
	r = put_entries(in, w, at, n, sha256);
	if (r == 0)
		r = writer_put(w, behind, foot, (size_t)(bundle_align(behind) - behind));
	slotindex_foot_encode(n, part_bytes, sha256, foot);
	if (r == 0)
		r = writer_put(w, bundle_align(behind), foot, sizeof(foot));
	if (r == 0)
		r = writer_finish(w);
	return r ? slot_failed(in, r, err) : 0;
}

static int write_descriptor(struct install *in, struct writer *w, struct err *err)
{
	struct blk *boot = in->target->part[BUNDLE_UKI];
	uint8_t block[SLOTDESC_BYTES], again[SLOTDESC_BYTES];
	struct slotdesc d;
	int r;

	install_describe(&in->front->manifest, &d);
	if (slotdesc_encode(&d, block))
		return err_set(err, -EINVAL, "the version cannot be described");
	r = put(boot, w, descriptor_place(boot), block, sizeof(block));
	if (r == 0)
		r = blk_flush(boot);
	if (r == 0)
		r = blk_read(boot, descriptor_place(boot), again, sizeof(again));
	if (r)
		return slot_failed(in, r, err);
	return memcmp(block, again, sizeof(block)) ?
		       err_set(err, INSTALL_E_READBACK,
			       "slot %s gives back another descriptor than was written",
			       bs_slot_name(in->target_slot)) :
		       0;
}

/* ---- all of it -------------------------------------------------------------------- */

static int write_and_verify(struct install *in, struct writer *w, struct err *err)
{
	struct verify v;
	int r = verify_init(&v, in, err);

	if (r == 0)
		r = write_parts(in, w, &v, err);
	if (r == 0)
		r = verify_finish(&v, err);
	w->written_bytes += v.writer.written_bytes;
	verify_done(&v);
	return r;
}

static int write_slot(struct install *in, struct writer *w, struct err *err)
{
	int r = clear_descriptor(in, w, err);

	if (r == 0)
		r = write_and_verify(in, w, err);
	if (r == 0)
		r = write_slot_index(in, w, err);
	return r ? r : write_descriptor(in, w, err);
}

int install_run(struct install *in, struct err *err)
{
	_cleanup_writer_ struct writer w = { .blk = NULL };
	int r = slot_fits(in->target, &in->front->manifest, err);

	if (r)
		return r;
	if (writer_init(&w, in->window_bytes, in->target->part[BUNDLE_ROOT]->concurrent))
		return err_oom(err);
	r = change_state(in, rule_begin, err);
	if (r == 0)
		r = write_slot(in, &w, err);
	if (r == 0 && in->before_commit)
		r = in->before_commit(in->ctx, err);
	if (r == 0 && in->stop && *in->stop)
		r = err_set(err, INSTALL_E_STOPPED, "interrupted");
	if (r == 0)
		r = change_state(in, rule_commit, err);
	in->written_bytes = w.written_bytes;
	return r;
}

const char *install_error_name(int error)
{
	switch ((enum install_error)error) {
	case INSTALL_OK:
		return "none";
	case INSTALL_E_RULES:
		return "rules";
	case INSTALL_E_SOURCE:
		return "source";
	case INSTALL_E_DAMAGED:
		return "damaged";
	case INSTALL_E_CHANGED:
		return "changed";
	case INSTALL_E_READBACK:
		return "read-back";
	case INSTALL_E_STOPPED:
		return "stopped";
	}
	return "failed";
}

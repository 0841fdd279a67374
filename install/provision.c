/* See provision.h. */
#include "install/provision.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "install/feed.h"
#include "install/readback.h"
#include "lib/base/blk.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/progress.h"
#include "lib/core/bootstate.h"
#include "lib/core/bytes.h"

struct work {
	const struct provision_options *o;
	struct provision_report report;
	struct progress *progress;
	uint8_t sums[PLAN_PARTS][DIGEST_BYTES];
};

static void progress_freep(struct progress **p)
{
	*p = progress_free(*p);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static bool stopped(const struct work *w)
{
	return w->o->stop && *w->o->stop;
}

static int flush(const struct work *w, struct err *err)
{
	int r = blk_flush(w->o->disk);

	return r ? err_errno(err, r, "the target does not make it durable") : 0;
}

static int zero(const struct work *w, const struct plan_range *range, struct err *err)
{
	int r = blk_zero(w->o->disk, range->offset_bytes, range->len_bytes);

	return r ? err_errno(err, r, "cannot write zeroes at byte %" PRIu64 " of the target",
			     range->offset_bytes) :
		   0;
}

/* ---- what was there ---- */

static int forget_old(struct work *w, struct err *err)
{
	const struct plan *plan = w->o->plan;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(plan->tables); i++)
		r = zero(w, &plan->tables[i], err);
	if (r == 0)
		r = flush(w, err);
	if (r == 0 && w->o->discard) {
		int d = w->o->discard(w->o->disk);

		if (d && d != -EOPNOTSUPP)
			return err_errno(err, d, "cannot discard what the target holds");
		w->report.discarded = !d;
	}
	for (unsigned i = 0; r == 0 && i < plan->n_wipes; i++)
		r = zero(w, &plan->wipe[i], err);
	return r;
}

/* ---- copying ---- */

/* Length of the run of grains from @at that are all zero, or all not. */
static size_t run_of(const uint8_t *chunk, size_t at, size_t len, bool *ret_zero)
{
	size_t end = at;

	while (end < len) {
		size_t n = len - end < READBACK_GRAIN_BYTES ? len - end : READBACK_GRAIN_BYTES;
		bool is_zero = bytes_are_zero(chunk + end, n);

		if (end == at)
			*ret_zero = is_zero;
		else if (is_zero != *ret_zero)
			break;
		end += n;
	}
	return end - at;
}

static int write_piece(struct work *w, const struct feed_piece *p)
{
	uint64_t to = w->o->plan->copy[p->part].to_bytes + p->offset_bytes;

	if (!p->data) {
		w->report.zeroed_bytes += p->len_bytes;
		return blk_zero(w->o->disk, to, p->len_bytes);
	}
	for (size_t at = 0; at < p->len_bytes;) {
		bool is_zero = false;
		size_t n = run_of(p->data, at, p->len_bytes, &is_zero);
		int r = is_zero ? blk_zero(w->o->disk, to + at, n) :
				  blk_write(w->o->disk, to + at, p->data + at, n);

		if (r)
			return r;
		w->report.zeroed_bytes += is_zero ? n : 0;
		at += n;
	}
	return 0;
}

static int copy_pieces(struct work *w, struct err *err)
{
	_cleanup_feed_ struct feed *feed = feed_new(w->o->source, w->o->plan, w->o->piece_bytes);
	struct feed_piece p;
	int r;

	if (!feed)
		return err_oom(err);
	while ((r = feed_next(feed, &p)) == 0) {
		const char *name = w->o->plan->copy[p.part].name;

		if (stopped(w))
			return err_set(err, -ECANCELED, "interrupted");
		r = write_piece(w, &p);
		if (r)
			return err_errno(err, r, "cannot write the %s to the target", name);
		progress_add(w->progress, p.len_bytes);
	}
	if (r < 0)
		return err_errno(err, r, "cannot read the %s from the source",
				 w->o->plan->copy[p.part].name);
	feed_sums(feed, w->sums);
	return 0;
}

/* @phase as slotctl install --json has it. */
static struct progress *start_progress(const struct work *w, const char *label, const char *phase,
				       uint64_t bytes)
{
	return w->o->json ? progress_new_json(phase, bytes) : progress_new(label, bytes, true);
}

static int copy_all(struct work *w, struct err *err)
{
	_cleanup_(progress_freep) struct progress *p =
		start_progress(w, "Write", "writing", w->o->plan->copy_bytes);
	uint64_t start = now_ms();
	int r;

	w->progress = p;
	r = copy_pieces(w, err);
	if (r == 0)
		r = flush(w, err);
	w->report.written_bytes = w->o->plan->copy_bytes;
	w->report.write_ms = now_ms() - start;
	return r;
}

/* ---- what makes it a system ---- */

static int put_descriptor(const struct work *w, struct err *err)
{
	uint8_t bytes[SLOTDESC_BYTES];
	int r = slotdesc_encode(&w->o->source->image, bytes);

	if (r)
		return err_set(err, -EINVAL, "the slot descriptor: %s", slotdesc_error_text(r));
	r = blk_write(w->o->disk, w->o->plan->descriptor.offset_bytes, bytes, sizeof(bytes));
	return r ? err_errno(err, r, "cannot write the slot descriptor") : 0;
}

static int put_boot_state(const struct work *w, struct err *err)
{
	_cleanup_free_ struct bs_disk *disk = calloc(1, sizeof(*disk));
	const struct plan_range *at = &w->o->plan->boot_state;
	_cleanup_blk_ struct blk *part = NULL;
	struct disk_ops ops;
	struct bs bs;
	int r;

	if (!disk)
		return err_oom(err);
	r = blk_new_window(w->o->disk, at->offset_bytes, at->len_bytes, &part);
	if (r == 0)
		r = bs_init_fresh(&w->o->source->image, w->o->source->tries, &bs);
	if (r == 0) {
		ops = blk_disk_ops(part);
		r = bs_create(disk, &ops, &bs);
	}
	if (r < 0)
		return err_errno(err, r, "cannot write the boot state");
	return r ? err_set(err, -EIO, "the boot state: %s", bs_error_text(r)) : 0;
}

static int put_table(const struct work *w, struct err *err)
{
	_cleanup_free_ uint8_t *scratch = malloc(GPT_HEAD_BYTES(w->o->disk->sector_bytes));
	struct disk_ops ops = blk_disk_ops(w->o->disk);
	int r;

	if (!scratch)
		return err_oom(err);
	r = gpt_write(&w->o->plan->gpt, &ops, scratch);
	if (r < 0)
		return err_errno(err, r, "cannot write the partition table");
	return r ? err_set(err, -EIO, "the partition table: %s", gpt_error_text(r)) : 0;
}

static int finish(struct work *w, const struct readback *rb, struct err *err)
{
	int r = put_descriptor(w, err);

	if (r == 0)
		r = put_boot_state(w, err);
	if (r == 0)
		r = flush(w, err);
	if (r == 0)
		r = readback_records(rb, err);
	if (r == 0)
		r = put_table(w, err);
	return r ? r : readback_tables(rb, err);
}

static int check_parts(struct work *w, struct readback *rb, struct err *err)
{
	const struct plan *plan = w->o->plan;
	/* The hash tree is read for the root, and not for itself. */
	_cleanup_(progress_freep) struct progress *p =
		start_progress(w, "Check", "checking",
			       plan->copy_bytes - plan->copy[PLAN_VERITY].len_bytes);
	uint64_t start = now_ms();
	int r;

	rb->progress = p;
	r = readback_parts(rb, err);
	rb->progress = NULL;
	w->report.check_ms = now_ms() - start;
	return r;
}

static int work(struct work *w, struct err *err)
{
	struct readback rb = { .source = w->o->source, .plan = w->o->plan, .disk = w->o->disk,
			       .fd = w->o->fd, .sums = w->sums,
			       .trusted_pem = w->o->trusted_pem,
			       .trusted_len = w->o->trusted_len, .stop = w->o->stop };
	int r = stopped(w) ? err_set(err, -ECANCELED, "interrupted") : forget_old(w, err);

	if (r == 0)
		r = copy_all(w, err);
	if (r == 0)
		r = check_parts(w, &rb, err);
	if (r == 0 && stopped(w))
		r = err_set(err, -ECANCELED, "interrupted");
	if (r == 0)
		r = finish(w, &rb, err);
	return r > 0 ? PROVISION_WRONG : r;
}

int provision(const struct provision_options *o, struct provision_report *ret, struct err *err)
{
	struct work w = { .o = o };
	int r = work(&w, err);

	if (r == 0)
		*ret = w.report;
	return r;
}

/* See provision.h. */
#include "install/provision.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "install/medium.h"
#include "install/readback.h"
#include "lib/base/blk.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/progress.h"
#include "lib/core/bootstate.h"
#include "lib/core/bytes.h"

#define CHUNK_BYTES (4u << 20)

_Static_assert(CHUNK_BYTES % READBACK_GRAIN_BYTES == 0, "grains are the same on both sides");

struct work {
	const struct provision_options *o;
	struct provision_report report;
	struct progress *progress;
	uint8_t *chunk; /* CHUNK_BYTES, aligned for O_DIRECT */
	uint8_t sums[PLAN_PARTS][DIGEST_BYTES];
};

static void digest_freep(struct digest **d)
{
	*d = digest_free(*d);
}

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

static int write_chunk(struct work *w, uint64_t to, size_t len)
{
	for (size_t at = 0; at < len;) {
		bool is_zero = false;
		size_t n = run_of(w->chunk, at, len, &is_zero);
		int r = is_zero ? blk_zero(w->o->disk, to + at, n) :
				  blk_write(w->o->disk, to + at, w->chunk + at, n);

		if (r)
			return r;
		w->report.zeroed_bytes += is_zero ? n : 0;
		at += n;
	}
	return 0;
}

/* How much from @from on is a hole of the source, at most @len. */
static uint64_t hole_at(int fd, uint64_t from, uint64_t len)
{
	off_t data = lseek(fd, (off_t)from, SEEK_DATA);

	if (data < 0)
		return errno == ENXIO ? len : 0;
	return (uint64_t)data - from < len ? (uint64_t)data - from : len;
}

static int copy_piece(struct work *w, const struct plan_copy *c, uint64_t done, size_t len,
		      struct digest *d, struct err *err)
{
	int fd = w->o->source->fd;
	int r = io_pread_all(fd, w->chunk, len, c->from_bytes + done);

	if (r)
		return err_errno(err, r, "cannot read the %s from the source", c->name);
	/* The next piece is on its way while this one is written. */
	posix_fadvise(fd, (off_t)(c->from_bytes + done + len), CHUNK_BYTES, POSIX_FADV_WILLNEED);
	for (size_t i = 0; d && i < len; i += READBACK_GRAIN_BYTES)
		readback_digest_add(d, done + i, w->chunk + i,
				    len - i < READBACK_GRAIN_BYTES ? len - i :
								     READBACK_GRAIN_BYTES);
	r = write_chunk(w, c->to_bytes + done, len);
	return r ? err_errno(err, r, "cannot write the %s to the target", c->name) : 0;
}

/* A hole of whole grains is not even read. */
static uint64_t whole_grains(uint64_t hole, uint64_t left)
{
	return hole == left ? hole : hole / READBACK_GRAIN_BYTES * READBACK_GRAIN_BYTES;
}

static int copy_part(struct work *w, enum plan_part part, struct err *err)
{
	const struct plan_copy *c = &w->o->plan->copy[part];
	bool by_digest = part != PLAN_ROOT && part != PLAN_VERITY;
	_cleanup_(digest_freep) struct digest *d = by_digest ? digest_new() : NULL;
	int r = by_digest && !d ? err_oom(err) : 0;

	for (uint64_t done = 0; r == 0 && done < c->len_bytes;) {
		uint64_t left = c->len_bytes - done, n;

		if (stopped(w))
			return err_set(err, -ECANCELED, "interrupted");
		n = whole_grains(hole_at(w->o->source->fd, c->from_bytes + done, left), left);
		if (n) {
			const struct plan_range range = { c->to_bytes + done, n };

			r = zero(w, &range, err);
			w->report.zeroed_bytes += n;
		} else {
			n = left < CHUNK_BYTES ? left : CHUNK_BYTES;
			r = copy_piece(w, c, done, (size_t)n, d, err);
		}
		progress_add(w->progress, n);
		done += n;
	}
	if (r == 0 && d)
		digest_take(d, w->sums[part]);
	return r;
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
	int r = 0;

	w->progress = p;
	for (enum plan_part i = 0; r == 0 && i < PLAN_PARTS; i++)
		r = copy_part(w, i, err);
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
	_cleanup_free_ uint8_t *chunk = aligned_alloc(4096, CHUNK_BYTES);
	struct work w = { .o = o, .chunk = chunk };
	int r = chunk ? work(&w, err) : err_oom(err);

	if (r == 0)
		*ret = w.report;
	return r;
}

/* See crash.h. */
#include "qemu/crash.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/core/bootstate.h"
#include "qemu/crash_slots.h"
#include "qemu/offdisk.h"

#define SECTOR 512
#define RECORDS_MAX 4096
#define EPOCH_WRITES_MAX 64
#define TORN_BYTES 16 /* cuts inside a sector tried for each write */

/* A boot state that the stream stores, and where. */
struct record {
	struct bs bs;
	size_t entry;
	bool whole[BS_SLOTS]; /* what is said of the slot was true and durable before */
};

struct judge {
	const struct writelog *log;
	uint64_t start; /* of the boot-state partition on the disk */
	uint8_t *now; /* the partition after everything so far; all of these BS_PARTITION_BYTES */
	uint8_t *durable; /* ... after everything that was flushed */
	uint8_t *trial; /* the state under judgement */
	struct record *record;
	size_t n_records;
	uint64_t durable_sequence;
	struct crash_slots slots;
	size_t epoch[EPOCH_WRITES_MAX]; /* entries not flushed that touch the partition */
	unsigned n_epoch;
	uint64_t random;
	struct bs_disk disk;
	struct crash_report report;
};

static void judge_done(struct judge *j)
{
	free(j->now);
	free(j->durable);
	free(j->trial);
	free(j->record);
	crash_slots_done(&j->slots);
}

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators". */
static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

/* ---- judging one state ------------------------------------------------------------ */

static int trial_read(void *ctx, uint64_t offset, void *data, size_t len)
{
	struct judge *j = ctx;

	if (offset > BS_PARTITION_BYTES || len > BS_PARTITION_BYTES - offset)
		return -ENXIO;
	memcpy(data, j->trial + offset, len);
	return 0;
}

static const struct record *record_of(const struct judge *j, uint64_t sequence)
{
	for (size_t i = 0; i < j->n_records; i++)
		if (j->record[i].bs.sequence == sequence)
			return &j->record[i];
	return NULL;
}

static bool same(const struct bs *a, const struct bs *b)
{
	uint8_t x[BS_RECORD_BYTES], y[BS_RECORD_BYTES];

	bs_encode(a, x);
	bs_encode(b, y);
	return !memcmp(x, y, sizeof(x));
}

static bool any_good(const struct bs *bs)
{
	return bs_slot_good(bs, 0) || bs_slot_good(bs, 1);
}

/* What @bs may not have taken back of what was durable, @was. */
static const char *taken_back(const struct bs *bs, const struct bs *was)
{
	if (any_good(was) && !any_good(bs))
		return "no slot is good any more";
	if (bs->boots < was->boots)
		return "a counted start is forgotten";
	if (bs->floor < was->floor)
		return "the rollback floor fell";
	for (unsigned i = 0; i < BS_SLOTS; i++)
		if (bs->slot[i].tries_left > was->slot[i].tries_left &&
		    bs->slot[i].status == was->slot[i].status)
			return "a try is given back";
	return NULL;
}

/* NULL, or what the state in j->trial breaks. */
static const char *judge_trial(struct judge *j)
{
	const struct disk_ops ops = { .ctx = j, .read = trial_read };
	const struct record *r, *was = record_of(j, j->durable_sequence);
	unsigned slot;
	struct bs bs;

	if (bs_load(&j->disk, &ops, &bs) != BS_OK)
		return "no copy of the boot state is valid";
	r = record_of(j, bs.sequence);
	if (!r || !same(&r->bs, &bs))
		return "the boot state is one that was never stored";
	if (bs.sequence < j->durable_sequence)
		return "the boot state is older than what was flushed";
	if (bs_choose(&bs, 0, 0, &slot))
		return "no slot can be started";
	for (unsigned i = 0; i < BS_SLOTS; i++)
		if (bs.slot[i].status == BS_READY && !r->whole[i])
			return "a slot is called ready that is not whole";
	return was ? taken_back(&bs, &was->bs) : NULL;
}

static int check(struct judge *j, size_t entry, const char *how, struct err *err)
{
	const char *why = judge_trial(j);

	return why ? err_set(err, -EILSEQ, "a power cut at entry %zu of the write stream, %s: %s",
			     entry, how, why)
		   : 0;
}

/* ---- putting states together ------------------------------------------------------ */

/*
 * Lay the first @len bytes of the write @e over @part, as far as they fall into it. False when
 * none do.
 */
static int lay(struct judge *j, const struct writelog_entry *e, uint64_t len, uint8_t *part,
	       struct err *err)
{
	uint64_t from = e->offset_bytes > j->start ? e->offset_bytes : j->start;
	uint64_t end = e->offset_bytes + len, stop = j->start + BS_PARTITION_BYTES;
	int r;

	end = end < stop ? end : stop;
	if (from >= end)
		return 0;
	r = writelog_read(j->log, e, from - e->offset_bytes, part + (from - j->start),
			  (size_t)(end - from));
	return r < 0 ? err_errno(err, r, "cannot read the write log") : 0;
}

static bool touches(const struct judge *j, const struct writelog_entry *e)
{
	return e->kind == WRITELOG_WRITE && e->offset_bytes < j->start + BS_PARTITION_BYTES &&
	       e->offset_bytes + e->len > j->start;
}

/* A slot that was ready before with the same image is as whole as it was. */
static void look_at_slots(struct judge *j, struct record *r)
{
	const struct record *before = j->n_records ? r - 1 : NULL;

	for (unsigned i = 0; i < BS_SLOTS; i++) {
		const struct bs_slot *s = &r->bs.slot[i];
		bool same = before && before->bs.slot[i].status == BS_READY &&
			    !memcmp(before->bs.slot[i].image.uki_sha256, s->image.uki_sha256,
				    sizeof(s->image.uki_sha256));

		if (same)
			r->whole[i] = before->whole[i];
		else if (s->status == BS_READY)
			r->whole[i] = crash_slots_whole(&j->slots, i, &s->image);
	}
}

/* Remember the record that this write stores, if it is one. */
static int learn(struct judge *j, size_t idx, struct err *err)
{
	const struct writelog_entry *e = &j->log->entry[idx];
	uint8_t data[BS_RECORD_BYTES];

	for (int copy = 0; copy < BS_COPIES; copy++) {
		if (e->offset_bytes != j->start + BS_COPY_OFFSET(copy) || e->len < sizeof(data))
			continue;
		if (writelog_read(j->log, e, 0, data, sizeof(data)) < 0)
			return err_set(err, -EIO, "cannot read the write log");
		if (bs_decode(data, &j->record[j->n_records].bs))
			return err_set(err, -EILSEQ,
				       "entry %zu of the write stream stores no valid boot state",
				       idx);
		if (j->n_records == RECORDS_MAX - 1)
			return err_set(err, -E2BIG, "more than %d boot states", RECORDS_MAX);
		j->record[j->n_records].entry = idx;
		look_at_slots(j, &j->record[j->n_records]);
		j->n_records++;
	}
	return 0;
}

/* Sequence of the newest valid record in @part. */
static uint64_t newest(struct judge *j, const uint8_t *part)
{
	const struct disk_ops ops = { .ctx = j, .read = trial_read };
	struct bs bs;

	memcpy(j->trial, part, BS_PARTITION_BYTES);
	return bs_load(&j->disk, &ops, &bs) ? 0 : bs.sequence;
}

static int check_torn(struct judge *j, size_t idx, struct err *err)
{
	const struct writelog_entry *e = &j->log->entry[idx];
	int r = 0;

	for (uint64_t len = SECTOR; r == 0 && len < e->len; len += SECTOR) {
		memcpy(j->trial, j->now, BS_PARTITION_BYTES);
		r = lay(j, e, len, j->trial, err);
		if (r == 0)
			r = check(j, idx, "torn at a sector", err);
		j->report.torn++;
	}
	for (unsigned i = 0; r == 0 && i < TORN_BYTES; i++) {
		memcpy(j->trial, j->now, BS_PARTITION_BYTES);
		r = lay(j, e, next_random(&j->random) % e->len, j->trial, err);
		if (r == 0)
			r = check(j, idx, "torn at a byte", err);
		j->report.torn++;
	}
	return r;
}

/* Random subsets of what the epoch that ends at @idx wrote, sector by sector, in any order. */
static int check_subsets(struct judge *j, size_t idx, struct err *err)
{
	static uint8_t sector[SECTOR];
	int r = 0;

	for (unsigned n = 0; r == 0 && j->n_epoch && n < CRASH_SUBSETS; n++) {
		memcpy(j->trial, j->durable, BS_PARTITION_BYTES);
		for (unsigned w = 0; r == 0 && w < j->n_epoch; w++) {
			const struct writelog_entry *e = &j->log->entry[j->epoch[w]];

			for (uint64_t at = 0; r == 0 && at < e->len; at += SECTOR) {
				uint64_t to = e->offset_bytes + at;

				if (next_random(&j->random) & UINT64_C(1) << 33 || to < j->start ||
				    to >= j->start + BS_PARTITION_BYTES)
					continue;
				r = writelog_read(j->log, e, at, sector, SECTOR);
				memcpy(j->trial + (to - j->start), sector, SECTOR);
			}
		}
		if (r == 0)
			r = check(j, idx, "with some of what was not flushed", err);
		j->report.subsets++;
	}
	return r;
}

/* ---- the stream ------------------------------------------------------------------- */

/* Nothing is written to a slot before it is durable that the slot is not to be started. */
static int check_slot(struct judge *j, size_t idx, struct err *err)
{
	const struct record *was = record_of(j, j->durable_sequence);
	unsigned slot = crash_slots_hit(&j->slots, &j->log->entry[idx]);

	if (slot == BS_SLOT_NONE || !was || was->bs.slot[slot].status != BS_READY)
		return 0;
	return err_set(err, -EILSEQ,
		       "entry %zu of the write stream is to slot %s, which the boot state calls "
		       "ready", idx, bs_slot_name(slot));
}

static int take_write(struct judge *j, size_t idx, struct err *err)
{
	const struct writelog_entry *e = &j->log->entry[idx];
	int r;

	j->report.writes++;
	j->report.prefixes++;
	if (!touches(j, e))
		return check_slot(j, idx, err);
	r = learn(j, idx, err);
	if (r == 0)
		r = check_torn(j, idx, err);
	if (r == 0)
		r = lay(j, e, e->len, j->now, err);
	if (r == 0 && e->fua)
		r = lay(j, e, e->len, j->durable, err);
	if (r < 0)
		return r;
	if (j->n_epoch == EPOCH_WRITES_MAX)
		return err_set(err, -E2BIG, "more than %d writes of the boot state between flushes",
			       EPOCH_WRITES_MAX);
	j->epoch[j->n_epoch++] = idx;
	memcpy(j->trial, j->now, BS_PARTITION_BYTES);
	return check(j, idx, "all of it written", err);
}

static int take_flush(struct judge *j, size_t idx, struct err *err)
{
	int r = check_subsets(j, idx, err);

	j->report.flushes++;
	j->report.prefixes++;
	if (r == 0)
		r = crash_slots_flush(&j->slots, j->log, idx, err);
	if (r < 0 || !j->n_epoch)
		return r;
	memcpy(j->durable, j->now, BS_PARTITION_BYTES);
	j->durable_sequence = newest(j, j->durable);
	j->n_epoch = 0;
	return 0;
}

/* A start is counted and durable before the machine does anything else that lasts. */
static int check_starts(struct judge *j, struct err *err)
{
	for (size_t i = 1; i < j->n_records; i++) {
		const struct record *r = &j->record[i];

		if (r->bs.boots == j->record[i - 1].bs.boots)
			continue;
		j->report.starts++;
		if (r->entry + 1 >= j->log->n ||
		    j->log->entry[r->entry + 1].kind != WRITELOG_FLUSH)
			return err_set(err, -EILSEQ,
				       "the start counted by entry %zu of the write stream is not "
				       "flushed before the next write",
				       r->entry);
	}
	return 0;
}

static int begin(struct judge *j, const char *base, const char *scratch, struct err *err)
{
	_cleanup_offdisk_ struct offdisk *d = offdisk_open(base, false, err);
	_cleanup_offstate_ struct offstate *s = d ? offdisk_state(d, err) : NULL;
	struct gpt_partition p;
	int r;

	if (!s || gpt_find_name(&d->gpt, GPT_NAME_BOOT_STATE, &p))
		return -EINVAL;
	j->start = gpt_offset_bytes(&d->gpt, &p);
	j->now = malloc(BS_PARTITION_BYTES);
	j->durable = malloc(BS_PARTITION_BYTES);
	j->trial = malloc(BS_PARTITION_BYTES);
	j->record = calloc(RECORDS_MAX, sizeof(*j->record));
	if (!j->now || !j->durable || !j->trial || !j->record)
		return err_oom(err);
	r = blk_read(s->part, 0, j->now, BS_PARTITION_BYTES);
	if (r < 0)
		return err_errno(err, r, "cannot read the boot state");
	memcpy(j->durable, j->now, BS_PARTITION_BYTES);
	r = crash_slots_open(&j->slots, base, scratch, err);
	if (r < 0)
		return r;
	j->record[0].bs = s->bs;
	look_at_slots(j, &j->record[0]);
	j->n_records = 1;
	j->durable_sequence = s->bs.sequence;
	return 0;
}

int crash_check(const char *base, const struct writelog *log, const char *scratch, uint64_t seed,
		struct crash_report *ret, struct err *err)
{
	_cleanup_free_ struct judge *j = calloc(1, sizeof(*j));
	int r;

	if (!j)
		return err_oom(err);
	j->log = log;
	j->random = seed | 1;
	r = begin(j, base, scratch, err);
	for (size_t i = 0; r == 0 && i < log->n; i++) {
		if (log->entry[i].kind == WRITELOG_WRITE)
			r = take_write(j, i, err);
		else if (log->entry[i].kind == WRITELOG_FLUSH)
			r = take_flush(j, i, err);
	}
	if (r == 0)
		r = check_starts(j, err);
	j->report.records = j->n_records - 1;
	if (r == 0)
		*ret = j->report;
	judge_done(j);
	return r;
}

/* ---- whole disks ------------------------------------------------------------------ */

int crash_state(const char *disk, const struct writelog *log, uint64_t seed, struct err *err)
{
	uint64_t random = seed | 1;
	size_t cut = log->n ? next_random(&random) % log->n : 0, flushed = 0;
	_cleanup_blk_ struct blk *b = NULL;
	int r = blk_open(disk, true, &b, err);

	for (size_t i = 0; i < cut; i++)
		if (log->entry[i].kind == WRITELOG_FLUSH)
			flushed = i;
	for (size_t i = 0; r == 0 && i < cut; i++) {
		const struct writelog_entry *e = &log->entry[i];
		uint64_t dice = next_random(&random) >> 33;
		uint64_t len = e->len;

		if (e->kind != WRITELOG_WRITE)
			continue;
		if (i > flushed && !e->fua) {
			if (dice & 1)
				continue;
			if (dice & 2)
				len = (dice >> 8) % (e->len / SECTOR + 1) * SECTOR;
		}
		r = writelog_replay(log, e, len, b);
	}
	if (r == 0)
		r = blk_flush(b);
	return r < 0 ? err_errno(err, r, "cannot make a crashed disk") : 0;
}

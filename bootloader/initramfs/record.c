#include "bootloader/initramfs/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>

#include "lib/base/cleanup.h"
#include "lib/core/flight.h"

#define KLOG_READ_ALL 3

int record_open(struct record *rec, const struct rawdisk_window *window)
{
	int r;

	*rec = (struct record){ .window = *window };
	rec->ops = rawdisk_ops(&rec->window);
	r = bs_load(&rec->disk, &rec->ops, &rec->bs);
	rec->open = true;
	return r;
}

void record_close(struct record *rec)
{
	rec->open = false;
	rec->writable = false;
}

void record_stage(struct record *rec, enum bs_stage stage)
{
	if (rec->writable && !bs_set_stage(&rec->bs, stage))
		bs_store(&rec->disk, &rec->bs);
}

/* Made durable by the flush of the store that follows. */
static int save_entry(struct record *rec, const struct flight *about, const char *text,
		      size_t len)
{
	_cleanup_free_ uint8_t *entry = malloc(FLIGHT_ENTRY_BYTES);

	if (!entry)
		return -ENOMEM;
	if (!rec->ops.write)
		return -EROFS;
	flight_encode(about, text, len, entry);
	return rec->ops.write(rec->ops.ctx, FLIGHT_OFFSET(about->boot), entry, FLIGHT_ENTRY_BYTES);
}

static void save_kernel_log(struct record *rec)
{
	_cleanup_free_ char *text = malloc(FLIGHT_TEXT_MAX);
	struct flight about;
	int len = text ? klogctl(KLOG_READ_ALL, text, FLIGHT_TEXT_MAX) : 0;

	if (len > 0 && flight_of_boot(&rec->bs, rec->bs.boots, &about))
		save_entry(rec, &about, text, (size_t)len);
}

bool record_failure(struct record *rec, enum bs_reason reason, bool hopeless)
{
	int r;

	if (!rec->writable)
		return false;
	r = hopeless ? bs_mark_bad(&rec->bs, rec->bs.current, reason) :
		       bs_mark_failed(&rec->bs, rec->bs.current, reason);
	if (r)
		return false;
	save_kernel_log(rec);
	return !bs_store(&rec->disk, &rec->bs);
}

/* The newest start before this one that got as far as a kernel; NULL when the ring has none. */
static const struct bs_boot *previous_boot(const struct bs *bs)
{
	for (unsigned int i = 1; i < BS_RING_MAX && bs->ring[i].number; i++)
		if (bs->ring[i].stage >= BS_STAGE_LOADED)
			return &bs->ring[i];
	return NULL;
}

/* Is exactly this @text in the recorder already? */
static bool told_before(struct record *rec, const char *text, size_t len)
{
	_cleanup_free_ uint8_t *entry = malloc(FLIGHT_ENTRY_BYTES);
	const char *known;
	struct flight f;

	for (unsigned int i = 0; entry && i < FLIGHT_ENTRIES; i++)
		if (!rec->ops.read(rec->ops.ctx, FLIGHT_OFFSET(i), entry, FLIGHT_ENTRY_BYTES) &&
		    !flight_decode(entry, &f, &known) && f.text_bytes == len &&
		    !memcmp(known, text, len))
			return true;
	return false;
}

bool record_explain(struct record *rec, enum bs_reason reason, const char *text, size_t len)
{
	static struct bs bs;
	const struct bs_boot *last = previous_boot(&rec->bs);
	struct flight about;
	uint64_t number;
	bool explains, survived, saved;

	if (!rec->writable || !last || (len && told_before(rec, text, len)))
		return false;
	bs = rec->bs;
	explains = bs_explain_previous(&bs, reason, &number);
	survived = last->reason == BS_REASON_NONE && last->end == BS_END_SETTLED;
	if ((!explains && !survived) || !flight_of_boot(&rec->bs, last->number, &about))
		return false;
	if (reason != BS_REASON_NONE)
		about.reason = reason;
	saved = !len || !save_entry(rec, &about, text, len);
	if (reason == BS_REASON_NONE || !explains)
		return saved && !rec->ops.flush(rec->ops.ctx);
	rec->bs = bs;
	return !bs_store(&rec->disk, &rec->bs) && saved;
}

static const char *const promises[] = {
	[RECORD_PROMISE_NONE] = "",
	[RECORD_PROMISE_FORMATTING] = BS_PROMISE_FORMATTING,
	[RECORD_PROMISE_RESET] = BS_PROMISE_RESET,
};

int record_set_promise(struct record *rec, enum record_promise promise)
{
	uint8_t block[BS_PROMISE_BYTES] = { 0 };
	int r;

	if (!rec->open || !rec->ops.write)
		return -EROFS;
	memcpy(block, promises[promise], strlen(promises[promise]));
	r = rec->ops.write(rec->ops.ctx, BS_PROMISE_OFFSET, block, sizeof(block));
	return r ?: rec->ops.flush(rec->ops.ctx);
}

enum record_promise record_promise(struct record *rec)
{
	uint8_t block[BS_PROMISE_BYTES];

	if (!rec->open || rec->ops.read(rec->ops.ctx, BS_PROMISE_OFFSET, block, sizeof(block)))
		return RECORD_PROMISE_NONE;
	for (size_t i = RECORD_PROMISE_FORMATTING; i < ARRAY_SIZE(promises); i++)
		if (!memcmp(block, promises[i], strlen(promises[i])))
			return (enum record_promise)i;
	return RECORD_PROMISE_NONE;
}

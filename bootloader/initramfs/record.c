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

void record_stage(struct record *rec, enum bs_stage stage)
{
	if (rec->writable && !bs_set_stage(&rec->bs, stage))
		bs_store(&rec->disk, &rec->bs);
}

/* Made durable by the flush of the store that follows. */
static void save_kernel_log(struct record *rec)
{
	_cleanup_free_ char *text = malloc(FLIGHT_TEXT_MAX);
	_cleanup_free_ uint8_t *entry = malloc(FLIGHT_ENTRY_BYTES);
	struct flight about;
	int len;

	if (!text || !entry || !rec->ops.write || !flight_of_boot(&rec->bs, rec->bs.boots, &about))
		return;
	len = klogctl(KLOG_READ_ALL, text, FLIGHT_TEXT_MAX);
	if (len <= 0)
		return;
	flight_encode(&about, text, (size_t)len, entry);
	rec->ops.write(rec->ops.ctx, FLIGHT_OFFSET(about.boot), entry, FLIGHT_ENTRY_BYTES);
}

void record_failure(struct record *rec, enum bs_reason reason, bool hopeless)
{
	int r;

	if (!rec->writable)
		return;
	r = hopeless ? bs_mark_bad(&rec->bs, rec->bs.current, reason) :
		       bs_mark_failed(&rec->bs, rec->bs.current, reason);
	if (r)
		return;
	save_kernel_log(rec);
	bs_store(&rec->disk, &rec->bs);
}

static int write_promise(struct record *rec, const char *text)
{
	uint8_t block[BS_PROMISE_BYTES] = { 0 };
	int r;

	if (!rec->open || !rec->ops.write)
		return -EROFS;
	memcpy(block, text, strlen(text));
	r = rec->ops.write(rec->ops.ctx, BS_PROMISE_OFFSET, block, sizeof(block));
	return r ?: rec->ops.flush(rec->ops.ctx);
}

int record_format_begin(struct record *rec)
{
	return write_promise(rec, BS_PROMISE_FORMATTING);
}

int record_format_end(struct record *rec)
{
	return write_promise(rec, "");
}

bool record_format_pending(struct record *rec)
{
	uint8_t block[BS_PROMISE_BYTES];

	return rec->open &&
	       !rec->ops.read(rec->ops.ctx, BS_PROMISE_OFFSET, block, sizeof(block)) &&
	       !memcmp(block, BS_PROMISE_FORMATTING, strlen(BS_PROMISE_FORMATTING));
}

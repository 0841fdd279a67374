#include "bootloader/initramfs/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>

#include "lib/base/cleanup.h"

#define KLOG_READ_ALL 3
#define FORMAT_BYTES 4096
#define FORMAT_TEXT "kiln: formatting the state partition\n"

_Static_assert(RECORD_FORMAT_OFFSET + FORMAT_BYTES <= BS_PARTITION_BYTES, "promise fits");

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

static void save_kernel_log(struct record *rec)
{
	_cleanup_free_ char *text = calloc(1, BS_FLIGHT_BYTES);
	int len;

	if (!text || !rec->ops.write)
		return;
	len = klogctl(KLOG_READ_ALL, text, BS_FLIGHT_BYTES - 1);
	if (len <= 0)
		return;
	if (!rec->ops.write(rec->ops.ctx, BS_FLIGHT_OFFSET, text, BS_FLIGHT_BYTES))
		rec->ops.flush(rec->ops.ctx);
}

void record_failure(struct record *rec, enum bs_reason reason, bool hopeless)
{
	int r;

	if (!rec->open)
		return;
	save_kernel_log(rec);
	if (!rec->writable)
		return;
	r = hopeless ? bs_mark_bad(&rec->bs, rec->bs.current, reason) :
		       bs_mark_failed(&rec->bs, rec->bs.current, reason);
	if (!r)
		bs_store(&rec->disk, &rec->bs);
}

static int write_promise(struct record *rec, const char *text)
{
	uint8_t block[FORMAT_BYTES] = { 0 };
	int r;

	if (!rec->open || !rec->ops.write)
		return -EROFS;
	memcpy(block, text, strlen(text));
	r = rec->ops.write(rec->ops.ctx, RECORD_FORMAT_OFFSET, block, sizeof(block));
	return r ?: rec->ops.flush(rec->ops.ctx);
}

int record_format_begin(struct record *rec)
{
	return write_promise(rec, FORMAT_TEXT);
}

int record_format_end(struct record *rec)
{
	return write_promise(rec, "");
}

bool record_format_pending(struct record *rec)
{
	uint8_t block[FORMAT_BYTES];

	return rec->open &&
	       !rec->ops.read(rec->ops.ctx, RECORD_FORMAT_OFFSET, block, sizeof(block)) &&
	       !memcmp(block, FORMAT_TEXT, strlen(FORMAT_TEXT));
}

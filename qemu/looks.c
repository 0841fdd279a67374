/* See looks.h. */
#include "qemu/looks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/core/flight.h"
#include "qemu/offdisk.h"

int look_slot_state(const char *disk, unsigned slot, const char **ret, struct err *err)
{
	_cleanup_offdisk_ struct offdisk *d = offdisk_open(disk, false, err);
	_cleanup_offstate_ struct offstate *s = d ? offdisk_state(d, err) : NULL;

	if (!s)
		return -EIO;
	*ret = bs_slot_good(&s->bs, slot) ? "good" : bs_status_name(s->bs.slot[slot].status);
	return 0;
}

int look_slot_reason(const char *disk, unsigned slot, const char **ret, struct err *err)
{
	_cleanup_offdisk_ struct offdisk *d = offdisk_open(disk, false, err);
	_cleanup_offstate_ struct offstate *s = d ? offdisk_state(d, err) : NULL;

	if (!s)
		return -EIO;
	*ret = bs_reason_name(BS_REASON_NONE);
	for (unsigned i = 0; i < BS_RING_MAX && s->bs.ring[i].number; i++) {
		const struct bs_boot *b = &s->bs.ring[i];

		if (b->slot != slot || b->reason == BS_REASON_NONE)
			continue;
		*ret = bs_reason_name(b->reason);
		break;
	}
	return 0;
}

int look_slot_log(const char *disk, unsigned slot, char **ret, struct err *err)
{
	_cleanup_offdisk_ struct offdisk *d = offdisk_open(disk, false, err);
	_cleanup_free_ uint8_t *entry = malloc(FLIGHT_ENTRY_BYTES);
	_cleanup_free_ char *newest = NULL;
	_cleanup_blk_ struct blk *part = NULL;
	uint64_t newest_boot = 0;
	int r = d ? offdisk_partition(d, GPT_NAME_BOOT_STATE, &part, err) : -EIO;

	if (r == 0 && !entry)
		r = err_oom(err);
	for (unsigned i = 0; r == 0 && i < FLIGHT_ENTRIES; i++) {
		const char *text;
		struct flight f;

		r = blk_read(part, FLIGHT_OFFSET(i), entry, FLIGHT_ENTRY_BYTES);
		if (r < 0)
			return err_errno(err, r, "cannot read the flight recorder");
		if (flight_decode(entry, &f, &text) || f.slot != slot || f.boot < newest_boot)
			continue;
		free(newest);
		newest = calloc(1, f.text_bytes + 1u);
		if (!newest)
			return err_oom(err);
		for (uint32_t at = 0; at < f.text_bytes; at++)
			newest[at] = text[at] ? text[at] : ' ';
		newest_boot = f.boot;
	}
	if (r < 0)
		return r;
	if (!newest)
		return err_set(err, -ENOENT, "the flight recorder has nothing of slot %s",
			       bs_slot_name(slot));
	*ret = TAKE_PTR(newest);
	return 0;
}

/* The UKI of @slot, as the boot state @bs describes it. */
static int read_uki(struct offdisk *d, const struct bs *bs, unsigned slot, struct buf *ret,
		    struct err *err)
{
	_cleanup_blk_ struct blk *part = NULL;
	uint64_t bytes = bs->slot[slot].image.uki_bytes;
	int r = offdisk_partition(d, gpt_name_boot[slot], &part, err);

	if (r < 0)
		return r;
	if (!bytes || bytes > part->size_bytes)
		return err_set(err, -EINVAL, "slot %s holds no UKI", bs_slot_name(slot));
	if (!buf_reserve(ret, bytes))
		return err_oom(err);
	r = blk_read(part, 0, ret->data + ret->len, bytes);
	if (r < 0)
		return err_errno(err, r, "cannot read the UKI of slot %s", bs_slot_name(slot));
	ret->len += bytes;
	return 0;
}

int look_slot_uki(const char *disk, unsigned slot, struct buf *ret, struct err *err)
{
	_cleanup_offdisk_ struct offdisk *d = offdisk_open(disk, false, err);
	_cleanup_offstate_ struct offstate *s = d ? offdisk_state(d, err) : NULL;

	return s ? read_uki(d, &s->bs, slot, ret, err) : -EIO;
}

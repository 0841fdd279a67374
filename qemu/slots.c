/* See slots.h. */
#include "qemu/slots.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/core/pe.h"
#include "qemu/offdisk.h"
#include "qemu/slotread.h"

#define CHUNK_BYTES (1u << 20)

static int copy_partition(struct offdisk *d, const char *from, const char *to, struct err *err)
{
	_cleanup_blk_ struct blk *in = NULL, *out = NULL;
	_cleanup_free_ uint8_t *chunk = malloc(CHUNK_BYTES);
	int r = offdisk_partition(d, from, &in, err);

	if (r == 0)
		r = offdisk_partition(d, to, &out, err);
	if (r < 0)
		return r;
	if (!chunk)
		return err_oom(err);
	if (in->size_bytes != out->size_bytes)
		return err_set(err, -EINVAL, "partitions %s and %s differ in size", from, to);
	for (uint64_t at = 0; r == 0 && at < in->size_bytes; at += CHUNK_BYTES) {
		uint64_t left = in->size_bytes - at;
		size_t len = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;

		r = blk_read(in, at, chunk, len);
		/* What is blank in the image stays a hole in the copy. */
		if (r == 0 && (chunk[0] || memcmp(chunk, chunk + 1, len - 1)))
			r = blk_write(out, at, chunk, len);
	}
	return r < 0 ? err_errno(err, r, "cannot copy %s to %s", from, to) : 0;
}

int slots_clone(const char *disk, unsigned from, struct err *err)
{
	const char *const *names[] = { gpt_name_boot, gpt_name_root, gpt_name_verity,
				       gpt_name_sig };
	_cleanup_offdisk_ struct offdisk *d = offdisk_open(disk, true, err);
	_cleanup_offstate_ struct offstate *s = d ? offdisk_state(d, err) : NULL;
	unsigned to = 1 - from;
	int r = s ? 0 : -EIO;

	for (unsigned i = 0; r == 0 && i < ARRAY_SIZE(names); i++)
		r = copy_partition(d, names[i][from], names[i][to], err);
	if (r < 0)
		return r;
	s->bs.slot[from].good = true;
	s->bs.slot[from].priority = 2;
	s->bs.slot[to] = s->bs.slot[from];
	s->bs.slot[to].priority = 1;
	s->bs.slot[to].stage = BS_STAGE_NONE;
	s->bs.slot[to].reason = BS_REASON_NONE;
	return offstate_store(s, err);
}

/* Put @uki into @slot, and its hash wherever it is written down, as a build would have. */
static int seal_uki(struct offdisk *d, struct offstate *s, unsigned slot, struct slot_content *c,
		    struct err *err)
{
	_cleanup_blk_ struct blk *part = NULL;
	uint8_t descriptor[SLOTDESC_BYTES];
	int r = offdisk_partition(d, gpt_name_boot[slot], &part, err);

	if (r < 0)
		return r;
	digest_bytes(c->uki, (size_t)c->image.uki_bytes, c->image.uki_sha256);
	if (slotdesc_encode(&c->image, descriptor))
		return err_set(err, -EINVAL, "slot %s cannot be sealed", bs_slot_name(slot));
	r = blk_write(part, 0, c->uki, (size_t)c->image.uki_bytes);
	if (r == 0)
		r = blk_write(part, part->size_bytes - sizeof(descriptor), descriptor,
			      sizeof(descriptor));
	if (r < 0)
		return err_errno(err, r, "cannot write slot %s", bs_slot_name(slot));
	s->bs.slot[slot].image = c->image;
	return offstate_store(s, err);
}

int slots_spoil_uki(const char *disk, unsigned slot, const char *section, struct err *err)
{
	_cleanup_offdisk_ struct offdisk *d = offdisk_open(disk, true, err);
	_cleanup_offstate_ struct offstate *s = d ? offdisk_state(d, err) : NULL;
	_cleanup_slot_content_ struct slot_content c = SLOT_CONTENT_NONE;
	struct pe_section where;
	struct pe pe;
	int r = s ? slot_content_read(d, slot, &c, err) : -EIO;

	if (r < 0)
		return r;
	r = pe_parse(c.uki, c.image.uki_bytes, c.image.uki_bytes, &pe);
	if (r == PE_OK)
		r = pe_section_find(&pe, section, &where);
	if (r != PE_OK)
		return err_set(err, -EINVAL, "section %s of the UKI: %s", section,
			       pe_error_text(r));
	c.uki[where.header] = '-';
	return seal_uki(d, s, slot, &c, err);
}

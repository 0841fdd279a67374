/* See slot.h. */
#include "install/slot.h"

#include <errno.h>
#include <inttypes.h>

#include "lib/base/blk.h"
#include "lib/base/err.h"
#include "lib/core/bootstate.h"
#include "lib/core/gpt.h"
#include "verity/sigfile.h"

static const char *partition_name(unsigned slot, enum bundle_part part)
{
	switch (part) {
	case BUNDLE_UKI:
		return gpt_name_boot[slot];
	case BUNDLE_ROOT:
		return gpt_name_root[slot];
	case BUNDLE_SIG:
		return gpt_name_sig[slot];
	case BUNDLE_VERITY:
		return gpt_name_verity[slot];
	default:
		return NULL;
	}
}

int slot_read_table(struct blk *disk, struct gpt *ret, struct err *err)
{
	struct disk_ops ops = blk_disk_ops(disk);
	int r = gpt_read(&ops, disk->sector_bytes, disk->size_bytes / disk->sector_bytes, ret);

	if (r < 0)
		return err_errno(err, r, "cannot read the partition table");
	return r ? err_set(err, -ENOENT, "the partition table: %s", gpt_error_text(r)) : 0;
}

int slot_open(struct blk *disk, const struct gpt *gpt, unsigned slot, struct slot *ret,
	      struct err *err)
{
	struct slot s = { .part = { NULL } };

	for (unsigned p = 0; p < BUNDLE_PARTS; p++) {
		const char *name = partition_name(slot, (enum bundle_part)p);
		struct gpt_partition where;
		int r;

		if (!name)
			continue;
		r = gpt_find_name(gpt, name, &where);
		if (r) {
			slot_close(&s);
			return err_set(err, -ENOENT, "partition %s: %s", name, gpt_error_text(r));
		}
		r = blk_new_window(disk, gpt_offset_bytes(gpt, &where), gpt_size_bytes(gpt, &where),
				   &s.part[p]);
		if (r) {
			slot_close(&s);
			return err_errno(err, r, "cannot use partition %s", name);
		}
	}
	*ret = s;
	return 0;
}

void slot_close(struct slot *slot)
{
	for (unsigned p = 0; p < BUNDLE_PARTS; p++)
		slot->part[p] = blk_free(slot->part[p]);
}

uint64_t slot_part_bytes(const struct bundle_manifest *m, enum bundle_part part)
{
	return part == BUNDLE_SIG ? SIGFILE_BYTES : bundle_align(m->part[part].bytes);
}

int slot_fits(const struct slot *slot, const struct bundle_manifest *m, struct err *err)
{
	for (unsigned p = 0; p < BUNDLE_PARTS; p++) {
		uint64_t needed = slot_part_bytes(m, (enum bundle_part)p), room;

		if (!slot->part[p])
			continue;
		if (p == BUNDLE_UKI)
			needed += SLOTDESC_BYTES;
		room = slot->part[p]->size_bytes;
		if (needed > room)
			return err_set(err, -ENOSPC,
				       "the %s of %s %s takes %" PRIu64
				       " bytes, and its partition on this machine has %" PRIu64,
				       bundle_part_name((enum bundle_part)p), m->name, m->version,
				       needed, room);
	}
	return 0;
}

/*
 * See table.h. Slot b is not to be found by anyone but kiln: bit 63. Slot a's root
 * and hash tree carry the halves of the root hash, so that tools that know the
 * Discoverable Partitions Specification pair them up.
 */
#include "builder/disk/table.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "lib/base/err.h"
#include "lib/core/sha256.h"

#define SLOT_A GPT_ATTR_READ_ONLY
#define SLOT_B (GPT_ATTR_READ_ONLY | GPT_ATTR_NO_AUTO)

static const struct {
	const struct guid *type;
	uint64_t attributes;
} kinds[DISK_N_PARTS] = {
	[TABLE_ESP] = { &gpt_type_esp, 0 },
	[TABLE_BOOT_STATE] = { &gpt_type_kiln_state, 0 },
	[TABLE_BOOT_A] = { &gpt_type_kiln_boot, 0 },
	[TABLE_ROOT_A] = { &gpt_type_root_x64, SLOT_A },
	[TABLE_VERITY_A] = { &gpt_type_root_verity_x64, SLOT_A },
	[TABLE_SIG_A] = { &gpt_type_root_sig_x64, SLOT_A },
	[TABLE_BOOT_B] = { &gpt_type_kiln_boot, 0 },
	[TABLE_ROOT_B] = { &gpt_type_root_x64, SLOT_B },
	[TABLE_VERITY_B] = { &gpt_type_root_verity_x64, SLOT_B },
	[TABLE_SIG_B] = { &gpt_type_root_sig_x64, SLOT_B },
	[TABLE_STATE] = { &gpt_type_linux, 0 },
};

struct guid table_guid(const struct disk_options *o, const char *role)
{
	uint8_t sum[SHA256_BYTES];
	struct sha256 h;
	struct guid g;

	/* The NULs keep ("a", "b1") and ("ab", "1") apart. */
	sha256_init(&h);
	sha256_add(&h, "kiln-guid", 10);
	sha256_add(&h, o->name, strlen(o->name) + 1);
	sha256_add(&h, o->version, strlen(o->version) + 1);
	sha256_add(&h, o->root_hash, sizeof(o->root_hash));
	sha256_add(&h, role, strlen(role));
	sha256_take(&h, sum);
	memcpy(g.bytes, sum, GUID_BYTES);
	guid_mark_custom(&g);
	return g;
}

static struct guid part_guid(const struct disk_options *o, enum table_part idx, const char *name)
{
	if (idx == TABLE_ROOT_A)
		return guid_from_text_bytes(o->root_hash);
	if (idx == TABLE_VERITY_A)
		return guid_from_text_bytes(o->root_hash + GUID_BYTES);
	return table_guid(o, name);
}

int table_fill(const struct disk_options *o, const struct disk_layout *layout, struct gpt *ret,
	       struct err *err)
{
	struct guid disk = table_guid(o, "disk");
	int r = gpt_init(ret, TABLE_SECTOR_BYTES, layout->disk_bytes / TABLE_SECTOR_BYTES, &disk);

	if (r != GPT_OK)
		return err_set(err, -EINVAL, "partition table: %s", gpt_error_text(r));
	for (unsigned i = 0; i < DISK_N_PARTS; i++) {
		const struct disk_part *part = &layout->part[i];
		uint64_t first = part->offset_bytes / TABLE_SECTOR_BYTES;
		struct gpt_partition p = {
			.idx = i,
			.type = *kinds[i].type,
			.unique = part_guid(o, i, part->name),
			.first_lba = first,
			.last_lba = first + part->size_bytes / TABLE_SECTOR_BYTES - 1,
			.attributes = kinds[i].attributes,
		};

		assert(strlen(part->name) < sizeof(p.name));
		memcpy(p.name, part->name, strlen(part->name) + 1);
		r = gpt_set_partition(ret, &p);
		if (r != GPT_OK)
			return err_set(err, -EINVAL, "partition %s: %s", part->name,
				       gpt_error_text(r));
	}
	return 0;
}

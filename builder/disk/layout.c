/*
 * Where the partitions lie, disk_plan() of disk.h: one after the other at 1 MiB
 * borders, state last so that it can grow, room for the backup table behind it.
 */
#include <errno.h>
#include <inttypes.h>

#include "builder/disk/disk.h"
#include "lib/base/err.h"
#include "lib/core/bootstate.h"
#include "lib/core/gpt.h"
#include "lib/core/verity_table.h"

_Static_assert(DISK_ALIGN_BYTES == GPT_ALIGN_BYTES, "one alignment");

static uint64_t align_up(uint64_t bytes)
{
	return (bytes + DISK_ALIGN_BYTES - 1) / DISK_ALIGN_BYTES * DISK_ALIGN_BYTES;
}

uint64_t disk_verity_slot_bytes(uint64_t root_slot_bytes)
{
	struct verity_tree tree;

	if (verity_tree_shape(root_slot_bytes / VERITY_BLOCK_BYTES, &tree) != VERITY_OK)
		return 0;
	return align_up((1 + tree.hash_blocks) * VERITY_BLOCK_BYTES);
}

static int check_size(const char *key, uint64_t bytes, uint64_t min_bytes, struct err *err)
{
	if (bytes < min_bytes)
		return err_set(err, -EINVAL, "%s: %" PRIu64 " bytes are less than %" PRIu64 "M",
			       key, bytes, min_bytes >> 20);
	if (bytes > DISK_SLOT_MAX_BYTES)
		return err_set(err, -EOVERFLOW, "%s: %" PRIu64 " bytes are more than %" PRIu64 "G",
			       key, bytes, (uint64_t)DISK_SLOT_MAX_BYTES >> 30);
	return 0;
}

int disk_plan(const struct disk_options *o, struct disk_layout *ret, struct err *err)
{
	uint64_t esp = align_up(o->esp_bytes ? o->esp_bytes : DISK_ESP_BYTES);
	uint64_t boot = align_up(o->boot_slot_bytes), root = align_up(o->root_slot_bytes);
	uint64_t at = DISK_ALIGN_BYTES;
	int r;

	r = check_size("slots.root", o->root_slot_bytes, DISK_ALIGN_BYTES, err);
	if (r == 0)
		r = check_size("slots.boot", o->boot_slot_bytes, DISK_ALIGN_BYTES, err);
	if (r == 0)
		r = check_size("state.size", o->state_bytes, DISK_ALIGN_BYTES, err);
	if (r == 0)
		r = check_size("the ESP", esp, DISK_ALIGN_BYTES, err);
	if (r < 0)
		return r;

	const struct disk_part sized[DISK_N_PARTS] = {
		{ GPT_NAME_ESP, 0, esp },
		{ GPT_NAME_BOOT_STATE, 0, BS_PARTITION_BYTES },
		{ gpt_name_boot[0], 0, boot },
		{ gpt_name_root[0], 0, root },
		{ gpt_name_verity[0], 0, disk_verity_slot_bytes(root) },
		{ gpt_name_sig[0], 0, align_up(DISK_SIG_BYTES) },
		{ gpt_name_boot[1], 0, boot },
		{ gpt_name_root[1], 0, root },
		{ gpt_name_verity[1], 0, disk_verity_slot_bytes(root) },
		{ gpt_name_sig[1], 0, align_up(DISK_SIG_BYTES) },
		{ GPT_NAME_STATE, 0, align_up(o->state_bytes) },
	};

	for (unsigned i = 0; i < DISK_N_PARTS; i++) {
		ret->part[i] = sized[i];
		ret->part[i].offset_bytes = at;
		at += sized[i].size_bytes;
	}
	ret->disk_bytes = at + DISK_ALIGN_BYTES;
	return 0;
}

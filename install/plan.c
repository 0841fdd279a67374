/* See plan.h. */
#include "install/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/core/bootstate.h"
#include "lib/core/sha256.h"

#define MIB (UINT64_C(1) << 20)
/* Early init takes state for blank when so much of it is zero ... */
#define STATE_HEAD_BYTES (8 * MIB)
/* ... and no spare ext4 superblock lies at the start of these groups of 128 MiB. */
#define STATE_GROUP_BYTES (128 * MIB)
#define BLOCK_BYTES 4096ull

static const char *const names[] = { GPT_NAME_ESP, GPT_NAME_BOOT_STATE, "boot-a",  "root-a",
				     "verity-a",   "sig-a",		"boot-b",  "root-b",
				     "verity-b",   "sig-b",		GPT_NAME_STATE };

static uint64_t part_offset(const struct gpt *gpt, const char *name, uint64_t *ret_bytes)
{
	struct gpt_partition p = { 0 };

	(void)gpt_find_name(gpt, name, &p);
	*ret_bytes = gpt_size_bytes(gpt, &p);
	return gpt_offset_bytes(gpt, &p);
}

uint64_t plan_min_bytes(const struct provision_source *s)
{
	uint64_t state, bytes;

	provision_source_part(s, GPT_NAME_STATE, &state, &bytes);
	if (s->running && bytes > PLAN_STATE_MIN_BYTES)
		bytes = PLAN_STATE_MIN_BYTES;
	return state + bytes + GPT_ALIGN_BYTES;
}

static struct guid own_guid(const uint8_t seed[GUID_BYTES], const char *role)
{
	uint8_t sum[SHA256_BYTES];
	struct sha256 h;
	struct guid g;

	sha256_init(&h);
	sha256_add(&h, "kiln-provision", 15);
	sha256_add(&h, seed, GUID_BYTES);
	sha256_add(&h, role, strlen(role));
	sha256_take(&h, sum);
	memcpy(g.bytes, sum, GUID_BYTES);
	guid_mark_custom(&g);
	return g;
}

/* Those of slot a's root and tree are the halves of the root hash, as the builder makes them. */
static struct guid part_guid(const struct provision_source *s, const uint8_t seed[GUID_BYTES],
			     const char *name)
{
	if (!strcmp(name, gpt_name_root[0]))
		return guid_from_text_bytes(s->image.root_hash);
	if (!strcmp(name, gpt_name_verity[0]))
		return guid_from_text_bytes(s->image.root_hash + GUID_BYTES);
	return own_guid(seed, name);
}

static int add_partition(const struct provision_source *s, unsigned idx,
			 const uint8_t seed[GUID_BYTES], struct plan *plan, struct err *err)
{
	uint32_t sector = plan->gpt.sector_bytes;
	struct gpt_partition p = { 0 };
	uint64_t offset, bytes;
	int r = gpt_find_name(&s->gpt, names[idx], &p);

	offset = gpt_offset_bytes(&s->gpt, &p);
	bytes = gpt_size_bytes(&s->gpt, &p);
	if (!strcmp(p.name, GPT_NAME_STATE)) {
		uint64_t room = (plan->gpt.last_usable_lba + 1) * sector / GPT_ALIGN_BYTES *
				GPT_ALIGN_BYTES - offset;

		/* It grows again where it may; a copy's first one need not fit the old disk's. */
		if (s->running && bytes > room)
			bytes = room;
		plan->state_offset_bytes = offset;
		plan->state_bytes = bytes;
	}
	if (r || offset % GPT_ALIGN_BYTES || bytes % GPT_ALIGN_BYTES)
		return err_set(err, PLAN_REFUSED, "partition %s is not aligned to 1 MiB",
			       names[idx]);
	p.idx = idx;
	p.first_lba = offset / sector;
	p.last_lba = p.first_lba + bytes / sector - 1;
	p.unique = part_guid(s, seed, p.name);
	r = gpt_set_partition(&plan->gpt, &p);
	if (r)
		return err_set(err, PLAN_REFUSED, "partition %s: %s", names[idx],
			       gpt_error_text(r));
	return 0;
}

static int make_table(const struct provision_source *s, uint64_t size_bytes, uint32_t sector_bytes,
		      const uint8_t seed[GUID_BYTES], struct plan *plan, struct err *err)
{
	struct guid disk = own_guid(seed, "disk");
	int r = gpt_init(&plan->gpt, sector_bytes, size_bytes / sector_bytes, &disk);

	if (r)
		return err_set(err, PLAN_REFUSED, "%s", gpt_error_text(r));
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
		r = add_partition(s, i, seed, plan, err);
		if (r)
			return r;
	}
	return 0;
}

static void plan_copies(const struct provision_source *s, struct plan *plan)
{
	const char *const from[] = { GPT_NAME_ESP, gpt_name_boot[s->slot], gpt_name_root[s->slot],
				     gpt_name_verity[s->slot], gpt_name_sig[s->slot] };
	const char *const to[] = { GPT_NAME_ESP, gpt_name_boot[0], gpt_name_root[0],
				   gpt_name_verity[0], gpt_name_sig[0] };
	static const char *const words[] = { "ESP", "UKI", "root", "hash tree", "signature" };
	struct verity_tree tree = { 0 };

	(void)verity_tree_shape(s->verity.data_blocks, &tree);
	for (unsigned i = 0; i < PLAN_PARTS; i++) {
		struct plan_copy *c = &plan->copy[i];
		uint64_t bytes;

		provision_source_part(s, from[i], &c->from_bytes, &c->len_bytes);
		c->to_bytes = part_offset(&plan->gpt, to[i], &bytes);
		c->name = words[i];
	}
	/* The index of what the slot holds lies before its descriptor, which comes last. */
	plan->copy[PLAN_UKI].len_bytes -= SLOTDESC_BYTES;
	plan->copy[PLAN_ROOT].len_bytes = s->verity.data_blocks * VERITY_BLOCK_BYTES;
	plan->copy[PLAN_VERITY].len_bytes = (1 + tree.hash_blocks) * VERITY_BLOCK_BYTES;
	plan->copy_bytes = 0;
	for (unsigned i = 0; i < PLAN_PARTS; i++)
		plan->copy_bytes += plan->copy[i].len_bytes;
}

static void add_wipe(struct plan *plan, uint64_t offset, uint64_t len)
{
	plan->wipe[plan->n_wipes++] = (struct plan_range){ offset, len };
}

/* The first and the last MiB of a partition, where all that can be recognised begins. */
static void wipe_ends(struct plan *plan, const char *name)
{
	uint64_t bytes, at = part_offset(&plan->gpt, name, &bytes);

	add_wipe(plan, at, MIB);
	if (bytes > MIB)
		add_wipe(plan, at + bytes - MIB, MIB);
}

static void wipe_state(struct plan *plan, uint64_t size_bytes)
{
	uint64_t at = plan->state_offset_bytes;
	uint64_t tail = plan->tables[1].offset_bytes;

	add_wipe(plan, at, at + STATE_HEAD_BYTES < tail ? STATE_HEAD_BYTES : tail - at);
	/* It will be grown over everything behind it, so what lies there counts as well. */
	for (uint64_t group = 1; group <= 5; group += 2)
		if (at + group * STATE_GROUP_BYTES + BLOCK_BYTES <= size_bytes)
			add_wipe(plan, at + group * STATE_GROUP_BYTES, BLOCK_BYTES);
}

static void plan_wipes(struct plan *plan, uint64_t size_bytes)
{
	uint64_t bytes, first = part_offset(&plan->gpt, GPT_NAME_ESP, &bytes), tail;

	/*
	 * Behind the last place of a partition lie the backup table and what RAID and ZFS
	 * keep at the end of a disk; what they keep at the end of a partition lies before.
	 */
	tail = size_bytes / MIB * MIB - 3 * MIB;
	if (tail < plan->state_offset_bytes + MIB)
		tail = plan->state_offset_bytes + MIB;
	plan->tables[0] = (struct plan_range){ 0, first };
	plan->tables[1] = (struct plan_range){ tail, size_bytes - tail };

	plan->boot_state.offset_bytes = part_offset(&plan->gpt, GPT_NAME_BOOT_STATE, &bytes);
	plan->boot_state.len_bytes = bytes;
	plan->descriptor.offset_bytes = part_offset(&plan->gpt, gpt_name_boot[0], &bytes);
	plan->descriptor.offset_bytes += bytes - SLOTDESC_BYTES;
	plan->descriptor.len_bytes = SLOTDESC_BYTES;

	plan->n_wipes = 0;
	add_wipe(plan, plan->boot_state.offset_bytes, plan->boot_state.len_bytes);
	add_wipe(plan, plan->descriptor.offset_bytes, plan->descriptor.len_bytes);
	wipe_ends(plan, gpt_name_boot[1]);
	wipe_ends(plan, gpt_name_root[1]);
	wipe_ends(plan, gpt_name_verity[1]);
	wipe_ends(plan, gpt_name_sig[1]);
	wipe_state(plan, size_bytes);
}

int plan_make(const struct provision_source *s, uint64_t size_bytes, uint32_t sector_bytes,
	      const uint8_t seed[GUID_BYTES], struct plan *ret, struct err *err)
{
	int r;

	if (sector_bytes != 512 && sector_bytes != 4096)
		return err_set(err, PLAN_REFUSED, "its sectors have %u bytes, not 512 or 4096",
			       sector_bytes);
	size_bytes = size_bytes / sector_bytes * sector_bytes;
	if (size_bytes < plan_min_bytes(s))
		return err_set(err, PLAN_REFUSED,
			       "it is too small: %" PRIu64 " MiB, and %s %s needs %" PRIu64 " MiB",
			       size_bytes >> 20, s->image.name, s->image.version,
			       (plan_min_bytes(s) + MIB - 1) >> 20);
	r = make_table(s, size_bytes, sector_bytes, seed, ret, err);
	if (r)
		return r;
	plan_copies(s, ret);
	plan_wipes(ret, size_bytes);
	for (unsigned i = 0; i < PLAN_PARTS; i++) {
		uint64_t room, at;
		const char *const to[] = { GPT_NAME_ESP, gpt_name_boot[0], gpt_name_root[0],
					   gpt_name_verity[0], gpt_name_sig[0] };

		at = part_offset(&ret->gpt, to[i], &room);
		if (ret->copy[i].to_bytes != at || ret->copy[i].len_bytes > room)
			return err_set(err, PLAN_REFUSED, "the %s does not fit slot a",
				       ret->copy[i].name);
	}
	return 0;
}

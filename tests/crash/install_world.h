/*
 * A machine for the crash tests of the installer: a disk with two slots on the recording
 * device, versions with their bundles, and what selector and early init would make of
 * whatever a power cut leaves on that disk.
 */
#ifndef TESTS_CRASH_INSTALL_WORLD_H
#define TESTS_CRASH_INSTALL_WORLD_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "install/install.h"
#include "install/slotindex.h"
#include "install/source.h"
#include "lib/base/blk_record.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/core/gpt.h"
#include "lib/core/sha256.h"
#include "verity/sha256mb.h"
#include "verity/sigfile.h"
#include "verity/tree.h"

#define SECTOR 512u
#define BLOCK ((size_t)BUNDLE_BLOCK_BYTES)
#define UKI_BYTES 30001u /* ends inside a block */
#define ROOT_BLOCKS 133u /* two levels of hash tree */
#define ROOT_BYTES (ROOT_BLOCKS * BLOCK)
#define SELECTOR_BYTES 700u
#define BOOT_ROOM (24 * BLOCK)
#define VERITY_ROOM (8 * BLOCK)
#define STATE_ROOM (32 * BLOCK) /* the two copies of the boot state lie in it */
#define HEAD_ROOM (16 * BLOCK)
#define SLOT_ROOM (BOOT_ROOM + ROOT_BYTES + VERITY_ROOM + SIGFILE_BYTES)
#define DISK_BYTES (HEAD_ROOM + STATE_ROOM + 2 * SLOT_ROOM + 8 * BLOCK)
#define VERSIONS 3 /* 0 is the older one, 1 runs, 2 is to be installed */

struct version {
	uint8_t uki[UKI_BYTES], root[ROOT_BYTES], sig[SIGFILE_BYTES], selector[SELECTOR_BYTES];
	uint8_t verity[VERITY_ROOM];
	size_t verity_bytes;
	uint8_t root_hash[32], uki_sha256[32];
	struct bundle_front front;
	uint8_t *entries;
	uint8_t data[UKI_BYTES + ROOT_BYTES + SIGFILE_BYTES + SELECTOR_BYTES];
	size_t data_bytes;
	uint8_t slot[SLOT_ROOM]; /* a slot that holds it, wholly */
};

static struct version versions[VERSIONS];
static struct gpt table;
static struct bs_disk bs_disk;
static struct err err;
static uint32_t seed = 1;

static uint32_t roll(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

static uint64_t slot_start(unsigned slot)
{
	return HEAD_ROOM + STATE_ROOM + slot * SLOT_ROOM;
}

/* ---- versions --------------------------------------------------------------------- */

static void fill(uint8_t *to, size_t len, uint32_t with)
{
	uint32_t keep = seed;

	seed = with ? with : 1;
	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)roll();
	seed = keep;
}

/* Every sixth piece is the one before it once more. */
static size_t piece_number(size_t i)
{
	return i % 6 == 5 ? i - 1 : i;
}

/* Every third piece is in all versions. */
static bool piece_is_shared(size_t i)
{
	return piece_number(i) % 3 == 0;
}

static size_t piece_bytes(size_t i, unsigned id)
{
	return 2000 + (piece_number(i) * 2711 + (piece_is_shared(i) ? 0 : id * 700)) % 7000;
}

static void fill_pieces(uint8_t *to, size_t len, unsigned id)
{
	for (size_t at = 0, n, i = 0; at < len; at += n, i++) {
		size_t k = piece_number(i);

		n = piece_bytes(i, id);
		n = n < len - at ? n : len - at;
		if (k % 18 == 16)
			memset(to + at, 0, n);
		else
			fill(to + at, n, (uint32_t)(piece_is_shared(i) ? 77 + k : 1000 * (id + 1) + k));
	}
}

static void make_root_hash(struct version *v, struct bundle_manifest *m)
{
	_cleanup_close_ int data = memfd_create("data", MFD_CLOEXEC);
	_cleanup_close_ int hash = memfd_create("hash", MFD_CLOEXEC);
	struct verity_layout l;

	assert_int_equal(io_pwrite_all(data, v->root, ROOT_BYTES, 0), 0);
	assert_int_equal(verity_layout(ROOT_BYTES, &l), 0);
	v->verity_bytes = (size_t)l.hash_blocks * BLOCK;
	assert_in_range(v->verity_bytes, 1, VERITY_ROOM);
	assert_int_equal(verity_tree_write(data, ROOT_BYTES, m->salt, m->salt_len, m->uuid, hash,
					   v->root_hash, NULL, &err), 0);
	assert_int_equal(io_pread_all(hash, v->verity, v->verity_bytes, 0), 0);
	memcpy(m->root_hash, v->root_hash, 32);
}

/* Cut a part into chunks of odd lengths; data gets those that were not there before. */
static void add_part(struct version *v, struct buf *entries, const uint8_t *bytes, size_t len, unsigned id)
{
	for (size_t at = 0, n, i = 0; at < len; at += n, i++) {
		uint8_t hash[BUNDLE_HASH_BYTES], entry[BUNDLE_ENTRY_BYTES];
		bool known = false;

		n = piece_bytes(i, id);
		n = n < len - at ? n : len - at;
		bundle_hash(bytes + at, n, hash);
		for (size_t e = 0; e < entries->len; e += BUNDLE_ENTRY_BYTES)
			known = known || !memcmp(entries->data + e + 4, hash, sizeof(hash));
		if (!known) {
			memcpy(v->data + v->data_bytes, bytes + at, n);
			v->data_bytes += n;
		}
		bundle_entry_encode((uint32_t)n, hash, entry);
		buf_add(entries, entry, sizeof(entry));
	}
}

static void make_bundle(struct version *v, unsigned id)
{
	struct bundle_manifest *m = &v->front.manifest;
	const struct { const uint8_t *bytes; size_t len; } parts[BUNDLE_PARTS] = {
		{ v->uki, UKI_BYTES }, { v->root, ROOT_BYTES }, { v->sig, SIGFILE_BYTES },
		{ v->selector, SELECTOR_BYTES }, { v->verity, v->verity_bytes },
	};
	struct buf entries = BUF_INIT;

	for (unsigned p = 0; p < BUNDLE_PARTS; p++) {
		m->part[p].bytes = parts[p].len;
		digest_bytes(parts[p].bytes, parts[p].len, m->part[p].sha256);
		if (p < BUNDLE_CARRIED)
			add_part(v, &entries, parts[p].bytes, parts[p].len, id);
	}
	m->data_bytes = v->data_bytes;
	m->index.bytes = entries.len;
	digest_bytes(entries.data, entries.len, m->index.sha256);
	assert_int_equal(bundle_index_decode((uint8_t *)entries.data, m, &v->front.index, &err), 0);
	v->entries = (uint8_t *)entries.data;
	v->front.offsets = (struct bundle_offsets){ .data = 8 * BLOCK };
}

/* What a slot with @v looks like. */
static void make_slot(struct version *v)
{
	struct bundle_manifest *m = &v->front.manifest;
	uint64_t bytes[BUNDLE_IN_SLOT] = { UKI_BYTES, ROOT_BYTES, SIGFILE_BYTES };
	uint32_t n = v->front.index.start[BUNDLE_IN_SLOT];
	uint64_t at = slotindex_place(BOOT_ROOM, UKI_BYTES, n);
	struct slotdesc d;

	assert_true(at > 0);
	install_describe(m, &d);
	memcpy(v->slot, v->uki, UKI_BYTES);
	slotindex_encode(v->entries, n, bytes, v->slot + at);
	assert_int_equal(slotdesc_encode(&d, v->slot + BOOT_ROOM - SLOTDESC_BYTES), 0);
	memcpy(v->slot + BOOT_ROOM, v->root, ROOT_BYTES);
	memcpy(v->slot + BOOT_ROOM + ROOT_BYTES, v->verity, v->verity_bytes);
	memcpy(v->slot + BOOT_ROOM + ROOT_BYTES + VERITY_ROOM, v->sig, SIGFILE_BYTES);
}

/* The UKI begins with its root hash, as the command line in a real one names it. */
static void make_version(unsigned id)
{
	struct version *v = &versions[id];
	struct bundle_manifest *m = &v->front.manifest;

	memset(v, 0, sizeof(*v));
	*m = (struct bundle_manifest){ .name = "demo", .arch = "amd64", .tries = 3, .epoch = 5,
				       .salt_len = 32, .state_max = 1 };
	m->version[0] = (char)('0' + id);
	fill(m->salt, 32, 42);
	fill(m->uuid, 16, 43 + id);
	fill_pieces(v->root, ROOT_BYTES, id);
	make_root_hash(v, m);
	fill_pieces(v->uki, UKI_BYTES, id);
	memcpy(v->uki, v->root_hash, 32);
	memcpy(v->sig, v->root_hash, 32);
	fill(v->selector, SELECTOR_BYTES, 9);
	sha256_bytes(v->uki, UKI_BYTES, v->uki_sha256);
	make_bundle(v, id);
	make_slot(v);
}

/* ---- the disk ---------------------------------------------------------------------- */

static void add_partition(unsigned idx, const char *name, uint64_t start, uint64_t bytes)
{
	struct gpt_partition p = { .idx = idx, .type = gpt_type_linux, .first_lba = start / SECTOR,
				   .last_lba = (start + bytes) / SECTOR - 1 };

	memset(&p.unique, (int)idx + 1, sizeof(p.unique));
	snprintf(p.name, sizeof(p.name), "%s", name);
	assert_int_equal(gpt_set_partition(&table, &p), GPT_OK);
}

static void make_table(struct blk *disk)
{
	static uint8_t scratch[GPT_HEAD_BYTES(SECTOR)];
	struct disk_ops ops = blk_disk_ops(disk);
	struct guid id;

	memset(&id, 0x5a, sizeof(id));
	assert_int_equal(gpt_init(&table, SECTOR, DISK_BYTES / SECTOR, &id), GPT_OK);
	add_partition(0, GPT_NAME_BOOT_STATE, HEAD_ROOM, STATE_ROOM);
	for (unsigned s = 0; s < BS_SLOTS; s++) {
		uint64_t at = slot_start(s);

		add_partition(4 * s + 1, gpt_name_boot[s], at, BOOT_ROOM);
		add_partition(4 * s + 2, gpt_name_root[s], at += BOOT_ROOM, ROOT_BYTES);
		add_partition(4 * s + 3, gpt_name_verity[s], at += ROOT_BYTES, VERITY_ROOM);
		add_partition(4 * s + 4, gpt_name_sig[s], at += VERITY_ROOM, SIGFILE_BYTES);
	}
	assert_int_equal(gpt_write(&table, &ops, scratch), GPT_OK);
}

static struct blk *open_state(struct blk *disk)
{
	struct gpt_partition p;
	struct blk *b;

	assert_int_equal(gpt_find_name(&table, GPT_NAME_BOOT_STATE, &p), GPT_OK);
	assert_int_equal(blk_new_window(disk, gpt_offset_bytes(&table, &p), gpt_size_bytes(&table, &p), &b), 0);
	return b;
}

/* Start what the rules choose and, if @confirm, confirm it; what runs then. */
static unsigned boot(struct blk *disk, bool confirm)
{
	_cleanup_blk_ struct blk *b = open_state(disk);
	struct disk_ops ops = blk_disk_ops(b);
	unsigned slot;
	struct bs bs;

	assert_int_equal(bs_load(&bs_disk, &ops, &bs), BS_OK);
	assert_int_equal(bs_choose(&bs, 0, 0, &slot), BS_OK);
	assert_int_equal(bs_count_start(&bs, slot), BS_OK);
	assert_int_equal(bs_store(&bs_disk, &bs), BS_OK);
	if (confirm) {
		assert_int_equal(bs_confirm(&bs, slot), BS_OK);
		assert_int_equal(bs_store(&bs_disk, &bs), BS_OK);
	}
	return slot;
}

/* Slot a runs version 1, confirmed; slot b holds version 0 from before, or nothing. */
static struct blk *new_machine(bool with_older)
{
	struct slotdesc first, older;
	struct disk_ops ops;
	struct blk *disk, *b;
	struct bs bs;

	assert_int_equal(blk_new_record(DISK_BYTES, &disk), 0);
	make_table(disk);
	b = open_state(disk);
	ops = blk_disk_ops(b);
	install_describe(&versions[0].front.manifest, &older);
	install_describe(&versions[1].front.manifest, &first);
	assert_int_equal(bs_init_fresh(with_older ? &older : &first, 3, &bs), BS_OK);
	if (with_older) {
		/* Version 0 came first, in slot b by a boot state that was made for it. */
		bs.slot[1] = bs.slot[0];
		memset(&bs.slot[0], 0, sizeof(bs.slot[0]));
		assert_int_equal(bs_count_start(&bs, 1), BS_OK);
		assert_int_equal(bs_confirm(&bs, 1), BS_OK);
		assert_int_equal(bs_install_begin(&bs, 0, 1, &first, false), BS_OK);
		assert_int_equal(bs_install_commit(&bs, 0, &first, 3), BS_OK);
		assert_int_equal(blk_write(disk, slot_start(1), versions[0].slot, SLOT_ROOM), 0);
	}
	assert_int_equal(blk_write(disk, slot_start(0), versions[1].slot, SLOT_ROOM), 0);
	assert_int_equal(bs_create(&bs_disk, &ops, &bs), BS_OK);
	blk_free(b);
	assert_int_equal(boot(disk, true), 0);
	blk_record_restart(disk);
	return disk;
}

/* ---- the bundle as a source --------------------------------------------------------- */

struct memory_source {
	struct source source;
	const struct version *v;
	unsigned fail_at; /* which read fails, from 1; 0: none */
	bool lies; /* ... by giving other bytes */
};

static int memory_read(struct source *s, uint64_t offset, void *data, size_t len, struct err *e)
{
	struct memory_source *m = (struct memory_source *)s;
	uint64_t at = offset - m->v->front.offsets.data;

	if (m->fail_at && --m->fail_at == 0 && !m->lies)
		return err_set(e, -EIO, "the source fails");
	if (at > m->v->data_bytes || len > m->v->data_bytes - at)
		return err_set(e, -ENODATA, "the source ends");
	memcpy(data, m->v->data + at, len);
	if (m->lies && m->fail_at == 0) {
		((uint8_t *)data)[len / 2] ^= 1;
		m->lies = false;
	}
	return 0;
}

static void memory_free(struct source *s)
{
	(void)s;
}

static const struct source_class memory_class = { NULL, memory_read, memory_free };

/* ---- an update, as slotctl makes it -------------------------------------------------- */

struct update {
	unsigned fail_at;
	bool lies;
	size_t window_bytes;
	uint64_t fetched_bytes; /* afterwards */
	struct chunkplan plan; /* afterwards: only its sums */
};

static int update_slots(struct blk *disk, struct blk *state, struct update *u, const struct slot *target,
			const struct slot *running, const struct slotindex *idx, unsigned running_slot)
{
	struct version *v = &versions[2];
	struct memory_source source = { .source.class = &memory_class, .v = v,
					.fail_at = u->fail_at, .lies = u->lies };
	struct chunkplan_input pi = { .index = &v->front.index, .target = target, .running = running,
				 .running_index = idx };
	_cleanup_chunkplan_ struct chunkplan plan = { .n_chunks = 0 };
	struct install in = { .front = &v->front, .source = &source.source, .plan = &plan,
			      .target = target, .running = running, .running_slot = running_slot,
			      .target_slot = 1 - running_slot, .window_bytes = u->window_bytes };
	int r = chunkplan_make(&pi, &plan, &err);

	(void)disk;
	if (r)
		return r;
	in.state.ops = blk_disk_ops(state);
	r = install_run(&in, &err);
	u->fetched_bytes = source.source.read_bytes;
	u->plan = plan;
	u->plan.chunk = NULL;
	return r;
}

/* Install version 2 to the slot that does not run. */
static int update(struct blk *disk, unsigned running_slot, struct update *u)
{
	_cleanup_blk_ struct blk *state = NULL;
	_cleanup_slot_ struct slot target = { .part = { NULL } }, running = { .part = { NULL } };
	_cleanup_slotindex_ struct slotindex idx = { .n_chunks = 0 };
	struct gpt_partition p;
	bool has_index = false;
	int r = gpt_find_name(&table, GPT_NAME_BOOT_STATE, &p);

	err_init(&err);
	r = r ?: blk_new_window(disk, gpt_offset_bytes(&table, &p), gpt_size_bytes(&table, &p), &state);
	r = r ?: slot_open(disk, &table, 1 - running_slot, &target, &err);
	r = r ?: slot_open(disk, &table, running_slot, &running, &err);
	if (r == 0) {
		r = slotindex_read(running.part[BUNDLE_UKI], &idx);
		has_index = r == 0;
		r = r == -ENOMEM ? r : 0;
	}
	if (r)
		return err.text[0] ? r : err_errno(&err, r, "cannot open the disk");
	return update_slots(disk, state, u, &target, &running, has_index ? &idx : NULL, running_slot);
}

/* ---- what a disk boots --------------------------------------------------------------- */

/* The root in @slot against the hash in its UKI, block by block, as dm-verity would. */
static bool root_is_whole(const uint8_t *slot, const uint8_t root_hash[32])
{
	static uint8_t level[2][ROOT_BLOCKS][32];
	const struct bundle_manifest *m = &versions[0].front.manifest; /* the salt is everybody's */
	const uint8_t *root = slot + BOOT_ROOM, *tree = root + ROOT_BYTES;
	struct verity_layout l;
	struct sha256mb mb;
	uint64_t n = ROOT_BLOCKS;

	assert_int_equal(verity_layout(ROOT_BYTES, &l), 0);
	sha256mb_init(&mb, m->salt, m->salt_len, NULL);
	sha256mb_hash(&mb, root, BLOCK, n, level[0]);
	for (unsigned i = 0; i < l.levels; i++) {
		const uint8_t *blocks = tree + l.level_start_block[i] * BLOCK;

		for (uint64_t k = 0; k < n; k++)
			if (memcmp(blocks + k * 32, level[0][k], 32))
				return false;
		n = l.level_blocks[i];
		sha256mb_hash(&mb, blocks, BLOCK, n, level[1]);
		memcpy(level[0], level[1], sizeof(level[0]));
	}
	return n == 1 && !memcmp(level[0][0], root_hash, 32);
}

/* What selector and early init check before they run what @slot holds. */
static bool slot_boots(const uint8_t *slot, const struct slotdesc *d)
{
	uint8_t sha[32];

	if (d->uki_bytes > BOOT_ROOM - SLOTDESC_BYTES)
		return false;
	sha256_bytes(slot, (size_t)d->uki_bytes, sha);
	if (memcmp(sha, d->uki_sha256, 32) || memcmp(slot, d->root_hash, 32))
		return false;
	if (memcmp(slot + BOOT_ROOM + ROOT_BYTES + VERITY_ROOM, d->root_hash, 32))
		return false;
	return root_is_whole(slot, slot);
}

/*
 * Is what the record @d says of a slot wholly there, and which version is it? -1: no. Bytes that
 * are a known version's to the last one are judged once: the verdict follows from the bytes.
 */
static int version_in(const uint8_t *slot, const struct slotdesc *d)
{
	static bool judged[VERSIONS];

	for (int v = 0; v < VERSIONS; v++) {
		const struct version *k = &versions[v];
		size_t tree = BOOT_ROOM + ROOT_BYTES;

		if (memcmp(d->root_hash, k->root_hash, 32) || memcmp(d->uki_sha256, k->uki_sha256, 32) ||
		    d->uki_bytes != UKI_BYTES)
			continue;
		if (judged[v] && !memcmp(slot, k->uki, UKI_BYTES) &&
		    !memcmp(slot + BOOT_ROOM, k->root, ROOT_BYTES) &&
		    !memcmp(slot + tree, k->verity, k->verity_bytes) &&
		    !memcmp(slot + tree + VERITY_ROOM, k->sig, SIGFILE_BYTES))
			return v;
		if (!slot_boots(slot, d))
			return -1;
		judged[v] = true;
		return v;
	}
	return -1;
}

static const uint8_t *reading; /* the disk that bs_load() sees */

static int reading_read(void *ctx, uint64_t offset_bytes, void *data, size_t len)
{
	(void)ctx;
	memcpy(data, reading + HEAD_ROOM + offset_bytes, len);
	return 0;
}

static const struct disk_ops reading_ops = { .read = reading_read };

/* Were both copies of the boot state lost as well: is every slot that describes itself whole? */
static const char *rebuilt_breaks(const uint8_t *disk)
{
	struct slotdesc d[BS_SLOTS];
	bool has[BS_SLOTS];
	unsigned slot;
	struct bs bs;

	for (unsigned s = 0; s < BS_SLOTS; s++) {
		const uint8_t *at = disk + slot_start(s);

		has[s] = slotdesc_decode(at + BOOT_ROOM - SLOTDESC_BYTES, BOOT_ROOM, &d[s]) == SLOTDESC_OK;
		if (has[s] && version_in(at, &d[s]) < 0)
			return "a slot describes what it does not hold";
	}
	bs_rebuild(has[0] ? &d[0] : NULL, has[1] ? &d[1] : NULL, &bs);
	return bs_choose(&bs, 0, 0, &slot) ? "a rebuilt boot state boots nothing" : NULL;
}

/*
 * Everything promised of @disk, whatever was cut: the first slot that the rules choose boots, and
 * it is a version that was there before or the new one, wholly; so is every slot that is ready.
 * NULL, with the version in *ret, or what is wrong.
 */
static const char *disk_breaks(const uint8_t *disk, int *ret_version)
{
	unsigned slot;
	struct bs bs;
	int v;

	reading = disk;
	if (bs_load(&bs_disk, &reading_ops, &bs))
		return "the boot state is lost";
	if (bs_choose(&bs, 0, 0, &slot))
		return "nothing can be started";
	for (unsigned s = 0; s < BS_SLOTS; s++)
		if (bs.slot[s].status == BS_READY && version_in(disk + slot_start(s), &bs.slot[s].image) < 0)
			return s == slot ? "the slot to be started does not boot" : "a ready slot does not boot";
	v = version_in(disk + slot_start(slot), &bs.slot[slot].image);
	if (v < 0)
		return "a slot that is not ready is started";
	*ret_version = v;
	return rebuilt_breaks(disk);
}

#endif

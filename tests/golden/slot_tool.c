/*
 * Slots of a disk image, written by hand, for the scripts that boot them:
 *
 *	disk DISK			a table with kiln's names and small slots; nothing in them
 *	payload OUT EFI CMDLINE		a UEFI program with a .cmdline section
 *	words OUT UKI WORDS		a UKI again, with WORDS behind its command line
 *	init OUT UKI FILE		a UKI again, with FILE as /init of its initramfs
 *	write DISK SLOT FILE HOW	FILE into slot a or b; HOW: good, or how often to try it
 *	good DISK SLOT			the slot counts as confirmed
 *	flip DISK SLOT			one bit of the slot's UKI becomes another
 *	selector DISK EFI VERSION	EFI as a newer selector, with an SBAT section if it has none
 *	selector-good DISK		the newer selector first in line counts as confirmed
 *	state DISK			a line for each slot, and how often one was started;
 *					one for each newer selector
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "install/selector_part.h"
#include "uki/cpio.h"
#include "uki/edit.h"
#include "uki/pe_append.h"
#include "uki/zpack.h"
#include "lib/base/args.h"
#include "lib/base/atomic_file.h"
#include "lib/base/blk.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/core/bootstate.h"
#include "lib/core/gpt.h"
#include "lib/core/pe.h"
#include "lib/core/verity_table.h"

#define FILE_MAX_BYTES (256u << 20)
#define MIB ((uint64_t)1 << 20)
#define SECTOR 512

/* An open disk: its table, and windows on partitions as they are asked for. */
static struct blk *disk;
static struct gpt gpt;
static struct bs_disk state_disk;
static struct disk_ops state_ops;
static struct bs bs;

/* ---- disks ------------------------------------------------------------------------ */

static int do_disk(char **argv, struct err *err)
{
	static const struct {
		const char *name;
		uint64_t mib;
	} parts[] = { { GPT_NAME_ESP, 40 }, { GPT_NAME_BOOT_STATE, 1 }, { "boot-a", 4 },
		      { "boot-b", 4 },	    { GPT_NAME_STATE, 1 } };
	static uint8_t scratch[GPT_HEAD_BYTES(SECTOR)];
	const struct guid id = { { 1 } };
	uint64_t bytes = 64 * MIB;
	struct disk_ops ops;
	int r = atomic_file_write(argv[0], "", 0, 0644, err);

	if (r == 0 && truncate(argv[0], (off_t)bytes) < 0)
		r = err_errno(err, -errno, "%s", argv[0]);
	r = r ?: blk_open(argv[0], true, &disk, err);
	if (r)
		return r;
	ops = blk_disk_ops(disk);
	r = gpt_init(&gpt, SECTOR, bytes / SECTOR, &id);
	for (unsigned i = 0; r == 0 && i < ARRAY_SIZE(parts); i++) {
		struct gpt_partition p = { .idx = i, .unique = { { 2, (uint8_t)i } } };

		p.type = i ? gpt_type_linux : gpt_type_esp;
		p.first_lba = gpt_next_free_lba(&gpt);
		p.last_lba = p.first_lba + parts[i].mib * MIB / SECTOR - 1;
		strcpy(p.name, parts[i].name);
		r = gpt_set_partition(&gpt, &p);
	}
	r = r ?: gpt_write(&gpt, &ops, scratch);
	return r ? err_set(err, -EIO, "%s: %s", argv[0], gpt_error_text(r)) : 0;
}

static int partition(const char *name, struct blk **ret, struct err *err)
{
	struct gpt_partition p;
	int r = gpt_find_name(&gpt, name, &p);

	if (r)
		return err_set(err, -ENOENT, "%s: %s", name, gpt_error_text(r));
	return blk_new_window(disk, gpt_offset_bytes(&gpt, &p), gpt_size_bytes(&gpt, &p), ret);
}

/* Opens the disk and its boot state; a lost one becomes one where both slots are empty. */
static int open_disk(const char *path, bool writable, struct err *err)
{
	struct blk *state;
	struct disk_ops ops;
	int r = blk_open(path, writable, &disk, err);

	if (r)
		return r;
	ops = blk_disk_ops(disk);
	r = gpt_read(&ops, SECTOR, disk->size_bytes / SECTOR, &gpt);
	if (r)
		return err_set(err, -EINVAL, "%s: %s", path, gpt_error_text(r));
	r = partition(GPT_NAME_BOOT_STATE, &state, err);
	if (r)
		return r;
	state_ops = blk_disk_ops(state);
	if (bs_load(&state_disk, &state_ops, &bs)) {
		bs_rebuild(NULL, NULL, &bs);
		bs.rebuilt = false;
	}
	return 0;
}

static int store(struct err *err)
{
	int r = bs_store(&state_disk, &bs);

	return r ? err_set(err, -EIO, "boot state: %s", bs_error_text(r)) : 0;
}

static int slot_of(const char *name, struct err *err)
{
	if (strcmp(name, "a") && strcmp(name, "b"))
		return err_set(err, -EINVAL, "no slot '%s'", name);
	return name[0] - 'a';
}

/* ---- programs ----------------------------------------------------------------------- */

static int do_payload(char **argv, struct err *err)
{
	const struct pe_new_section section = { ".cmdline", argv[2], strlen(argv[2]) };
	_cleanup_free_ char *efi = NULL;
	_cleanup_buf_ struct buf out = BUF_INIT;
	size_t len;
	int r = io_read_file(argv[1], FILE_MAX_BYTES, &efi, &len, err);

	r = r ?: pe_append(efi, len, &section, 1, &out, err);
	return r ?: atomic_file_write(argv[0], out.data, out.len, 0644, err);
}

static int edit(char **argv, const struct uki_edit *change, const char *uki, size_t len,
		struct err *err)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	int r = uki_edit(uki, len, change, &out, err);

	return r ?: atomic_file_write(argv[0], out.data, out.len, 0644, err);
}

static int do_words(char **argv, struct err *err)
{
	_cleanup_free_ char *uki = NULL, *cmdline = NULL, *longer = NULL;
	size_t len;
	int r = io_read_file(argv[1], FILE_MAX_BYTES, &uki, &len, err);

	r = r ?: uki_cmdline(uki, len, &cmdline, err);
	if (r)
		return r;
	longer = str_printf("%s %s", cmdline, argv[2]);
	return longer ? edit(argv, &(struct uki_edit){ .cmdline = longer }, uki, len, err)
		      : err_oom(err);
}

/* Of two archives one after the other the kernel lets the later file win. */
static int do_init(char **argv, struct err *err)
{
	_cleanup_buf_ struct buf raw = BUF_INIT, packed = BUF_INIT;
	_cleanup_free_ char *init = NULL, *uki = NULL;
	struct cpio c = CPIO_INIT(&raw, 0);
	size_t init_len, len;
	int r = io_read_file(argv[2], FILE_MAX_BYTES, &init, &init_len, err);

	r = r ?: io_read_file(argv[1], FILE_MAX_BYTES, &uki, &len, err);
	if (r)
		return r;
	cpio_file(&c, "init", 0755, init, init_len);
	cpio_end(&c);
	r = zpack_zstd(raw.data, raw.len, 3, &packed, err);
	return r ?: edit(argv, &(struct uki_edit){ .initrd = packed.data,
						    .initrd_len = packed.len }, uki, len, err);
}

/* ---- newer selectors -------------------------------------------------------------------- */

/* What is none of kiln's selectors is made to look like one. */
static int as_selector(const char *path, const char *version, struct buf *out, struct err *err)
{
	_cleanup_free_ char *efi = NULL, *sbat = str_printf("kiln.selector,1,kiln,kiln,%s,\n", version);
	struct pe_new_section section = { ".sbat", sbat, sbat ? strlen(sbat) : 0 };
	char known[VERSION_TEXT_SIZE];
	size_t len;
	int r = sbat ? io_read_file(path, FILE_MAX_BYTES, &efi, &len, err) : err_oom(err);

	if (r)
		return r;
	if (selector_part_version(efi, len, known)) {
		if (strcmp(known, version))
			return err_set(err, -EINVAL, "%s: it is version %s", path, known);
		buf_add(out, efi, len);
		return buf_ok(out) ? 0 : err_oom(err);
	}
	return pe_append(efi, len, &section, 1, out, err);
}

static int do_selector(char **argv, struct err *err)
{
	_cleanup_buf_ struct buf efi = BUF_INIT;
	struct selector_part part;
	int r = open_disk(argv[0], true, err);

	r = r ?: as_selector(argv[1], argv[2], &efi, err);
	if (r)
		return r;
	part = (struct selector_part){ .data = efi.data, .len = efi.len, .state = &state_ops };
	return selector_part_install(&part, err);
}

static int do_selector_good(char **argv, struct err *err)
{
	int r = open_disk(argv[0], true, err);
	struct bs_selector *s = &bs.selectors.area[bs.selectors.first];

	if (r)
		return r;
	s->status = BS_SELECTOR_GOOD;
	s->tries_left = 0;
	return store(err);
}

/* ---- slots ---------------------------------------------------------------------------- */

static int describe(const char *data, size_t len, struct slotdesc *ret, struct err *err)
{
	struct slotdesc d = { .uki_bytes = len, .epoch = bs.floor, .name = "hand-made",
			      .version = "1" };
	struct verity_params verity;
	struct pe_section s;
	struct pe pe;

	sha256_bytes(data, len, d.uki_sha256);
	/* What names no root is told from others by its own hash. */
	memcpy(d.root_hash, d.uki_sha256, sizeof(d.root_hash));
	if (pe_parse(data, len, len, &pe) || pe_section_find(&pe, ".cmdline", &s))
		return err_set(err, -EBADMSG, "it has no .cmdline");
	if (verity_params_from_cmdline(data + s.offset, s.bytes, &verity) == VERITY_OK)
		memcpy(d.root_hash, verity.root_hash, sizeof(d.root_hash));
	*ret = d;
	return 0;
}

static int do_write(char **argv, struct err *err)
{
	int r = open_disk(argv[0], true, err), slot = r ? r : slot_of(argv[1], err);
	bool good = !strcmp(argv[3], "good");
	uint8_t seal[SLOTDESC_BYTES];
	_cleanup_free_ char *data = NULL;
	struct slotdesc d;
	struct blk *boot;
	size_t len;

	if (slot < 0)
		return slot;
	r = partition(gpt_name_boot[slot], &boot, err);
	r = r ?: io_read_file(argv[2], FILE_MAX_BYTES, &data, &len, err);
	r = r ?: describe(data, len, &d, err);
	if (r)
		return r;
	slotdesc_encode(&d, seal);
	r = blk_write(boot, 0, data, len);
	r = r ?: blk_write(boot, boot->size_bytes - sizeof(seal), seal, sizeof(seal));
	if (r)
		return err_errno(err, r, "slot %s", argv[1]);
	bs.slot[slot] = (struct bs_slot){
		.status = BS_READY, .priority = good ? 1 : 2, .good = good, .image = d,
		.tries_left = good ? 0 : (uint8_t)strtoul(argv[3], NULL, 10),
		.tries_max = good ? 3 : (uint8_t)strtoul(argv[3], NULL, 10),
	};
	return store(err);
}

static int do_good(char **argv, struct err *err)
{
	int r = open_disk(argv[0], true, err), slot = r ? r : slot_of(argv[1], err);

	if (slot < 0)
		return slot;
	bs.slot[slot].good = true;
	bs.slot[slot].priority = 1;
	bs.slot[slot].tries_left = 0;
	return store(err);
}

static int do_flip(char **argv, struct err *err)
{
	int r = open_disk(argv[0], true, err), slot = r ? r : slot_of(argv[1], err);
	struct blk *boot;
	uint8_t byte;

	if (slot < 0)
		return slot;
	r = partition(gpt_name_boot[slot], &boot, err);
	r = r ?: blk_read(boot, bs.slot[slot].image.uki_bytes / 2, &byte, 1);
	byte ^= 1;
	return r ?: blk_write(boot, bs.slot[slot].image.uki_bytes / 2, &byte, 1);
}

static int do_state(char **argv, struct err *err)
{
	int r = open_disk(argv[0], false, err);

	for (unsigned i = 0; r == 0 && i < BS_SLOTS; i++)
		printf("slot %s: %s, %s, %u tries left, %u unconfirmed, %s\n", bs_slot_name(i),
		       bs_status_name(bs.slot[i].status), bs.slot[i].good ? "good" : "not good",
		       bs.slot[i].tries_left, bs.slot[i].unconfirmed,
		       bs_reason_name(bs.slot[i].reason));
	if (r == 0)
		printf("%" PRIu64 " starts, last slot %s\n", bs.boots, bs_slot_name(bs.current));
	for (unsigned i = 0; r == 0 && i < BS_SELECTORS; i++) {
		const struct bs_selector *s = &bs.selectors.area[i];

		if (s->status != BS_SELECTOR_EMPTY)
			printf("selector %s: %s, %u tries left, %u unconfirmed, %s\n",
			       s->image.version, bs_selector_status_name(s->status), s->tries_left,
			       s->unconfirmed, bs_selector_reason_name(s->reason));
	}
	return r;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *verb;
		int n;
		int (*run)(char **argv, struct err *err);
	} verbs[] = {
		{ "disk", 1, do_disk },	    { "payload", 3, do_payload }, { "words", 3, do_words },
		{ "init", 3, do_init },	    { "write", 4, do_write },	  { "good", 2, do_good },
		{ "flip", 2, do_flip },	    { "state", 1, do_state },	  { "selector", 3, do_selector },
		{ "selector-good", 1, do_selector_good },
	};
	static struct err err;

	err_init(&err);
	for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(verbs[i].verb, argv[1]) || argc != verbs[i].n + 2)
			continue;
		if (verbs[i].run(argv + 2, &err) == 0)
			return disk && !disk->read_only && blk_flush(disk) ? 1 : 0;
		fprintf(stderr, "slot_tool: %s\n", err.text);
		return 1;
	}
	fprintf(stderr, "slot_tool: see the head of its source\n");
	return 2;
}

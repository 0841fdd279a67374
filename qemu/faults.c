/* See faults.h. */
#include "qemu/faults.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/atomic_file.h"
#include "lib/base/blk.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/path.h"
#include "lib/base/proc.h"
#include "lib/core/bootstate.h"
#include "lib/core/bytes.h"
#include "lib/core/flight.h"
#include "lib/core/gpt.h"
#include "lib/core/pe.h"
#include "lib/core/sha256.h"
#include "lib/core/slotdesc.h"

#define BLOCK_BYTES 4096
#define CHUNK_BYTES (1u << 20)

/* A disk with its table: 16 KiB of it, so on the heap. */
struct disk {
	struct blk *blk;
	struct gpt gpt;
};

static void disk_freep(struct disk **d)
{
	if (*d)
		blk_free((*d)->blk);
	free(*d);
}
#define _cleanup_disk_ _cleanup_(disk_freep)

static struct disk *open_disk(const char *path, struct err *err)
{
	_cleanup_disk_ struct disk *d = calloc(1, sizeof(*d));
	struct disk_ops ops;
	int r;

	if (!d) {
		err_oom(err);
		return NULL;
	}
	if (blk_open(path, true, &d->blk, err) < 0)
		return NULL;
	ops = blk_disk_ops(d->blk);
	r = gpt_read(&ops, d->blk->sector_bytes, d->blk->size_bytes / d->blk->sector_bytes,
		     &d->gpt);
	if (r) {
		err_set(err, -EINVAL, "the disk: %s", r > 0 ? gpt_error_text(r) : strerror(-r));
		return NULL;
	}
	return TAKE_PTR(d);
}

/* A window on the partition @name. */
static int open_partition(struct disk *d, const char *name, struct blk **ret, struct err *err)
{
	struct gpt_partition p;
	int r = gpt_find_name(&d->gpt, name, &p);

	if (r)
		return err_set(err, -ENOENT, "the disk's partition '%s': %s", name,
			       gpt_error_text(r));
	r = blk_new_window(d->blk, gpt_offset_bytes(&d->gpt, &p), gpt_size_bytes(&d->gpt, &p),
			   ret);
	return r < 0 ? err_errno(err, r, "partition '%s'", name) : 0;
}

/*
 * Where in a block a bit is flipped: well inside, so that neither ends nor padding save it. In the
 * first block of an ext4 file system, that is the superblock (its UUID, under the checksum).
 */
#define FLIP_AT 1000
#define FLIP_AT_STATE 1136

static int flip(struct blk *b, uint64_t offset_bytes, unsigned at, struct err *err)
{
	uint8_t block[BLOCK_BYTES];
	int r = blk_read(b, offset_bytes, block, sizeof(block));

	block[at] ^= 1;
	if (r == 0)
		r = blk_write(b, offset_bytes, block, sizeof(block));
	return r < 0 ? err_errno(err, r, "cannot corrupt the disk at byte %" PRIu64, offset_bytes)
		     : 0;
}

static const char *partition_of(const struct step *step)
{
	switch (step->target) {
	case TARGET_UKI:
		return gpt_name_boot[step->slot];
	case TARGET_ROOT:
		return gpt_name_root[step->slot];
	case TARGET_HASH:
		return gpt_name_verity[step->slot];
	case TARGET_STATE:
		return GPT_NAME_STATE;
	default:
		return gpt_name_sig[step->slot];
	}
}

static int corrupt_partition(struct disk *d, const struct step *step, struct err *err)
{
	_cleanup_blk_ struct blk *part = NULL;
	unsigned at = step->target == TARGET_STATE ? FLIP_AT_STATE : FLIP_AT;
	int r;

	if (step->target == TARGET_BOOT_STATE) {
		r = open_partition(d, GPT_NAME_BOOT_STATE, &part, err);
		return r < 0 ? r : flip(part, BS_COPY_OFFSET(step->block), at, err);
	}
	r = open_partition(d, partition_of(step), &part, err);
	for (uint64_t i = 0; r == 0 && i < step->count; i++)
		r = flip(part, (step->block + i) * BLOCK_BYTES, at, err);
	return r;
}

/* Break the header of one copy of the table; the other must do. */
static int corrupt_gpt(struct disk *d, bool backup, struct err *err)
{
	uint8_t sector[GPT_SECTOR_BYTES_MAX];
	uint64_t bytes = d->blk->sector_bytes;
	uint64_t at = backup ? d->gpt.alt_lba * bytes : bytes;
	int r;

	if (backup && d->gpt.from_backup)
		at = d->gpt.my_lba * bytes;
	r = blk_read(d->blk, at, sector, bytes);
	sector[40] ^= 1; /* in "first usable LBA": the checksum no longer fits */
	if (r == 0)
		r = blk_write(d->blk, at, sector, bytes);
	return r < 0 ? err_errno(err, r, "cannot corrupt the partition table") : 0;
}

/* The boot state of @d and where it lies; the caller frees both. */
struct state {
	struct blk *part;
	struct disk_ops ops;
	struct bs_disk disk;
	struct bs bs;
};

static void state_freep(struct state **s)
{
	if (*s)
		blk_free((*s)->part);
	free(*s);
}

static int load_state(struct disk *d, struct state **ret, struct err *err)
{
	_cleanup_(state_freep) struct state *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_oom(err);
	r = open_partition(d, GPT_NAME_BOOT_STATE, &s->part, err);
	if (r < 0)
		return r;
	s->ops = blk_disk_ops(s->part);
	r = bs_load(&s->disk, &s->ops, &s->bs);
	if (r)
		return err_set(err, -EINVAL, "the boot state: %s", bs_error_text(r));
	*ret = TAKE_PTR(s);
	return 0;
}

static int store_state(struct state *s, struct err *err)
{
	int r = bs_store(&s->disk, &s->bs);

	return r ? err_set(err, -EIO, "the boot state: %s", bs_error_text(r)) : 0;
}

/* The UKI of @slot, as the boot state @bs describes it. */
static int read_uki(struct disk *d, const struct bs *bs, unsigned slot, struct buf *ret,
		    struct err *err)
{
	_cleanup_blk_ struct blk *part = NULL;
	uint64_t bytes = bs->slot[slot].image.uki_bytes;
	int r = open_partition(d, gpt_name_boot[slot], &part, err);

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

/* Put @uki into @slot, and its hash wherever it is written down, as a build would have. */
static int write_uki(struct disk *d, struct state *s, unsigned slot, const struct buf *uki,
		     struct err *err)
{
	struct slotdesc *image = &s->bs.slot[slot].image;
	_cleanup_blk_ struct blk *part = NULL;
	uint8_t descriptor[SLOTDESC_BYTES];
	int r = open_partition(d, gpt_name_boot[slot], &part, err);

	if (r < 0)
		return r;
	sha256_bytes(uki->data, uki->len, image->uki_sha256);
	if (slotdesc_encode(image, descriptor))
		return err_set(err, -EINVAL, "slot %s cannot be sealed", bs_slot_name(slot));
	r = blk_write(part, 0, uki->data, uki->len);
	if (r == 0)
		r = blk_write(part, part->size_bytes - sizeof(descriptor), descriptor,
			      sizeof(descriptor));
	if (r < 0)
		return err_errno(err, r, "cannot write slot %s", bs_slot_name(slot));
	return store_state(s, err);
}

/* Take the section @name's name away: a UKI that was built wrongly, but hashed and sealed. */
static int spoil_uki(struct disk *d, unsigned slot, const char *name, struct err *err)
{
	_cleanup_(state_freep) struct state *s = NULL;
	_cleanup_buf_ struct buf uki = BUF_INIT;
	struct pe_section section;
	struct pe pe;
	int r = load_state(d, &s, err);

	if (r == 0)
		r = read_uki(d, &s->bs, slot, &uki, err);
	if (r < 0)
		return r;
	r = pe_parse(uki.data, uki.len, uki.len, &pe);
	if (r == PE_OK)
		r = pe_section_find(&pe, name, &section);
	if (r != PE_OK)
		return err_set(err, -EINVAL, "section %s of the UKI: %s", name, pe_error_text(r));
	uki.data[section.header] = '-';
	return write_uki(d, s, slot, &uki, err);
}

int faults_corrupt(const char *disk, const struct step *step, struct err *err)
{
	_cleanup_disk_ struct disk *d = open_disk(disk, err);
	int r;

	if (!d)
		return -EIO;
	if (step->target == TARGET_SECTION)
		return spoil_uki(d, step->slot, step->text, err);
	r = step->target == TARGET_GPT ? corrupt_gpt(d, step->block == 1, err)
				       : corrupt_partition(d, step, err);
	if (r == 0)
		r = blk_flush(d->blk);
	return r;
}

static int copy_partition(struct disk *d, const char *from, const char *to, struct err *err)
{
	_cleanup_blk_ struct blk *in = NULL, *out = NULL;
	_cleanup_free_ uint8_t *chunk = malloc(CHUNK_BYTES);
	int r = open_partition(d, from, &in, err);

	if (r == 0)
		r = open_partition(d, to, &out, err);
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

int faults_wipe_state(const char *disk, struct err *err)
{
	static const uint8_t zeroes[CHUNK_BYTES];
	_cleanup_disk_ struct disk *d = open_disk(disk, err);
	_cleanup_free_ uint8_t *chunk = malloc(CHUNK_BYTES);
	_cleanup_blk_ struct blk *part = NULL;
	int r = d ? open_partition(d, GPT_NAME_STATE, &part, err) : -EIO;

	if (r < 0)
		return r;
	if (!chunk)
		return err_oom(err);
	for (uint64_t at = 0; r == 0 && at < part->size_bytes; at += CHUNK_BYTES) {
		uint64_t left = part->size_bytes - at;
		size_t len = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;

		r = blk_read(part, at, chunk, len);
		/* What is a hole stays one. */
		if (r == 0 && !bytes_are_zero(chunk, len))
			r = blk_write(part, at, zeroes, len);
	}
	if (r == 0)
		r = blk_flush(d->blk);
	return r < 0 ? err_errno(err, r, "cannot wipe the state partition") : 0;
}

int faults_clone(const char *disk, unsigned from, struct err *err)
{
	const char *const *names[] = { gpt_name_boot, gpt_name_root, gpt_name_verity,
				       gpt_name_sig };
	_cleanup_disk_ struct disk *d = open_disk(disk, err);
	_cleanup_(state_freep) struct state *s = NULL;
	unsigned to = 1 - from;
	int r = d ? load_state(d, &s, err) : -EIO;

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
	return store_state(s, err);
}

static int mtool(char *const *argv, struct err *err)
{
	const char *search = getenv("PATH");
	_cleanup_free_ char *path = str_printf("PATH=%s", search ? search : "/usr/bin:/bin");
	char *env[] = { path, "LC_ALL=C", "MTOOLS_SKIP_CHECK=1", "MTOOLSRC=/dev/null", NULL };
	const struct proc_options opts = { .env = env };
	int r = path ? proc_run(argv, &opts, err) : err_oom(err);

	if (r == -ENOENT)
		err_append(err, ": install the package mtools");
	return r > 0 ? -EIO : r;
}

/* Make the directories above @path, which exist or not; what went wrong shows when copying. */
static void make_directories(char *image, const char *path)
{
	for (const char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
		_cleanup_free_ char *dir = str_printf("::%.*s", (int)(at - path), path);
		char *argv[] = { "mmd", "-D", "s", "-i", image, dir, NULL };

		if (dir)
			(void)mtool(argv, NULL);
	}
}

int faults_put_esp(const char *disk, const char *work, const char *path, const void *data,
		   size_t len, struct err *err)
{
	_cleanup_disk_ struct disk *d = open_disk(disk, err);
	_cleanup_free_ char *image = NULL, *to = NULL, *from = path_join(work, "esp-file");
	struct gpt_partition p;
	int r;

	if (!d)
		return -EIO;
	r = gpt_find_name(&d->gpt, "esp", &p);
	if (r)
		return err_set(err, -ENOENT, "the disk's ESP: %s", gpt_error_text(r));
	image = str_printf("%s@@%" PRIu64, disk, gpt_offset_bytes(&d->gpt, &p));
	to = str_printf("::%s", path);
	if (!image || !to || !from)
		return err_oom(err);

	char *argv[] = { "mcopy", "-D", "o", "-i", image, from, to, NULL };

	r = atomic_file_write(from, data, len, 0600, err);
	if (r < 0)
		return r;
	make_directories(image, path);
	r = mtool(argv, err);
	(void)unlink(from);
	return r;
}

int faults_read_uki(const char *disk, unsigned slot, struct buf *ret, struct err *err)
{
	_cleanup_disk_ struct disk *d = open_disk(disk, err);
	_cleanup_(state_freep) struct state *s = NULL;
	int r = d ? load_state(d, &s, err) : -EIO;

	return r < 0 ? r : read_uki(d, &s->bs, slot, ret, err);
}

int faults_slot_state(const char *disk, unsigned slot, const char **ret, struct err *err)
{
	_cleanup_disk_ struct disk *d = open_disk(disk, err);
	_cleanup_(state_freep) struct state *s = NULL;
	int r = d ? load_state(d, &s, err) : -EIO;

	if (r < 0)
		return r;
	*ret = bs_slot_good(&s->bs, slot) ? "good" : bs_status_name(s->bs.slot[slot].status);
	return 0;
}

int faults_slot_reason(const char *disk, unsigned slot, const char **ret, struct err *err)
{
	_cleanup_disk_ struct disk *d = open_disk(disk, err);
	_cleanup_(state_freep) struct state *s = NULL;
	int r = d ? load_state(d, &s, err) : -EIO;

	if (r < 0)
		return r;
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

int faults_slot_log(const char *disk, unsigned slot, char **ret, struct err *err)
{
	_cleanup_disk_ struct disk *d = open_disk(disk, err);
	_cleanup_free_ uint8_t *entry = malloc(FLIGHT_ENTRY_BYTES);
	_cleanup_free_ char *newest = NULL;
	_cleanup_blk_ struct blk *part = NULL;
	uint64_t newest_boot = 0;
	int r = d ? open_partition(d, GPT_NAME_BOOT_STATE, &part, err) : -EIO;

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

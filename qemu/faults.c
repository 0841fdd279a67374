/* See faults.h. */
#include "qemu/faults.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/core/bytes.h"
#include "lib/core/gpt.h"
#include "qemu/offdisk.h"
#include "qemu/slotread.h"
#include "qemu/slots.h"
#include "verity/sigfile.h"
#include "verity/tree.h"

#define BLOCK_BYTES 4096
#define CHUNK_BYTES (1u << 20)

/*
 * Where in a block a bit is flipped: well inside, so that neither ends nor padding save it. Of
 * squashfs' superblock (its linux/squashfs_fs.h), where the inodes begin; of ext4's, a
 * byte of the UUID, which its checksum covers; of a GPT header, the first usable LBA.
 */
enum {
	FLIP_AT = 1000,
	FLIP_AT_SQUASHFS = 64,
	FLIP_AT_EXT4 = 1136,
	FLIP_AT_GPT = 40,
};

/* So many characters before its end, a signature partition's JSON is in the signature's value. */
#define SIG_TAIL 64
#define SQUASHFS_O_INODES 64 /* u64: byte offset of the inode table */

/* ---- where things are ------------------------------------------------------------ */

static int in_partition(struct offdisk *d, const char *name, uint64_t block,
			struct fault_spot *ret, struct err *err)
{
	struct gpt_partition p;
	uint64_t blocks;
	int r = gpt_find_name(&d->gpt, name, &p);

	if (r)
		return err_set(err, -ENOENT, "partition '%s': %s", name, gpt_error_text(r));
	blocks = gpt_size_bytes(&d->gpt, &p) / BLOCK_BYTES;
	if (ret->count > blocks || block > blocks - ret->count)
		return err_set(err, -ERANGE, "partition '%s' has only %" PRIu64 " blocks", name,
			       blocks);
	ret->offset_bytes = gpt_offset_bytes(&d->gpt, &p) + block * BLOCK_BYTES;
	return 0;
}

static int root_block(struct offdisk *d, const struct step *st, struct fault_spot *spot,
		      uint64_t *ret, struct err *err)
{
	_cleanup_slot_content_ struct slot_content c = SLOT_CONTENT_NONE;
	_cleanup_blk_ struct blk *root = NULL;
	uint8_t inodes[8];
	int r = slot_content_read(d, st->slot, &c, err);

	if (r == 0)
		r = offdisk_partition(d, gpt_name_root[st->slot], &root, err);
	if (r < 0)
		return r;
	switch (st->place) {
	case PLACE_SUPERBLOCK:
		spot->flip_at = FLIP_AT_SQUASHFS;
		*ret = 0;
		return 0;
	case PLACE_METADATA:
		r = blk_read(root, SQUASHFS_O_INODES, inodes, sizeof(inodes));
		*ret = le64_load(inodes) / BLOCK_BYTES + 1;
		return r < 0 ? err_errno(err, r, "cannot read the root") : 0;
	case PLACE_MIDDLE:
		*ret = c.verity.data_blocks / 2;
		return 0;
	case PLACE_LAST:
		*ret = c.verity.data_blocks - 1;
		return 0;
	default:
		*ret = 0;
		return 0;
	}
}

static int hash_block(struct offdisk *d, const struct step *st, uint64_t *ret, struct err *err)
{
	_cleanup_slot_content_ struct slot_content c = SLOT_CONTENT_NONE;
	struct verity_layout l;
	unsigned level;
	int r = slot_content_read(d, st->slot, &c, err);

	if (r == 0)
		r = verity_layout(c.verity.data_blocks * VERITY_BLOCK_BYTES, &l);
	if (r < 0)
		return r;
	if (st->place == PLACE_MIDDLE && l.levels < 3)
		return err_set(err, -EINVAL,
			       "the hash tree has %u levels and nothing between: install a version "
			       "with a larger root",
			       l.levels);
	level = st->place == PLACE_LEAF ? 0 : st->place == PLACE_TOP ? l.levels - 1 : 1;
	*ret = l.level_start_block[level] + l.level_blocks[level] / 2;
	return 0;
}

/* The header of a copy of the partition table, which may be broken by now. */
static int gpt_spot(const char *disk, bool backup, struct fault_spot *ret, struct err *err)
{
	_cleanup_blk_ struct blk *b = NULL;
	int r = blk_open(disk, false, &b, err);

	if (r < 0)
		return r;
	ret->offset_bytes = backup ? b->size_bytes - b->sector_bytes : b->sector_bytes;
	ret->flip_at = FLIP_AT_GPT;
	ret->count = 1;
	return 0;
}

/*
 * A character of the signature's own value, which ends the base64 that ends the JSON: the
 * certificate in front of it is not what counts. It stays base64, so that the signature is wrong
 * and not the format.
 */
static int sig_spot(struct offdisk *d, unsigned slot, struct fault_spot *spot, struct err *err)
{
	_cleanup_blk_ struct blk *part = NULL;
	_cleanup_free_ char *text = malloc(SIGFILE_BYTES + 1);
	int r = text ? offdisk_partition(d, gpt_name_sig[slot], &part, err) : err_oom(err);
	size_t at;

	if (r < 0)
		return r;
	r = blk_read(part, 0, text, SIGFILE_BYTES);
	if (r < 0)
		return err_errno(err, r, "cannot read the signature");
	text[SIGFILE_BYTES] = '\0';
	at = strlen(text);
	if (at <= SIG_TAIL)
		return err_set(err, -ENODATA, "there is no signature");
	at -= SIG_TAIL;
	while (at > 0 && !(isalnum((unsigned char)text[at]) && isalnum(text[at] ^ 1)))
		at--;
	spot->flip_at = at;
	return 0;
}

int faults_spot(const char *disk, const struct step *st, struct fault_spot *ret, struct err *err)
{
	struct fault_spot spot = { .flip_at = FLIP_AT, .count = st->count };
	_cleanup_offdisk_ struct offdisk *d = NULL;
	uint64_t block = st->block;
	const char *name = NULL;
	int r = 0;

	if (st->target != TARGET_GPT) {
		d = offdisk_open(disk, false, err);
		if (!d)
			return -EIO;
	}
	switch (st->target) {
	case TARGET_GPT:
		r = gpt_spot(disk, st->block == 1, &spot, err);
		break;
	case TARGET_BOOT_STATE:
		name = GPT_NAME_BOOT_STATE;
		spot.count = 1;
		block = BS_COPY_OFFSET(st->block) / BLOCK_BYTES;
		break;
	case TARGET_STATE:
		name = GPT_NAME_STATE;
		spot.flip_at = FLIP_AT_EXT4;
		break;
	case TARGET_ROOT:
		name = gpt_name_root[st->slot];
		if (st->place != PLACE_BLOCK)
			r = root_block(d, st, &spot, &block, err);
		break;
	case TARGET_HASH:
		name = gpt_name_verity[st->slot];
		if (st->place != PLACE_BLOCK)
			r = hash_block(d, st, &block, err);
		break;
	case TARGET_SIG:
		name = gpt_name_sig[st->slot];
		if (st->place == PLACE_BLOCK && !st->block)
			r = sig_spot(d, st->slot, &spot, err);
		break;
	default:
		name = gpt_name_boot[st->slot];
	}
	if (r == 0 && name)
		r = in_partition(d, name, block, &spot, err);
	if (r == 0)
		*ret = spot;
	return r;
}

/* ---- damage ---------------------------------------------------------------------- */

static int flip(const char *disk, const struct step *st, struct err *err)
{
	_cleanup_blk_ struct blk *b = NULL;
	struct fault_spot spot;
	int r = faults_spot(disk, st, &spot, err);

	if (r == 0)
		r = blk_open(disk, true, &b, err);
	if (r < 0)
		return r;
	for (uint64_t i = 0; r == 0 && i < spot.count; i++) {
		uint64_t at = spot.offset_bytes + i * BLOCK_BYTES + spot.flip_at;
		uint8_t byte;

		r = blk_read(b, at, &byte, 1);
		byte ^= 1;
		if (r == 0)
			r = blk_write(b, at, &byte, 1);
	}
	if (r == 0)
		r = blk_flush(b);
	return r < 0 ? err_errno(err, r, "cannot corrupt the disk") : 0;
}

/* Zero [from, to) of a partition; what reads as zeroes already stays a hole. */
static int zero(struct blk *part, uint64_t from, uint64_t to, struct err *err)
{
	static const uint8_t zeroes[CHUNK_BYTES];
	_cleanup_free_ uint8_t *chunk = malloc(CHUNK_BYTES);
	int r = chunk ? 0 : -ENOMEM;

	for (uint64_t at = from; r == 0 && at < to; at += CHUNK_BYTES) {
		size_t len = to - at < CHUNK_BYTES ? (size_t)(to - at) : CHUNK_BYTES;

		r = blk_read(part, at, chunk, len);
		if (r == 0 && !bytes_are_zero(chunk, len))
			r = blk_write(part, at, zeroes, len);
	}
	if (r == 0)
		r = blk_flush(part);
	return r < 0 ? err_errno(err, r, "cannot overwrite the disk") : 0;
}

/* Write what the other slot has in its partition of that kind over the first @bytes. */
static int swap(struct offdisk *d, const char *other, struct blk *part, uint64_t bytes,
		struct err *err)
{
	_cleanup_free_ uint8_t *data = malloc((size_t)bytes);
	_cleanup_blk_ struct blk *from = NULL;
	int r = data ? offdisk_partition(d, other, &from, err) : err_oom(err);

	if (r < 0)
		return r;
	r = blk_read(from, 0, data, (size_t)bytes);
	if (r == 0)
		r = blk_write(part, 0, data, (size_t)bytes);
	if (r == 0)
		r = blk_flush(part);
	return r < 0 ? err_errno(err, r, "cannot swap the partitions") : 0;
}

static int hit_whole(const char *disk, const struct step *st, struct err *err)
{
	const char *const *names = st->target == TARGET_SIG ? gpt_name_sig : gpt_name_boot;
	_cleanup_slot_content_ struct slot_content c = SLOT_CONTENT_NONE;
	_cleanup_offdisk_ struct offdisk *d = offdisk_open(disk, true, err);
	_cleanup_blk_ struct blk *part = NULL;
	uint64_t bytes;
	int r = d ? slot_content_read(d, st->slot, &c, err) : -EIO;

	if (r == 0)
		r = offdisk_partition(d, names[st->slot], &part, err);
	if (r < 0)
		return r;
	bytes = st->target == TARGET_SIG ? SIGFILE_BYTES : c.image.uki_bytes;
	if (st->place == PLACE_SWAP)
		return swap(d, names[1 - st->slot], part, bytes, err);
	return zero(part, st->place == PLACE_TRUNCATE ? bytes / 2 : 0, bytes, err);
}

/* Fields of the superblock of a hash tree (cryptsetup's verity.h) and what to put there. */
static int rewrite_superblock(const char *disk, unsigned slot, struct err *err)
{
	_cleanup_offdisk_ struct offdisk *d = offdisk_open(disk, true, err);
	_cleanup_blk_ struct blk *part = NULL;
	uint8_t super[512];
	int r = d ? offdisk_partition(d, gpt_name_verity[slot], &part, err) : -EIO;

	if (r < 0)
		return r;
	r = blk_read(part, 0, super, sizeof(super));
	memset(super + 32, 0, 32);
	memcpy(super + 32, "md5", 3); /* algorithm */
	le32_store(super + 64, 512); /* data block size */
	le32_store(super + 68, 512); /* hash block size */
	le64_store(super + 72, le64_load(super + 72) / 2); /* data blocks */
	le16_store(super + 80, 0xffff); /* salt size */
	memset(super + 88, 0xaa, 256); /* salt */
	if (r == 0)
		r = blk_write(part, 0, super, sizeof(super));
	if (r == 0)
		r = blk_flush(part);
	return r < 0 ? err_errno(err, r, "cannot rewrite the superblock") : 0;
}

int faults_corrupt(const char *disk, const struct step *st, struct err *err)
{
	if (st->target == TARGET_SECTION)
		return slots_spoil_uki(disk, st->slot, st->text, err);
	if (st->target == TARGET_SUPERBLOCK)
		return rewrite_superblock(disk, st->slot, err);
	return st->place >= PLACE_TRUNCATE ? hit_whole(disk, st, err) : flip(disk, st, err);
}

/* ---- the table ------------------------------------------------------------------- */

static int write_table(struct offdisk *d, struct err *err)
{
	_cleanup_free_ uint8_t *scratch = malloc(GPT_HEAD_BYTES(GPT_SECTOR_BYTES_MAX));
	struct disk_ops ops = blk_disk_ops(d->blk);
	int r = scratch ? gpt_write(&d->gpt, &ops, scratch) : -ENOMEM;

	return r < 0 ? err_errno(err, r, "cannot write the partition table") : 0;
}

static struct offdisk *open_for_table(const char *disk, const char *name,
				      struct gpt_partition *ret, struct err *err)
{
	_cleanup_offdisk_ struct offdisk *d = offdisk_open(disk, true, err);
	int r = d ? gpt_find_name(&d->gpt, name, ret) : 0;

	if (r)
		err_set(err, -ENOENT, "partition '%s': %s", name, gpt_error_text(r));
	return r ? NULL : TAKE_PTR(d);
}

int faults_drop_partition(const char *disk, const char *name, struct err *err)
{
	struct gpt_partition p;
	_cleanup_offdisk_ struct offdisk *d = open_for_table(disk, name, &p, err);

	if (!d)
		return -ENOENT;
	memset(d->gpt.entries + (size_t)p.idx * GPT_ENTRY_BYTES, 0, GPT_ENTRY_BYTES);
	return write_table(d, err);
}

int faults_shrink_partition(const char *disk, const char *name, struct err *err)
{
	struct gpt_partition p;
	_cleanup_offdisk_ struct offdisk *d = open_for_table(disk, name, &p, err);
	int r;

	if (!d)
		return -ENOENT;
	p.last_lba = p.first_lba + GPT_ALIGN_BYTES / d->gpt.sector_bytes - 1;
	memset(d->gpt.entries + (size_t)p.idx * GPT_ENTRY_BYTES, 0, GPT_ENTRY_BYTES);
	r = gpt_set_partition(&d->gpt, &p);
	if (r)
		return err_set(err, -EINVAL, "partition '%s': %s", name, gpt_error_text(r));
	return write_table(d, err);
}

int faults_wipe_state(const char *disk, struct err *err)
{
	_cleanup_offdisk_ struct offdisk *d = offdisk_open(disk, true, err);
	_cleanup_blk_ struct blk *part = NULL;
	int r = d ? offdisk_partition(d, GPT_NAME_STATE, &part, err) : -EIO;

	return r < 0 ? r : zero(part, 0, part->size_bytes, err);
}

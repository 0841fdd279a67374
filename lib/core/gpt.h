/*
 * GUID partition tables (UEFI 2.10 chapter 5): read either copy, build a disk,
 * grow its last partition. The selector, early init and the builder use the
 * same code, so that they can never disagree about where a slot lies.
 *
 * Disks have 512- or 4096-byte sectors. A table has up to 128 entries of 128
 * bytes; tables of other shapes are refused, not guessed at. Nothing here
 * repairs a table unasked.
 */
#ifndef LIB_CORE_GPT_H
#define LIB_CORE_GPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/disk.h"
#include "lib/core/guid.h"

#define GPT_ENTRIES 128
#define GPT_ENTRY_BYTES 128
#define GPT_TABLE_BYTES (GPT_ENTRIES * GPT_ENTRY_BYTES) /* 16 KiB */
#define GPT_NAME_UNITS 36
#define GPT_SECTOR_BYTES_MAX 4096
#define GPT_ALIGN_BYTES (1024 * 1024)

/* Room for the protective MBR, primary header and entries; and for the backup. */
#define GPT_HEAD_BYTES(sector) (2 * (sector) + GPT_TABLE_BYTES)
#define GPT_TAIL_BYTES(sector) (GPT_TABLE_BYTES + (sector))

#define GPT_ATTR_REQUIRED (UINT64_C(1) << 0)
#define GPT_ATTR_GROW (UINT64_C(1) << 59)
#define GPT_ATTR_READ_ONLY (UINT64_C(1) << 60)
#define GPT_ATTR_NO_AUTO (UINT64_C(1) << 63)

/* Partition types (Discoverable Partitions Spec, and kiln's own two). */
extern const struct guid gpt_type_esp;
extern const struct guid gpt_type_linux;
extern const struct guid gpt_type_root_x64, gpt_type_root_verity_x64, gpt_type_root_sig_x64;
extern const struct guid gpt_type_root_arm64, gpt_type_root_verity_arm64, gpt_type_root_sig_arm64;
extern const struct guid gpt_type_kiln_state; /* boot-state: 6b696c6e-0001-... */
extern const struct guid gpt_type_kiln_boot; /* boot-a, boot-b: 6b696c6e-0002-... */

/* Names (labels) of kiln's partitions. */
#define GPT_NAME_ESP "esp"
#define GPT_NAME_BOOT_STATE "boot-state"
#define GPT_NAME_STATE "state"
/* Of slot 0 (a) and 1 (b): index with the slot number. */
extern const char *const gpt_name_boot[2], *const gpt_name_root[2];
extern const char *const gpt_name_verity[2], *const gpt_name_sig[2];

enum gpt_error {
	GPT_OK = 0,
	GPT_E_SECTOR_SIZE, /* neither 512 nor 4096 */
	GPT_E_DISK_SIZE, /* the disk is too small for a table */
	GPT_E_SIGNATURE, /* no "EFI PART" */
	GPT_E_REVISION, /* not 1.0 */
	GPT_E_HEADER_SIZE, /* not between 92 bytes and a sector */
	GPT_E_HEADER_CRC,
	GPT_E_RESERVED, /* the reserved field is not zero */
	GPT_E_MY_LBA, /* the header says it lies elsewhere */
	GPT_E_ALT_LBA, /* the other copy would lie over this one */
	GPT_E_USABLE, /* first/last usable make no sense on this disk */
	GPT_E_ENTRY_SHAPE, /* not 1 to 128 entries of 128 bytes */
	GPT_E_ENTRIES_LBA, /* the entries lie outside the disk or in the usable area */
	GPT_E_ENTRIES_CRC,
	GPT_E_ENTRY_RANGE, /* a partition lies outside the usable area or ends before it starts */
	GPT_E_ENTRY_OVERLAP, /* two partitions share a sector */
	GPT_E_BOTH_BAD, /* neither copy is valid */
	GPT_E_NOT_FOUND, /* no such partition */
	GPT_E_AMBIGUOUS, /* more than one partition has that name */
	GPT_E_NAME, /* a name is longer than 36 characters or no ASCII */
	GPT_E_NO_ROOM, /* a planned partition does not fit */
	GPT_E_NOT_LAST, /* only the last partition can grow */
	GPT_E_SHRINK, /* growing would make it smaller */
};

/* One partition, decoded. LBAs are in sectors of the disk, last_lba inclusive. */
struct gpt_partition {
	unsigned int idx; /* from 0: /dev/vda<idx + 1> */
	struct guid type, unique;
	uint64_t first_lba, last_lba;
	uint64_t attributes;
	char name[GPT_NAME_UNITS + 1]; /* characters beyond ASCII become '?' */
};

/* A validated table. About 16 KiB: give it static storage, not a stack. */
struct gpt {
	uint32_t sector_bytes;
	uint64_t disk_sectors;
	struct guid disk;
	uint64_t my_lba, alt_lba; /* of the copy read */
	uint64_t first_usable_lba, last_usable_lba;
	uint64_t entries_lba;
	uint32_t n_entries;
	bool from_backup; /* the primary copy was bad */
	int primary_error; /* why: enum gpt_error or the negative code of its read */
	uint8_t entries[GPT_TABLE_BYTES];
};

/*
 * Decode and check the header in @sector, read from @lba of a disk of
 * @disk_sectors, without its entries. An enum gpt_error; @ret's header fields
 * are written only on GPT_OK. gpt_read() is what callers want; this one is
 * for tests and fuzzing.
 */
int gpt_header_decode(const uint8_t *sector, uint32_t sector_bytes, uint64_t lba,
		      uint64_t disk_sectors, struct gpt *ret, uint32_t *ret_entries_crc);

/*
 * Read the table of the disk behind @ops: the primary copy if it is wholly
 * valid (header, entries, their CRCs, ranges, no overlap), else the backup in
 * the last sector. 0, GPT_E_BOTH_BAD (GPT_E_SECTOR_SIZE, GPT_E_DISK_SIZE), or
 * the negative code of the backup's read when both reads failed. @ret is
 * scratch space during the call and means nothing after a failure.
 */
int gpt_read(const struct disk_ops *ops, uint32_t sector_bytes, uint64_t disk_sectors,
	     struct gpt *ret);

/* Decode entry @idx. GPT_E_NOT_FOUND when it is unused or beyond the table. */
int gpt_partition_at(const struct gpt *gpt, unsigned int idx, struct gpt_partition *ret);

/* The one partition with exactly this name; GPT_E_NOT_FOUND, GPT_E_AMBIGUOUS. */
int gpt_find_name(const struct gpt *gpt, const char *name, struct gpt_partition *ret);

/* The first partition of this type; GPT_E_NOT_FOUND. */
int gpt_find_type(const struct gpt *gpt, const struct guid *type, struct gpt_partition *ret);

/* Where a partition lies, in bytes. */
uint64_t gpt_offset_bytes(const struct gpt *gpt, const struct gpt_partition *p);
uint64_t gpt_size_bytes(const struct gpt *gpt, const struct gpt_partition *p);

/*
 * Start an empty table for a disk of @disk_sectors: GPT_E_SECTOR_SIZE,
 * GPT_E_DISK_SIZE.
 */
int gpt_init(struct gpt *gpt, uint32_t sector_bytes, uint64_t disk_sectors,
	     const struct guid *disk);

/*
 * Put @p into entry @p->idx of @gpt. GPT_E_ENTRY_RANGE, GPT_E_ENTRY_OVERLAP,
 * GPT_E_NAME; @gpt is unchanged on failure.
 */
int gpt_set_partition(struct gpt *gpt, const struct gpt_partition *p);

/*
 * The first free LBA, aligned to GPT_ALIGN_BYTES, after every partition in the
 * table: where a planner puts the next one.
 */
uint64_t gpt_next_free_lba(const struct gpt *gpt);

/*
 * Encode @gpt: @head gets GPT_HEAD_BYTES(sector) bytes for offset 0 of the disk
 * (protective MBR, primary header, entries), @tail GPT_TAIL_BYTES(sector) bytes
 * that end with the disk (entries, backup header).
 */
void gpt_encode(const struct gpt *gpt, uint8_t *head, uint8_t *tail);

/*
 * Make the last partition reach the end of a disk that may have grown to
 * @disk_sectors: changes @gpt only (then gpt_write()). The partition must be @idx
 * and lie last. The new end is aligned down to GPT_ALIGN_BYTES. GPT_E_NOT_LAST,
 * GPT_E_SHRINK, GPT_E_NOT_FOUND, GPT_E_DISK_SIZE; 0 with *@ret_changed false when
 * it already reaches the end and the backup copy already lies there.
 */
int gpt_grow_last(struct gpt *gpt, unsigned int idx, uint64_t disk_sectors, bool *ret_changed);

/*
 * Write both copies: the backup first, flush, then the primary, flush; so one
 * whole copy is on the disk at every instant. @scratch holds
 * GPT_HEAD_BYTES(sector_bytes) bytes. Also repairs a broken primary after
 * gpt_read() took the backup. 0 or a negative code of the callbacks.
 */
int gpt_write(const struct gpt *gpt, const struct disk_ops *ops, uint8_t *scratch);

/* A short sentence for an enum gpt_error. */
const char *gpt_error_text(int error);

#endif

/*
 * Byte offsets of GPT structures (UEFI 2.10, 5.3), and what the reading and the
 * writing half of gpt share. Not for other modules.
 */
#ifndef LIB_CORE_GPT_LAYOUT_H
#define LIB_CORE_GPT_LAYOUT_H

#include "lib/core/gpt.h"

#define GPT_REVISION 0x00010000
#define GPT_PRIMARY_LBA 1

enum gpt_header_offset {
	HDR_O_SIGNATURE = 0, /* "EFI PART" */
	HDR_O_REVISION = 8,
	HDR_O_SIZE = 12,
	HDR_O_CRC = 16, /* over SIZE bytes, itself as zero */
	HDR_O_RESERVED = 20,
	HDR_O_MY_LBA = 24,
	HDR_O_ALT_LBA = 32,
	HDR_O_FIRST_USABLE = 40,
	HDR_O_LAST_USABLE = 48,
	HDR_O_DISK_GUID = 56,
	HDR_O_ENTRIES_LBA = 72,
	HDR_O_N_ENTRIES = 80,
	HDR_O_ENTRY_BYTES = 84,
	HDR_O_ENTRIES_CRC = 88,
	HDR_BYTES = 92,
};

enum gpt_entry_offset {
	ENT_O_TYPE = 0,
	ENT_O_UNIQUE = 16,
	ENT_O_FIRST_LBA = 32,
	ENT_O_LAST_LBA = 40,
	ENT_O_ATTRIBUTES = 48,
	ENT_O_NAME = 56,
};

_Static_assert(ENT_O_NAME + 2 * GPT_NAME_UNITS == GPT_ENTRY_BYTES, "the name is last");

/* Sectors of protective MBR, header and entries; of entries and header. */
static inline uint64_t gpt_head_sectors(uint32_t sector_bytes)
{
	return GPT_HEAD_BYTES(sector_bytes) / sector_bytes;
}

static inline uint64_t gpt_tail_sectors(uint32_t sector_bytes)
{
	return GPT_TAIL_BYTES(sector_bytes) / sector_bytes;
}

/* GPT_E_SECTOR_SIZE, GPT_E_DISK_SIZE (too small, or beyond 63 bits of bytes). */
int gpt_check_disk(uint32_t sector_bytes, uint64_t disk_sectors);

/* False also for an entry beyond the table. */
bool gpt_entry_used(const struct gpt *gpt, unsigned int idx);

/* First and last LBA of a used entry. */
void gpt_entry_range(const struct gpt *gpt, unsigned int idx, uint64_t *ret_first,
		     uint64_t *ret_last);

/* Does [first, last] share a sector with a used entry below @end_idx other than @skip_idx? */
bool gpt_range_overlaps(const struct gpt *gpt, uint64_t first, uint64_t last,
			unsigned int skip_idx, unsigned int end_idx);

#endif

/*
 * Building and changing GUID partition tables. Everything is prepared in memory;
 * gpt_write() alone touches a disk, one copy after the other. See gpt.h.
 */
#include "lib/core/bytes.h"
#include "lib/core/crc32.h"
#include "lib/core/gpt.h"
#include "lib/core/gpt_layout.h"
#include "lib/core/platform.h"

/* Protective MBR: one partition entry that covers the disk. */
enum mbr_offset {
	MBR_O_ENTRY = 446,
	MBR_O_ENTRY_START_CHS = 447,
	MBR_O_ENTRY_TYPE = 450,
	MBR_O_ENTRY_END_CHS = 451,
	MBR_O_ENTRY_LBA = 454,
	MBR_O_ENTRY_SECTORS = 458,
	MBR_O_SIGNATURE = 510,
};

#define MBR_TYPE_PROTECTIVE 0xee

static uint64_t last_usable(uint32_t sector_bytes, uint64_t disk_sectors)
{
	return disk_sectors - gpt_tail_sectors(sector_bytes) - 1;
}

int gpt_init(struct gpt *gpt, uint32_t sector_bytes, uint64_t disk_sectors,
	     const struct guid *disk)
{
	int r = gpt_check_disk(sector_bytes, disk_sectors);

	if (r)
		return r;
	memset(gpt, 0, sizeof(*gpt));
	gpt->sector_bytes = sector_bytes;
	gpt->disk_sectors = disk_sectors;
	gpt->disk = *disk;
	gpt->my_lba = GPT_PRIMARY_LBA;
	gpt->alt_lba = disk_sectors - 1;
	gpt->first_usable_lba = gpt_head_sectors(sector_bytes);
	gpt->last_usable_lba = last_usable(sector_bytes, disk_sectors);
	gpt->entries_lba = 2;
	gpt->n_entries = GPT_ENTRIES;
	return GPT_OK;
}

static int check_name(const char *name)
{
	size_t len = strlen(name);

	if (len > GPT_NAME_UNITS)
		return GPT_E_NAME;
	for (size_t i = 0; i < len; i++)
		if (name[i] < ' ' || name[i] > '~')
			return GPT_E_NAME;
	return GPT_OK;
}

int gpt_set_partition(struct gpt *gpt, const struct gpt_partition *p)
{
	uint8_t *e;
	int r = check_name(p->name);

	if (r)
		return r;
	if (p->idx >= gpt->n_entries || guid_is_zero(&p->type))
		return GPT_E_NOT_FOUND;
	if (p->first_lba < gpt->first_usable_lba || p->last_lba > gpt->last_usable_lba ||
	    p->first_lba > p->last_lba)
		return GPT_E_ENTRY_RANGE;
	if (gpt_range_overlaps(gpt, p->first_lba, p->last_lba, p->idx, gpt->n_entries))
		return GPT_E_ENTRY_OVERLAP;

	e = gpt->entries + p->idx * GPT_ENTRY_BYTES;
	memset(e, 0, GPT_ENTRY_BYTES);
	memcpy(e + ENT_O_TYPE, p->type.bytes, GUID_BYTES);
	memcpy(e + ENT_O_UNIQUE, p->unique.bytes, GUID_BYTES);
	le64_store(e + ENT_O_FIRST_LBA, p->first_lba);
	le64_store(e + ENT_O_LAST_LBA, p->last_lba);
	le64_store(e + ENT_O_ATTRIBUTES, p->attributes);
	for (size_t i = 0; p->name[i]; i++)
		le16_store(e + ENT_O_NAME + 2 * i, (unsigned char)p->name[i]);
	return GPT_OK;
}

/* LBA after the last partition, or the first usable one. */
static uint64_t end_of_partitions(const struct gpt *gpt)
{
	uint64_t end = gpt->first_usable_lba;

	for (unsigned int i = 0; i < gpt->n_entries; i++) {
		uint64_t first, last;

		if (!gpt_entry_used(gpt, i))
			continue;
		gpt_entry_range(gpt, i, &first, &last);
		if (last >= end)
			end = last + 1;
	}
	return end;
}

uint64_t gpt_next_free_lba(const struct gpt *gpt)
{
	uint64_t align = GPT_ALIGN_BYTES / gpt->sector_bytes;

	return (end_of_partitions(gpt) + align - 1) / align * align;
}

static void encode_mbr(const struct gpt *gpt, uint8_t *mbr)
{
	uint64_t sectors = gpt->disk_sectors - 1;

	if (sectors > UINT32_MAX)
		sectors = UINT32_MAX;
	memset(mbr, 0, gpt->sector_bytes);
	mbr[MBR_O_ENTRY_START_CHS + 1] = 2; /* sector 2: LBA 1 */
	mbr[MBR_O_ENTRY_TYPE] = MBR_TYPE_PROTECTIVE;
	memset(mbr + MBR_O_ENTRY_END_CHS, 0xff, 3);
	le32_store(mbr + MBR_O_ENTRY_LBA, GPT_PRIMARY_LBA);
	le32_store(mbr + MBR_O_ENTRY_SECTORS, (uint32_t)sectors);
	mbr[MBR_O_SIGNATURE] = 0x55;
	mbr[MBR_O_SIGNATURE + 1] = 0xaa;
}

static void encode_header(const struct gpt *gpt, uint64_t my_lba, uint64_t alt_lba,
			  uint64_t entries_lba, uint8_t *sector)
{
	memset(sector, 0, gpt->sector_bytes);
	memcpy(sector + HDR_O_SIGNATURE, "EFI PART", 8);
	le32_store(sector + HDR_O_REVISION, GPT_REVISION);
	le32_store(sector + HDR_O_SIZE, HDR_BYTES);
	le64_store(sector + HDR_O_MY_LBA, my_lba);
	le64_store(sector + HDR_O_ALT_LBA, alt_lba);
	le64_store(sector + HDR_O_FIRST_USABLE, gpt->first_usable_lba);
	le64_store(sector + HDR_O_LAST_USABLE, gpt->last_usable_lba);
	memcpy(sector + HDR_O_DISK_GUID, gpt->disk.bytes, GUID_BYTES);
	le64_store(sector + HDR_O_ENTRIES_LBA, entries_lba);
	le32_store(sector + HDR_O_N_ENTRIES, GPT_ENTRIES);
	le32_store(sector + HDR_O_ENTRY_BYTES, GPT_ENTRY_BYTES);
	le32_store(sector + HDR_O_ENTRIES_CRC, crc32_add(0, gpt->entries, GPT_TABLE_BYTES));
	le32_store(sector + HDR_O_CRC, crc32_add(0, sector, HDR_BYTES));
}

static void encode_head(const struct gpt *gpt, uint8_t *head)
{
	encode_mbr(gpt, head);
	encode_header(gpt, GPT_PRIMARY_LBA, gpt->disk_sectors - 1, 2, head + gpt->sector_bytes);
	memcpy(head + 2 * gpt->sector_bytes, gpt->entries, GPT_TABLE_BYTES);
}

static void encode_tail(const struct gpt *gpt, uint8_t *tail)
{
	uint64_t last = gpt->disk_sectors - 1;
	uint64_t entries_lba = gpt->disk_sectors - gpt_tail_sectors(gpt->sector_bytes);

	memcpy(tail, gpt->entries, GPT_TABLE_BYTES);
	encode_header(gpt, last, GPT_PRIMARY_LBA, entries_lba, tail + GPT_TABLE_BYTES);
}

void gpt_encode(const struct gpt *gpt, uint8_t *head, uint8_t *tail)
{
	encode_head(gpt, head);
	encode_tail(gpt, tail);
}

int gpt_grow_last(struct gpt *gpt, unsigned int idx, uint64_t disk_sectors, bool *ret_changed)
{
	uint64_t align = GPT_ALIGN_BYTES / gpt->sector_bytes;
	uint64_t backup_lba = gpt->from_backup ? gpt->my_lba : gpt->alt_lba;
	uint64_t usable, first, last, new_last;
	int r = gpt_check_disk(gpt->sector_bytes, disk_sectors);

	if (r)
		return r;
	if (!gpt_entry_used(gpt, idx))
		return GPT_E_NOT_FOUND;
	gpt_entry_range(gpt, idx, &first, &last);
	if (end_of_partitions(gpt) != last + 1)
		return GPT_E_NOT_LAST;
	usable = last_usable(gpt->sector_bytes, disk_sectors);
	if (last > usable)
		return GPT_E_SHRINK;
	new_last = (usable + 1) / align * align - 1;
	if (new_last < last)
		new_last = last;
	*ret_changed = new_last != last || backup_lba != disk_sectors - 1 || gpt->from_backup;
	if (!*ret_changed)
		return GPT_OK;
	le64_store(gpt->entries + idx * GPT_ENTRY_BYTES + ENT_O_LAST_LBA, new_last);
	gpt->disk_sectors = disk_sectors;
	gpt->last_usable_lba = usable;
	return GPT_OK;
}

int gpt_write(const struct gpt *gpt, const struct disk_ops *ops, uint8_t *scratch)
{
	uint32_t sector = gpt->sector_bytes;
	uint64_t tail_at;
	int r = gpt_check_disk(sector, gpt->disk_sectors);

	if (r)
		return r;
	/* A stranger's table may use sectors that ours would overwrite. */
	if (gpt->first_usable_lba < gpt_head_sectors(sector) ||
	    gpt->last_usable_lba > last_usable(sector, gpt->disk_sectors))
		return GPT_E_USABLE;
	if (!ops->write)
		return DISK_READ_ONLY;
	tail_at = (gpt->disk_sectors - gpt_tail_sectors(sector)) * sector;
	encode_tail(gpt, scratch);
	r = ops->write(ops->ctx, tail_at, scratch, GPT_TAIL_BYTES(sector));
	if (!r)
		r = ops->flush(ops->ctx);
	if (r)
		return r;
	encode_head(gpt, scratch);
	r = ops->write(ops->ctx, 0, scratch, GPT_HEAD_BYTES(sector));
	return r ? r : ops->flush(ops->ctx);
}

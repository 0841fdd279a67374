/*
 * Reading GUID partition tables. Each field is checked before it is used; a
 * copy is either wholly valid or not used at all. See gpt.h.
 */
#include "lib/core/gpt.h"

#include "lib/core/bytes.h"
#include "lib/core/crc32.h"
#include "lib/core/gpt_layout.h"
#include "lib/core/platform.h"

const struct guid gpt_type_esp =
	GUID_INIT(0xc12a7328, 0xf81f, 0x11d2, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b);
const struct guid gpt_type_linux =
	GUID_INIT(0x0fc63daf, 0x8483, 0x4772, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4);
const struct guid gpt_type_root_x64 =
	GUID_INIT(0x4f68bce3, 0xe8cd, 0x4db1, 0x96, 0xe7, 0xfb, 0xca, 0xf9, 0x84, 0xb7, 0x09);
const struct guid gpt_type_root_verity_x64 =
	GUID_INIT(0x2c7357ed, 0xebd2, 0x46d9, 0xae, 0xc1, 0x23, 0xd4, 0x37, 0xec, 0x2b, 0xf5);
const struct guid gpt_type_root_sig_x64 =
	GUID_INIT(0x41092b05, 0x9fc8, 0x4523, 0x99, 0x4f, 0x2d, 0xef, 0x04, 0x08, 0xb1, 0x76);
const struct guid gpt_type_root_arm64 =
	GUID_INIT(0xb921b045, 0x1df0, 0x41c3, 0xaf, 0x44, 0x4c, 0x6f, 0x28, 0x0d, 0x3f, 0xae);
const struct guid gpt_type_root_verity_arm64 =
	GUID_INIT(0xdf3300ce, 0xd69f, 0x4c92, 0x97, 0x8c, 0x9b, 0xfb, 0x0f, 0x38, 0xd8, 0x20);
const struct guid gpt_type_root_sig_arm64 =
	GUID_INIT(0x6db69de6, 0x29f4, 0x4758, 0xa7, 0xa5, 0x96, 0x21, 0x90, 0xf0, 0x0c, 0xe3);
const struct guid gpt_type_kiln_state =
	GUID_INIT(0x6b696c6e, 0x0001, 0x4b4e, 0x80, 0x00, 0x62, 0x6f, 0x6f, 0x74, 0x73, 0x74);
const struct guid gpt_type_kiln_boot =
	GUID_INIT(0x6b696c6e, 0x0002, 0x4b4e, 0x80, 0x00, 0x75, 0x6b, 0x69, 0x73, 0x6c, 0x6f);

const char *const gpt_name_boot[2] = { "boot-a", "boot-b" };
const char *const gpt_name_root[2] = { "root-a", "root-b" };
const char *const gpt_name_verity[2] = { "verity-a", "verity-b" };
const char *const gpt_name_sig[2] = { "sig-a", "sig-b" };

int gpt_check_disk(uint32_t sector_bytes, uint64_t disk_sectors)
{
	if (sector_bytes != 512 && sector_bytes != 4096)
		return GPT_E_SECTOR_SIZE;
	if (disk_sectors <= gpt_head_sectors(sector_bytes) + gpt_tail_sectors(sector_bytes) ||
	    disk_sectors > INT64_MAX / sector_bytes)
		return GPT_E_DISK_SIZE;
	return GPT_OK;
}

/* Signature, revision, size, checksum: is this a header at all, and whole? */
static int check_seal(const uint8_t *sector, uint32_t sector_bytes)
{
	static const uint8_t zero[4];
	uint32_t size, crc;

	if (memcmp(sector + HDR_O_SIGNATURE, "EFI PART", 8))
		return GPT_E_SIGNATURE;
	if (le32_load(sector + HDR_O_REVISION) != GPT_REVISION)
		return GPT_E_REVISION;
	size = le32_load(sector + HDR_O_SIZE);
	if (size < HDR_BYTES || size > sector_bytes)
		return GPT_E_HEADER_SIZE;
	/* The checksum is made with its own field as zero. */
	crc = crc32_add(0, sector, HDR_O_CRC);
	crc = crc32_add(crc, zero, sizeof(zero));
	crc = crc32_add(crc, sector + HDR_O_CRC + 4, size - HDR_O_CRC - 4);
	if (crc != le32_load(sector + HDR_O_CRC))
		return GPT_E_HEADER_CRC;
	if (le32_load(sector + HDR_O_RESERVED))
		return GPT_E_RESERVED;
	return GPT_OK;
}

/* The fields of a header that are not fixed. */
struct header {
	uint64_t my_lba, alt_lba, first_usable_lba, last_usable_lba, entries_lba;
	uint32_t n_entries;
};

/* Where the header says things are, against where it was found and the disk's end. */
static int check_places(const struct header *h, uint64_t lba, uint32_t sector_bytes,
			uint64_t disk_sectors)
{
	uint64_t table = (h->n_entries * GPT_ENTRY_BYTES + sector_bytes - 1) / sector_bytes;
	uint64_t end = h->entries_lba + table;

	if (h->my_lba != lba)
		return GPT_E_MY_LBA;
	/* The primary may name a backup beyond a shrunken disk; nobody goes there. */
	if (h->alt_lba == lba || (lba != GPT_PRIMARY_LBA && h->alt_lba != GPT_PRIMARY_LBA))
		return GPT_E_ALT_LBA;
	if (h->first_usable_lba <= GPT_PRIMARY_LBA || h->first_usable_lba > h->last_usable_lba ||
	    h->last_usable_lba >= disk_sectors ||
	    (lba >= h->first_usable_lba && lba <= h->last_usable_lba))
		return GPT_E_USABLE;
	/* The first two tests also keep the sum above from having wrapped. */
	if (h->entries_lba <= GPT_PRIMARY_LBA || h->entries_lba >= disk_sectors ||
	    end > disk_sectors)
		return GPT_E_ENTRIES_LBA;
	if ((h->entries_lba <= h->last_usable_lba && end > h->first_usable_lba) ||
	    (lba >= h->entries_lba && lba < end))
		return GPT_E_ENTRIES_LBA;
	return GPT_OK;
}

int gpt_header_decode(const uint8_t *sector, uint32_t sector_bytes, uint64_t lba,
		      uint64_t disk_sectors, struct gpt *ret, uint32_t *ret_entries_crc)
{
	struct header h;
	int r = gpt_check_disk(sector_bytes, disk_sectors);

	if (!r)
		r = check_seal(sector, sector_bytes);
	if (r)
		return r;
	h.my_lba = le64_load(sector + HDR_O_MY_LBA);
	h.alt_lba = le64_load(sector + HDR_O_ALT_LBA);
	h.first_usable_lba = le64_load(sector + HDR_O_FIRST_USABLE);
	h.last_usable_lba = le64_load(sector + HDR_O_LAST_USABLE);
	h.entries_lba = le64_load(sector + HDR_O_ENTRIES_LBA);
	h.n_entries = le32_load(sector + HDR_O_N_ENTRIES);
	if (!h.n_entries || h.n_entries > GPT_ENTRIES ||
	    le32_load(sector + HDR_O_ENTRY_BYTES) != GPT_ENTRY_BYTES)
		return GPT_E_ENTRY_SHAPE;
	r = check_places(&h, lba, sector_bytes, disk_sectors);
	if (r)
		return r;
	*ret_entries_crc = le32_load(sector + HDR_O_ENTRIES_CRC);
	memcpy(ret->disk.bytes, sector + HDR_O_DISK_GUID, GUID_BYTES);
	ret->sector_bytes = sector_bytes;
	ret->disk_sectors = disk_sectors;
	ret->my_lba = h.my_lba;
	ret->alt_lba = h.alt_lba;
	ret->first_usable_lba = h.first_usable_lba;
	ret->last_usable_lba = h.last_usable_lba;
	ret->entries_lba = h.entries_lba;
	ret->n_entries = h.n_entries;
	return GPT_OK;
}

bool gpt_entry_used(const struct gpt *gpt, unsigned int idx)
{
	return idx < gpt->n_entries &&
	       !bytes_are_zero(gpt->entries + idx * GPT_ENTRY_BYTES + ENT_O_TYPE, GUID_BYTES);
}

void gpt_entry_range(const struct gpt *gpt, unsigned int idx, uint64_t *ret_first,
		     uint64_t *ret_last)
{
	const uint8_t *e = gpt->entries + idx * GPT_ENTRY_BYTES;

	*ret_first = le64_load(e + ENT_O_FIRST_LBA);
	*ret_last = le64_load(e + ENT_O_LAST_LBA);
}

bool gpt_range_overlaps(const struct gpt *gpt, uint64_t first, uint64_t last,
			unsigned int skip_idx, unsigned int end_idx)
{
	for (unsigned int i = 0; i < end_idx; i++) {
		uint64_t other_first, other_last;

		if (i == skip_idx || !gpt_entry_used(gpt, i))
			continue;
		gpt_entry_range(gpt, i, &other_first, &other_last);
		if (first <= other_last && other_first <= last)
			return true;
	}
	return false;
}

static int check_entries(const struct gpt *gpt)
{
	for (unsigned int i = 0; i < gpt->n_entries; i++) {
		uint64_t first, last;

		if (!gpt_entry_used(gpt, i))
			continue;
		gpt_entry_range(gpt, i, &first, &last);
		if (first < gpt->first_usable_lba || last > gpt->last_usable_lba || first > last)
			return GPT_E_ENTRY_RANGE;
		if (gpt_range_overlaps(gpt, first, last, i, i))
			return GPT_E_ENTRY_OVERLAP;
	}
	return GPT_OK;
}

/* Read and check the copy whose header is at @lba; a gpt_error or the read's code. */
static int read_copy(const struct disk_ops *ops, uint32_t sector_bytes, uint64_t disk_sectors,
		     uint64_t lba, struct gpt *ret)
{
	size_t table, rounded;
	uint32_t crc;
	int r;

	/* The header's sector is read where its entries will lie later. */
	r = ops->read(ops->ctx, lba * sector_bytes, ret->entries, sector_bytes);
	if (!r)
		r = gpt_header_decode(ret->entries, sector_bytes, lba, disk_sectors, ret, &crc);
	if (r)
		return r;
	table = (size_t)ret->n_entries * GPT_ENTRY_BYTES;
	rounded = (table + sector_bytes - 1) / sector_bytes * sector_bytes;
	r = ops->read(ops->ctx, ret->entries_lba * sector_bytes, ret->entries, rounded);
	if (r)
		return r;
	if (crc32_add(0, ret->entries, table) != crc)
		return GPT_E_ENTRIES_CRC;
	memset(ret->entries + table, 0, GPT_TABLE_BYTES - table);
	return check_entries(ret);
}

int gpt_read(const struct disk_ops *ops, uint32_t sector_bytes, uint64_t disk_sectors,
	     struct gpt *ret)
{
	int r = gpt_check_disk(sector_bytes, disk_sectors), primary;

	if (r)
		return r;
	primary = read_copy(ops, sector_bytes, disk_sectors, GPT_PRIMARY_LBA, ret);
	if (!primary) {
		ret->from_backup = false;
		ret->primary_error = 0;
		return GPT_OK;
	}
	r = read_copy(ops, sector_bytes, disk_sectors, disk_sectors - 1, ret);
	if (!r) {
		ret->from_backup = true;
		ret->primary_error = primary;
		return GPT_OK;
	}
	return r < 0 && primary < 0 ? r : GPT_E_BOTH_BAD;
}

int gpt_partition_at(const struct gpt *gpt, unsigned int idx, struct gpt_partition *ret)
{
	const uint8_t *e;

	if (!gpt_entry_used(gpt, idx))
		return GPT_E_NOT_FOUND;
	e = gpt->entries + idx * GPT_ENTRY_BYTES;
	memset(ret, 0, sizeof(*ret));
	ret->idx = idx;
	memcpy(ret->type.bytes, e + ENT_O_TYPE, GUID_BYTES);
	memcpy(ret->unique.bytes, e + ENT_O_UNIQUE, GUID_BYTES);
	gpt_entry_range(gpt, idx, &ret->first_lba, &ret->last_lba);
	ret->attributes = le64_load(e + ENT_O_ATTRIBUTES);
	for (unsigned int i = 0; i < GPT_NAME_UNITS; i++) {
		uint16_t c = le16_load(e + ENT_O_NAME + 2 * i);

		if (!c)
			break;
		ret->name[i] = c >= ' ' && c <= '~' ? (char)c : '?';
	}
	return GPT_OK;
}

/* The name in entry @idx is exactly @name: all units, so no `?` stands for another. */
static bool name_matches(const struct gpt *gpt, unsigned int idx, const char *name, size_t len)
{
	const uint8_t *units = gpt->entries + idx * GPT_ENTRY_BYTES + ENT_O_NAME;

	for (size_t i = 0; i < len; i++)
		if (le16_load(units + 2 * i) != (unsigned char)name[i])
			return false;
	return len == GPT_NAME_UNITS || !le16_load(units + 2 * len);
}

int gpt_find_name(const struct gpt *gpt, const char *name, struct gpt_partition *ret)
{
	size_t len = strlen(name);
	unsigned int found = 0, n = 0;

	if (!len || len > GPT_NAME_UNITS)
		return GPT_E_NOT_FOUND;
	for (unsigned int i = 0; i < gpt->n_entries; i++) {
		if (!gpt_entry_used(gpt, i) || !name_matches(gpt, i, name, len))
			continue;
		found = i;
		n++;
	}
	if (n != 1)
		return n ? GPT_E_AMBIGUOUS : GPT_E_NOT_FOUND;
	return gpt_partition_at(gpt, found, ret);
}

int gpt_find_type(const struct gpt *gpt, const struct guid *type, struct gpt_partition *ret)
{
	struct gpt_partition p;

	for (unsigned int i = 0; i < gpt->n_entries; i++) {
		if (gpt_partition_at(gpt, i, &p) || !guid_equal(&p.type, type))
			continue;
		*ret = p;
		return GPT_OK;
	}
	return GPT_E_NOT_FOUND;
}

uint64_t gpt_offset_bytes(const struct gpt *gpt, const struct gpt_partition *p)
{
	return p->first_lba * gpt->sector_bytes;
}

uint64_t gpt_size_bytes(const struct gpt *gpt, const struct gpt_partition *p)
{
	return (p->last_lba - p->first_lba + 1) * gpt->sector_bytes;
}

/*
 * Partition tables: the input is the start of a small disk, with the checksums of
 * its primary copy repaired. Whatever is accepted lies inside the disk.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/bytes.h"
#include "lib/core/crc32.h"
#include "lib/core/gpt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define DISK_BYTES (128u << 10)

static uint8_t disk[DISK_BYTES];

static int disk_read(void *ctx, uint64_t offset, void *data, size_t len)
{
	(void)ctx;
	if (offset > DISK_BYTES || len > DISK_BYTES - offset)
		abort(); /* core never asks for what is not there */
	memcpy(data, disk + offset, len);
	return 0;
}

static void repair(uint8_t *header, uint32_t sector)
{
	uint64_t entries = le64_load(header + 72);
	uint64_t bytes = (uint64_t)le32_load(header + 80) * 128;
	uint32_t size = le32_load(header + 12);

	if (entries < DISK_BYTES / sector && bytes <= DISK_BYTES - entries * sector)
		le32_store(header + 88, crc32_add(0, disk + entries * sector, bytes));
	if (size < 92 || size > sector)
		return;
	le32_store(header + 16, 0);
	le32_store(header + 16, crc32_add(0, header, size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct disk_ops ops = { NULL, disk_read, NULL, NULL };
	static struct gpt gpt;
	struct gpt_partition p;

	memset(disk, 0, sizeof(disk));
	memcpy(disk, data, len < sizeof(disk) ? len : sizeof(disk));
	for (uint32_t sector = 512; sector <= 4096; sector *= 8) {
		repair(disk + sector, sector);
		repair(disk + DISK_BYTES - sector, sector);
		if (gpt_read(&ops, sector, DISK_BYTES / sector, &gpt))
			continue;
		for (unsigned int i = 0; i < GPT_ENTRIES; i++) {
			uint64_t at, size;

			if (gpt_partition_at(&gpt, i, &p))
				continue;
			at = gpt_offset_bytes(&gpt, &p);
			size = gpt_size_bytes(&gpt, &p);
			if (at >= DISK_BYTES || size > DISK_BYTES - at || !size)
				abort();
			if (p.name[0] && !strchr(p.name, '?') &&
			    gpt_find_name(&gpt, p.name, &p) == GPT_E_NOT_FOUND)
				abort();
		}
	}
	return 0;
}

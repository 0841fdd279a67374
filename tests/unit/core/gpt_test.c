/*
 * Partition tables: what we write a stranger verifies, each header field broken
 * in turn falls to the other copy, growing, and a power cut while writing.
 */
#include "lib/core/gpt.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/blk.h"
#include "lib/core/bytes.h"
#include "lib/core/crc32.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define DISK_BYTES (16u << 20)
#define ENTRIES_AT 512 /* the entries, from the header of a disk with 512-byte sectors */

static struct gpt table; /* large: not for the stack */

static struct gpt_partition partition(unsigned int idx, uint64_t first, uint64_t last,
				      const char *name)
{
	struct gpt_partition p = { .idx = idx, .type = gpt_type_linux, .first_lba = first,
				   .last_lba = last };

	memset(p.unique.bytes, (int)idx + 1, GUID_BYTES);
	strcpy(p.name, name);
	return p;
}

/* A disk with partitions a (1 MiB from 1 MiB) and state (1 MiB from 2 MiB). */
static struct blk *make_disk(uint32_t sector)
{
	static const struct guid id = GUID_INIT(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
	uint8_t scratch[GPT_HEAD_BYTES(4096)];
	uint64_t mib = (1 << 20) / sector;
	struct gpt_partition p;
	struct disk_ops ops;
	struct blk *disk;

	assert_int_equal(blk_new_memory(DISK_BYTES, &disk), 0);
	assert_int_equal(gpt_init(&table, sector, DISK_BYTES / sector, &id), GPT_OK);
	assert_int_equal(gpt_next_free_lba(&table), mib);
	p = partition(0, mib, 2 * mib - 1, "boot-a");
	assert_int_equal(gpt_set_partition(&table, &p), GPT_OK);
	assert_int_equal(gpt_next_free_lba(&table), 2 * mib);
	p = partition(1, 2 * mib, 3 * mib - 1, "state");
	p.attributes = GPT_ATTR_READ_ONLY | GPT_ATTR_NO_AUTO;
	assert_int_equal(gpt_set_partition(&table, &p), GPT_OK);
	ops = blk_disk_ops(disk);
	assert_int_equal(gpt_write(&table, &ops, scratch), 0);
	return disk;
}

static int read_disk(struct blk *disk, uint32_t sector)
{
	struct disk_ops ops = blk_disk_ops(disk);

	return gpt_read(&ops, sector, disk->size_bytes / sector, &table);
}

static void what_is_written_is_read(void **state)
{
	static const uint32_t sectors[] = { 512, 4096 };
	struct gpt_partition p;

	(void)state;
	for (size_t i = 0; i < N(sectors); i++) {
		_cleanup_blk_ struct blk *disk = make_disk(sectors[i]);

		assert_int_equal(read_disk(disk, sectors[i]), GPT_OK);
		assert_false(table.from_backup);
		assert_int_equal(gpt_find_name(&table, "state", &p), GPT_OK);
		assert_int_equal(p.idx, 1);
		assert_int_equal(gpt_offset_bytes(&table, &p), 2 << 20);
		assert_int_equal(gpt_size_bytes(&table, &p), 1 << 20);
		assert_true(p.attributes == (GPT_ATTR_READ_ONLY | GPT_ATTR_NO_AUTO));
		assert_int_equal(gpt_find_name(&table, "stat", &p), GPT_E_NOT_FOUND);
		assert_int_equal(gpt_find_name(&table, "state2", &p), GPT_E_NOT_FOUND);
		assert_int_equal(gpt_find_name(&table, "", &p), GPT_E_NOT_FOUND);
		assert_int_equal(gpt_find_type(&table, &gpt_type_linux, &p), GPT_OK);
		assert_int_equal(p.idx, 0);
		assert_int_equal(gpt_find_type(&table, &gpt_type_esp, &p), GPT_E_NOT_FOUND);
		/* The other sector size sees no table at all, not a wrong one. */
		assert_int_equal(read_disk(disk, sectors[1 - i]), GPT_E_BOTH_BAD);
	}
}

static void strangers_find_no_fault(void **state)
{
	static const char *const tools[] = { "sfdisk --verify %s", "sgdisk -v %s" };
	char path[] = "/tmp/kiln-gpt-XXXXXX", command[100], line[200];
	_cleanup_blk_ struct blk *disk = make_disk(512);
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, blk_memory(disk), DISK_BYTES), DISK_BYTES);
	close(fd);
	for (size_t i = 0; i < N(tools); i++) {
		bool fine = false;
		FILE *f;

		snprintf(command, sizeof(command), tools[i], path);
		strcat(command, " 2>&1");
		f = popen(command, "r");
		assert_non_null(f);
		while (fgets(line, sizeof(line), f))
			if (strstr(line, "No errors detected") || strstr(line, "No problems found"))
				fine = true;
			else if (strstr(line, "not found")) {
				print_message("SKIP: %s", line);
				fine = true;
			}
		pclose(f);
		if (!fine)
			fail_msg("%s finds fault", command);
	}
	unlink(path);
}

/* Give the header at @at a right checksum again. */
static void reseal(uint8_t *header)
{
	le32_store(header + 16, 0);
	le32_store(header + 16, crc32_add(0, header, 92));
}

static void each_broken_field_falls_to_the_backup(void **state)
{
	static const struct {
		unsigned int at, width;
		uint64_t value;
		bool seal;
		int error;
	} cases[] = {
		{ 0, 1, 'X', true, GPT_E_SIGNATURE },
		{ 8, 4, 0x00020000, true, GPT_E_REVISION },
		{ 8, 4, 0, true, GPT_E_REVISION },
		{ 12, 4, 0, false, GPT_E_HEADER_SIZE },
		{ 12, 4, 91, false, GPT_E_HEADER_SIZE },
		{ 12, 4, 513, false, GPT_E_HEADER_SIZE },
		{ 12, 4, 0xffffffff, false, GPT_E_HEADER_SIZE },
		{ 12, 4, 93, false, GPT_E_HEADER_CRC },
		{ 16, 4, 0, false, GPT_E_HEADER_CRC },
		{ 56, 1, 0xee, false, GPT_E_HEADER_CRC },
		{ 20, 4, 1, true, GPT_E_RESERVED },
		{ 24, 8, 0, true, GPT_E_MY_LBA },
		{ 24, 8, 2, true, GPT_E_MY_LBA },
		{ 24, 8, UINT64_MAX, true, GPT_E_MY_LBA },
		{ 32, 8, 1, true, GPT_E_ALT_LBA },
		{ 40, 8, 0, true, GPT_E_USABLE },
		{ 40, 8, 1, true, GPT_E_USABLE },
		{ 40, 8, UINT64_MAX, true, GPT_E_USABLE },
		{ 40, 8, 3, true, GPT_E_ENTRIES_LBA },
		{ 48, 8, 0, true, GPT_E_USABLE },
		{ 48, 8, UINT64_MAX, true, GPT_E_USABLE },
		{ 48, 8, DISK_BYTES / 512, true, GPT_E_USABLE },
		{ 48, 8, 4096, true, GPT_E_ENTRY_RANGE },
		{ 72, 8, 0, true, GPT_E_ENTRIES_LBA },
		{ 72, 8, 1, true, GPT_E_ENTRIES_LBA },
		{ 72, 8, 3, true, GPT_E_ENTRIES_LBA },
		{ 72, 8, 100, true, GPT_E_ENTRIES_LBA },
		{ 72, 8, DISK_BYTES / 512 - 1, true, GPT_E_ENTRIES_LBA },
		{ 72, 8, DISK_BYTES / 512, true, GPT_E_ENTRIES_LBA },
		{ 72, 8, UINT64_MAX, true, GPT_E_ENTRIES_LBA },
		{ 72, 8, UINT64_MAX - 30, true, GPT_E_ENTRIES_LBA },
		{ 80, 4, 0, true, GPT_E_ENTRY_SHAPE },
		{ 80, 4, 129, true, GPT_E_ENTRY_SHAPE },
		{ 80, 4, 0xffffffff, true, GPT_E_ENTRY_SHAPE },
		{ 80, 4, 127, true, GPT_E_ENTRIES_CRC },
		{ 84, 4, 0, true, GPT_E_ENTRY_SHAPE },
		{ 84, 4, 129, true, GPT_E_ENTRY_SHAPE },
		{ 84, 4, 0x80000000, true, GPT_E_ENTRY_SHAPE },
		{ 88, 4, 0, true, GPT_E_ENTRIES_CRC },
		{ ENTRIES_AT, 1, 0, false, GPT_E_ENTRIES_CRC },
	};
	_cleanup_blk_ struct blk *disk = make_disk(512);
	uint8_t *b = blk_memory(disk), saved[GPT_HEAD_BYTES(512)];
	struct gpt_partition p;

	(void)state;
	memcpy(saved, b, sizeof(saved));
	for (size_t i = 0; i < N(cases); i++) {
		uint8_t *field = b + 512 + cases[i].at;

		memcpy(b, saved, sizeof(saved));
		if (cases[i].width == 8)
			le64_store(field, cases[i].value);
		else if (cases[i].width == 4)
			le32_store(field, (uint32_t)cases[i].value);
		else
			*field = (uint8_t)cases[i].value;
		if (cases[i].seal)
			reseal(b + 512);
		assert_int_equal(read_disk(disk, 512), GPT_OK);
		if (!table.from_backup || table.primary_error != cases[i].error)
			fail_msg("byte %u: %s", cases[i].at, gpt_error_text(table.primary_error));
		assert_int_equal(gpt_find_name(&table, "boot-a", &p), GPT_OK);
	}
	/* With the backup gone too there is a distinct error. */
	b[DISK_BYTES - 512] ^= 1;
	assert_int_equal(read_disk(disk, 512), GPT_E_BOTH_BAD);
}

/* Change entries in place and give both checksums of the primary again. */
static void reseal_entries(uint8_t *b)
{
	le32_store(b + 512 + 88, crc32_add(0, b + 1024, GPT_TABLE_BYTES));
	reseal(b + 512);
}

static void impossible_entries_spoil_the_copy(void **state)
{
	static const struct {
		unsigned int entry, at;
		uint64_t value;
		int error;
	} cases[] = {
		{ 0, 32, 0, GPT_E_ENTRY_RANGE },
		{ 0, 32, 33, GPT_E_ENTRY_RANGE },
		{ 0, 32, 5000, GPT_E_ENTRY_RANGE },
		{ 0, 40, UINT64_MAX, GPT_E_ENTRY_RANGE },
		{ 0, 40, DISK_BYTES / 512 - 33, GPT_E_ENTRY_RANGE },
		{ 0, 40, 4096, GPT_E_ENTRY_OVERLAP },
		{ 1, 32, 4095, GPT_E_ENTRY_OVERLAP },
	};
	_cleanup_blk_ struct blk *disk = make_disk(512);
	uint8_t *b = blk_memory(disk), saved[GPT_HEAD_BYTES(512)];

	(void)state;
	memcpy(saved, b, sizeof(saved));
	for (size_t i = 0; i < N(cases); i++) {
		memcpy(b, saved, sizeof(saved));
		le64_store(b + 1024 + 128 * cases[i].entry + cases[i].at, cases[i].value);
		reseal_entries(b);
		assert_int_equal(read_disk(disk, 512), GPT_OK);
		assert_int_equal(table.primary_error, cases[i].error);
	}
}

static void a_doubled_name_is_ambiguous_and_a_look_alike_no_match(void **state)
{
	_cleanup_blk_ struct blk *disk = make_disk(512);
	struct gpt_partition p = partition(2, 8192, 8200, "boot-a");

	(void)state;
	assert_int_equal(gpt_set_partition(&table, &p), GPT_OK);
	p.idx = 77;
	assert_int_equal(gpt_find_name(&table, "boot-a", &p), GPT_E_AMBIGUOUS);
	assert_int_equal(p.idx, 77);
	/* U+0141 has the low byte of 'A'; a name is compared in all its units. */
	le16_store(table.entries + 2 * 128 + 56, 0x0162);
	assert_int_equal(gpt_find_name(&table, "boot-a", &p), GPT_OK);
	assert_int_equal(p.idx, 0);
	assert_int_equal(gpt_partition_at(&table, 2, &p), GPT_OK);
	assert_string_equal(p.name, "?oot-a");
	assert_int_equal(gpt_find_name(&table, "?oot-a", &p), GPT_E_NOT_FOUND);
}

static void impossible_plans_are_refused(void **state)
{
	static const struct guid id = GUID_INIT(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
	_cleanup_blk_ struct blk *disk = make_disk(512);
	struct gpt_partition p;
	uint8_t before[GPT_TABLE_BYTES];

	(void)state;
	memcpy(before, table.entries, sizeof(before));
	p = partition(2, 33, 40, "x");
	assert_int_equal(gpt_set_partition(&table, &p), GPT_E_ENTRY_RANGE);
	p = partition(2, 8192, DISK_BYTES / 512 - 33, "x");
	assert_int_equal(gpt_set_partition(&table, &p), GPT_E_ENTRY_RANGE);
	p = partition(2, 8192, 8191, "x");
	assert_int_equal(gpt_set_partition(&table, &p), GPT_E_ENTRY_RANGE);
	p = partition(2, 4000, 4100, "x");
	assert_int_equal(gpt_set_partition(&table, &p), GPT_E_ENTRY_OVERLAP);
	p = partition(2, 8192, 8200, "\xc3\xa9");
	assert_int_equal(gpt_set_partition(&table, &p), GPT_E_NAME);
	p = partition(128, 8192, 8200, "x");
	assert_int_equal(gpt_set_partition(&table, &p), GPT_E_NOT_FOUND);
	assert_memory_equal(before, table.entries, sizeof(before));
	assert_int_equal(gpt_init(&table, 1024, 100000, &id), GPT_E_SECTOR_SIZE);
	assert_int_equal(gpt_init(&table, 512, 67, &id), GPT_E_DISK_SIZE);
	assert_int_equal(gpt_init(&table, 512, UINT64_MAX, &id), GPT_E_DISK_SIZE);
}

static void the_last_partition_grows_with_its_disk(void **state)
{
	static const uint32_t sectors[] = { 512, 4096 };
	uint8_t scratch[GPT_HEAD_BYTES(4096)];
	struct gpt_partition p;
	bool changed;

	(void)state;
	for (size_t i = 0; i < N(sectors); i++) {
		_cleanup_blk_ struct blk *small = make_disk(sectors[i]), *big = NULL;
		struct disk_ops ops;
		uint64_t big_sectors = 2 * DISK_BYTES / sectors[i];

		assert_int_equal(blk_new_memory(2 * DISK_BYTES, &big), 0);
		memcpy(blk_memory(big), blk_memory(small), DISK_BYTES);
		assert_int_equal(read_disk(big, sectors[i]), GPT_OK);
		assert_int_equal(gpt_grow_last(&table, 0, big_sectors, &changed), GPT_E_NOT_LAST);
		assert_int_equal(gpt_grow_last(&table, 9, big_sectors, &changed), GPT_E_NOT_FOUND);
		assert_int_equal(gpt_grow_last(&table, 1, (3 << 20) / sectors[i], &changed),
				 GPT_E_SHRINK);
		assert_int_equal(gpt_grow_last(&table, 1, big_sectors, &changed), GPT_OK);
		assert_true(changed);
		ops = blk_disk_ops(big);
		assert_int_equal(gpt_write(&table, &ops, scratch), 0);
		assert_int_equal(read_disk(big, sectors[i]), GPT_OK);
		assert_int_equal(gpt_find_name(&table, "state", &p), GPT_OK);
		assert_int_equal(gpt_offset_bytes(&table, &p), 2 << 20);
		assert_int_equal(gpt_size_bytes(&table, &p), 2 * DISK_BYTES - (3 << 20));
		assert_int_equal(gpt_grow_last(&table, 1, big_sectors, &changed), GPT_OK);
		assert_false(changed);
		/* The backup is a whole copy of its own. */
		memset(blk_memory(big), 0, 2 * sectors[i]);
		assert_int_equal(read_disk(big, sectors[i]), GPT_OK);
		assert_true(table.from_backup);
	}
}

/* A disk that stops taking bytes after a budget: a power cut. */
struct cut_disk {
	uint8_t *bytes;
	size_t budget;
};

static int cut_read(void *ctx, uint64_t offset, void *data, size_t len)
{
	memcpy(data, ((struct cut_disk *)ctx)->bytes + offset, len);
	return 0;
}

static int cut_write(void *ctx, uint64_t offset, const void *data, size_t len)
{
	struct cut_disk *d = ctx;
	size_t n = len < d->budget ? len : d->budget;

	memcpy(d->bytes + offset, data, n);
	d->budget -= n;
	return n == len ? 0 : -5;
}

static int cut_flush(void *ctx)
{
	return ((struct cut_disk *)ctx)->budget ? 0 : -5;
}

static void a_table_survives_a_cut_after_any_byte_of_growing(void **state)
{
	static uint8_t scratch[GPT_HEAD_BYTES(512)], disk[2 * DISK_BYTES];
	const size_t total = GPT_HEAD_BYTES(512) + GPT_TAIL_BYTES(512);
	_cleanup_blk_ struct blk *small = make_disk(512);
	uint64_t sectors = sizeof(disk) / 512;
	struct gpt_partition p;
	bool changed;

	(void)state;
	for (size_t cut = 0; cut <= total; cut += 13) {
		struct cut_disk d = { disk, cut };
		struct disk_ops ops = { &d, cut_read, cut_write, cut_flush };

		memcpy(disk, blk_memory(small), GPT_HEAD_BYTES(512));
		memset(disk + sizeof(disk) - GPT_TAIL_BYTES(512), 0, GPT_TAIL_BYTES(512));
		assert_int_equal(gpt_read(&ops, 512, sectors, &table), GPT_OK);
		assert_int_equal(gpt_grow_last(&table, 1, sectors, &changed), GPT_OK);
		assert_int_equal(gpt_write(&table, &ops, scratch), cut < total ? -5 : 0);
		/* Whatever is there now is one of the two tables, and can be finished. */
		assert_int_equal(gpt_read(&ops, 512, sectors, &table), GPT_OK);
		assert_int_equal(gpt_find_name(&table, "boot-a", &p), GPT_OK);
		d.budget = SIZE_MAX;
		assert_int_equal(gpt_grow_last(&table, 1, sectors, &changed), GPT_OK);
		assert_int_equal(gpt_write(&table, &ops, scratch), 0);
		assert_int_equal(gpt_read(&ops, 512, sectors, &table), GPT_OK);
		assert_false(table.from_backup);
		assert_int_equal(gpt_find_name(&table, "state", &p), GPT_OK);
		assert_int_equal(gpt_size_bytes(&table, &p), sizeof(disk) - (3 << 20));
	}
}

static void a_strangers_table_is_not_overwritten(void **state)
{
	static uint8_t scratch[GPT_HEAD_BYTES(512)];
	_cleanup_blk_ struct blk *disk = make_disk(512);
	struct disk_ops ops = blk_disk_ops(disk);

	(void)state;
	table.first_usable_lba = 10; /* a small table: ours would not fit before it */
	assert_int_equal(gpt_write(&table, &ops, scratch), GPT_E_USABLE);
	assert_int_equal(read_disk(disk, 512), GPT_OK);
	ops.write = NULL;
	assert_int_equal(gpt_write(&table, &ops, scratch), DISK_READ_ONLY);
}

static int fail_read(void *ctx, uint64_t offset, void *data, size_t len)
{
	(void)ctx;
	(void)offset;
	(void)data;
	(void)len;
	return -5;
}

static int fail_head(void *ctx, uint64_t offset, void *data, size_t len)
{
	return offset < DISK_BYTES / 2 ? -5 : cut_read(ctx, offset, data, len);
}

static void read_errors_are_told_from_bad_tables(void **state)
{
	_cleanup_blk_ struct blk *disk = make_disk(512);
	struct cut_disk d = { blk_memory(disk), 0 };
	struct disk_ops ops = { &d, fail_head, NULL, NULL };

	(void)state;
	assert_int_equal(gpt_read(&ops, 512, DISK_BYTES / 512, &table), GPT_OK);
	assert_true(table.from_backup);
	assert_int_equal(table.primary_error, -5);
	ops.read = fail_read;
	assert_int_equal(gpt_read(&ops, 512, DISK_BYTES / 512, &table), -5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(strangers_find_no_fault),
		cmocka_unit_test(each_broken_field_falls_to_the_backup),
		cmocka_unit_test(impossible_entries_spoil_the_copy),
		cmocka_unit_test(a_doubled_name_is_ambiguous_and_a_look_alike_no_match),
		cmocka_unit_test(impossible_plans_are_refused),
		cmocka_unit_test(the_last_partition_grows_with_its_disk),
		cmocka_unit_test(a_table_survives_a_cut_after_any_byte_of_growing),
		cmocka_unit_test(a_strangers_table_is_not_overwritten),
		cmocka_unit_test(read_errors_are_told_from_bad_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

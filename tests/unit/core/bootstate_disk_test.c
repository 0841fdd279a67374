/* The boot state's record bit by bit, and its two copies on disk. */
#include "lib/core/bootstate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/core/bootstate_fixture.h"

static void a_record_survives_a_round_trip(void **state)
{
	static uint8_t bytes[BS_RECORD_BYTES];
	struct bs bs = both_good(), back;

	(void)state;
	bs.sequence = 0x0102030405060708;
	bs_mark_failed(&bs, 1, BS_REASON_HEALTH_TIMEOUT);
	bs_set_oneshot(&bs, 0);
	bs.slot[0].relapses = 7;
	bs.ring[1].end = BS_END_SETTLED;
	bs.refused[2].reason = BS_REASON_PANIC;
	bs.refused[2].version[0] = 'Q';
	bs_encode(&bs, bytes);
	memset(&back, 0, sizeof(back));
	assert_int_equal(bs_decode(bytes, &back), BS_OK);
	assert_memory_equal(&bs, &back, sizeof(bs));
}

static uint8_t partition[BS_PARTITION_BYTES];
static int write_result, flush_result;
static unsigned int writes, flushes;
static uint8_t flip; /* xored into the first byte of what is written */

static int part_read(void *ctx, uint64_t offset, void *data, size_t len)
{
	(void)ctx;
	memcpy(data, partition + offset, len);
	return 0;
}

static int part_write(void *ctx, uint64_t offset, const void *data, size_t len)
{
	(void)ctx;
	writes++;
	if (write_result)
		return write_result;
	memcpy(partition + offset, data, len);
	partition[offset] ^= flip;
	return 0;
}

static int part_flush(void *ctx)
{
	(void)ctx;
	flushes++;
	return flush_result;
}

static const struct disk_ops ops = { NULL, part_read, part_write, part_flush };
static struct bs_disk disk;

static void create(struct bs *bs)
{
	write_result = flush_result = 0;
	flip = 0;
	memset(partition, 0xff, sizeof(partition));
	assert_int_equal(bs_create(&disk, &ops, bs), BS_OK);
}

static void every_flipped_bit_falls_to_the_other_copy(void **state)
{
	struct bs bs = both_good(), back;

	(void)state;
	create(&bs);
	for (unsigned int copy = 0; copy < BS_COPIES; copy++) {
		uint8_t *record = partition + BS_COPY_OFFSET(copy);

		for (unsigned int bit = 0; bit < BS_RECORD_BYTES * 8; bit++) {
			record[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(bs_load(&disk, &ops, &back), BS_OK);
			assert_int_equal(back.sequence, copy == 0 ? 1 : 2);
			assert_int_equal(disk.target, copy);
			record[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

static void nothing_valid_is_lost_and_can_be_rebuilt(void **state)
{
	static const int fill[] = { 0, 0xff, 0x5a };
	struct slotdesc a = image(1);
	struct bs bs;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct bs back = { .boots = 77 };

		memset(partition, fill[i], sizeof(partition));
		assert_int_equal(bs_load(&disk, &ops, &back), BS_E_LOST);
		assert_int_equal(back.boots, 77);
		bs_rebuild(&a, NULL, &bs);
		assert_int_equal(bs_store(&disk, &bs), BS_OK);
		assert_int_equal(bs_load(&disk, &ops, &back), BS_OK);
		assert_true(back.rebuilt);
	}
}

static void stores_alternate_and_count_up_across_the_wrap(void **state)
{
	struct bs bs = both_good(), back;

	(void)state;
	bs.sequence = UINT64_MAX - 4;
	create(&bs);
	for (unsigned int i = 0; i < 8; i++) {
		boot(&bs);
		writes = flushes = 0;
		assert_int_equal(bs_store(&disk, &bs), BS_OK);
		assert_int_equal(writes, 1);
		assert_int_equal(flushes, 1);
		assert_int_equal(bs_load(&disk, &ops, &back), BS_OK);
		assert_memory_equal(&bs, &back, sizeof(bs));
	}
	assert_true(bs.sequence < 100);
}

static void a_failed_store_changes_nothing_that_counts(void **state)
{
	struct bs bs = both_good(), next, back;

	(void)state;
	create(&bs);
	next = bs;
	boot(&next);
	write_result = -5;
	assert_int_equal(bs_store(&disk, &next), -5);
	assert_int_equal(next.sequence, bs.sequence);
	write_result = 0;
	flip = 1;
	assert_int_equal(bs_store(&disk, &next), BS_E_READBACK);
	assert_int_equal(bs_load(&disk, &ops, &back), BS_OK);
	assert_memory_equal(&bs, &back, sizeof(bs));
	flip = 0;
	/* It lands, and is reported as failed: the next store goes to the other copy. */
	flush_result = -5;
	assert_int_equal(bs_store(&disk, &next), -5);
	flush_result = 0;
	assert_int_equal(bs_store(&disk, &next), BS_OK);
	assert_int_equal(next.sequence, bs.sequence + 2);
	assert_int_equal(bs_load(&disk, &ops, &back), BS_OK);
	assert_memory_equal(&next, &back, sizeof(back));
}

static void nonsense_and_read_only_disks_are_not_written(void **state)
{
	struct disk_ops read_only = ops;
	struct bs bs = both_good();

	(void)state;
	create(&bs);
	writes = 0;
	bs.slot[0].tries_left = 99;
	assert_int_equal(bs_store(&disk, &bs), BS_E_FIELD);
	bs.slot[0].tries_left = 0;
	read_only.write = NULL;
	assert_int_equal(bs_load(&disk, &read_only, &bs), BS_OK);
	assert_int_equal(bs_store(&disk, &bs), DISK_READ_ONLY);
	assert_int_equal(writes, 0);
}

static void reseal(uint8_t *record)
{
	sha256_bytes(record, BS_RECORD_BYTES - 32, record + BS_RECORD_BYTES - 32);
}

static void a_newer_format_is_left_alone(void **state)
{
	static const struct {
		unsigned int at;
		uint8_t value;
	} signs[] = { { 8, 2 }, { 12, 0x80 }, { 42, 1 }, { 3000, 1 } };
	struct bs bs, back;

	(void)state;
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		bs = both_good();
		create(&bs);
		partition[signs[i].at] = signs[i].value;
		reseal(partition);
		writes = 0;
		assert_int_equal(bs_load(&disk, &ops, &back), BS_OK); /* the other copy */
		assert_int_equal(bs_store(&disk, &back), BS_E_NEWER);
		partition[BS_COPY_OFFSET(1) + signs[i].at] = signs[i].value;
		reseal(partition + BS_COPY_OFFSET(1));
		assert_int_equal(bs_load(&disk, &ops, &back), BS_E_NEWER);
		assert_int_equal(bs_store(&disk, &bs), BS_E_NEWER);
		assert_int_equal(writes, 0);
	}
}

static void sealed_nonsense_is_no_state(void **state)
{
	static const struct {
		unsigned int at;
		uint8_t value;
	} fields[] = {
		{ 40, 2 }, { 41, 2 }, { 64, BS_STATUS_COUNT }, { 64, BS_BAD }, { 65, 16 },
		{ 66, 99 }, { 67, 16 }, { 67, 0 }, { 68, 2 }, { 70, BS_STAGE_COUNT }, { 152, '\n' },
		{ 64 + 152, 0 }, { 64 + 215, 'x' }, { 1408 + 8, 2 }, { 1408 + 9, BS_STAGE_COUNT },
		{ 1408 + 11, BS_END_COUNT }, { 1408 + 16, '\n' }, { 1408 + 79, 'x' }, { 576 + 40, 0x1b },
	};
	struct bs bs = both_good(), back = { .boots = 77 };
	static uint8_t bytes[BS_RECORD_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		bs_encode(&bs, bytes);
		bytes[fields[i].at] = fields[i].value;
		reseal(bytes);
		if (bs_decode(bytes, &back) != BS_E_FIELD)
			fail_msg("byte %u = %u is taken", fields[i].at, fields[i].value);
	}
	assert_int_equal(back.boots, 77);
	/* Only a reason may be unknown: later versions append some. */
	bs_encode(&bs, bytes);
	bytes[71] = 200;
	reseal(bytes);
	assert_int_equal(bs_decode(bytes, &back), BS_OK);
	assert_int_equal(back.slot[0].reason, BS_REASON_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_survives_a_round_trip),
		cmocka_unit_test(every_flipped_bit_falls_to_the_other_copy),
		cmocka_unit_test(nothing_valid_is_lost_and_can_be_rebuilt),
		cmocka_unit_test(stores_alternate_and_count_up_across_the_wrap),
		cmocka_unit_test(a_failed_store_changes_nothing_that_counts),
		cmocka_unit_test(nonsense_and_read_only_disks_are_not_written),
		cmocka_unit_test(a_newer_format_is_left_alone),
		cmocka_unit_test(sealed_nonsense_is_no_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

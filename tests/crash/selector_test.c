/*
 * A newer selector is installed over a recording device: cut at every event with every
 * subset of what was not flushed and the last write torn, cut again while it is repeated, every
 * operation failing. In every state the selector on the ESP starts only bytes that are whole, a
 * good selector stays one, and what was reported done is next.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "install/selector_part.h"
#include "lib/base/blk_record.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "tests/unit/install/selector_fixture.h"

#define NONE 9u
#define KEPT_MAX 4096u /* subsets of one moment */

static uint8_t old_selector[SELECTOR_FIXTURE_BYTES], new_selector[SELECTOR_FIXTURE_BYTES];
static struct err err;
static unsigned long n_states;

static struct selector_part part_of(const uint8_t *bytes, const struct disk_ops *ops)
{
	return (struct selector_part){ .data = bytes, .len = SELECTOR_FIXTURE_BYTES, .state = ops };
}

static int install(struct blk *b, const uint8_t *bytes)
{
	struct disk_ops ops = blk_disk_ops(b);
	struct selector_part part = part_of(bytes, &ops);

	err_init(&err);
	return selector_part_install(&part, &err);
}

static void load(struct blk *b, struct bs *ret)
{
	static struct bs_disk disk;
	struct disk_ops ops = blk_disk_ops(b);

	assert_int_equal(bs_load(&disk, &ops, ret), BS_OK);
}

static void store(struct blk *b, struct bs *bs)
{
	static struct bs_disk disk;
	struct disk_ops ops = blk_disk_ops(b);
	struct bs old;

	assert_int_equal(bs_load(&disk, &ops, &old), BS_OK);
	assert_int_equal(bs_store(&disk, bs), BS_OK);
}

/* The boot of a good slot a, confirmed, started through what is next. */
static void boot_and_confirm(struct blk *b)
{
	struct bs bs;
	unsigned area;

	load(b, &bs);
	bs_selector_close(&bs);
	if (bs_selector_choose(&bs, 0, &area))
		assert_int_equal(bs_selector_count_start(&bs, area), BS_OK);
	assert_int_equal(bs_count_start(&bs, 0), BS_OK);
	assert_int_equal(bs_confirm(&bs, 0), BS_OK);
	store(b, &bs);
}

/* A machine that runs; @good: through a good selector, the old one. */
static struct blk *machine(bool good)
{
	struct slotdesc d = { .uki_bytes = 1000, .name = "demo", .version = "1", .root_hash = { 1 } };
	static struct bs_disk disk;
	struct disk_ops ops;
	struct blk *b;
	struct bs bs;

	assert_int_equal(blk_new_record(BS_PARTITION_BYTES, &b), 0);
	ops = blk_disk_ops(b);
	assert_int_equal(bs_init_fresh(&d, 3, &bs), BS_OK);
	assert_int_equal(bs_create(&disk, &ops, &bs), BS_OK);
	boot_and_confirm(b);
	if (good) {
		assert_int_equal(install(b, old_selector), 0);
		boot_and_confirm(b);
		load(b, &bs);
		assert_int_equal(bs.selectors.area[bs.selectors.first].status, BS_SELECTOR_GOOD);
	}
	blk_record_restart(b);
	return b;
}

/* Which selector lies whole in @area, told by its record: 0 the old one, 1 the new one. */
static unsigned whole(const uint8_t *bytes, const struct bs_selector *s, unsigned area)
{
	const uint8_t *at = bytes + BS_SELECTOR_OFFSET(area);
	uint8_t sha[32];

	digest_bytes(at, s->image.bytes, sha);
	if (memcmp(sha, s->image.sha256, 32))
		return NONE;
	return memcmp(at, new_selector, SELECTOR_FIXTURE_BYTES) == 0;
}

/*
 * What the anchor would do with @bytes, and after each failure: all it names is whole. The new
 * one comes first when it is @done; of two the last is the good one, if there was a @good one.
 */
static void check(const uint8_t *bytes, bool good, bool done)
{
	unsigned failed = 0, area, first = NONE, last = NONE;
	struct blk *b;
	struct bs bs;

	n_states++;
	assert_int_equal(blk_new_memory(BS_PARTITION_BYTES, &b), 0);
	memcpy(blk_memory(b), bytes, BS_PARTITION_BYTES);
	load(b, &bs);
	bs_selector_close(&bs);
	while (bs_selector_choose(&bs, failed, &area)) {
		last = whole(bytes, &bs.selectors.area[area], area);
		assert_int_not_equal(last, NONE);
		if (first == NONE)
			first = last;
		failed |= 1u << area;
	}
	if (good)
		assert_int_equal(last, 0);
	if (done)
		assert_int_equal(first, 1);
	/* And a slot boots in any case. */
	assert_int_equal(bs_choose(&bs, 0, 0, &area), BS_OK);
	assert_true(bs_slot_good(&bs, area));
	blk_free(b);
}

/* Every subset of the writes under way, or where those are too many, a fixed sample. */
static uint64_t subset(uint64_t i, size_t pending)
{
	if (pending < 63 && UINT64_C(1) << pending <= KEPT_MAX)
		return i;
	return i * UINT64_C(0x9e3779b97f4a7c15) >> (64 - (pending < 63 ? pending : 63));
}

static void cut_everywhere(struct blk *b, bool good, size_t reported)
{
	uint8_t *bytes = malloc(BS_PARTITION_BYTES);
	const struct blk_event *events;
	size_t n_events;

	assert_non_null(bytes);
	events = blk_record_events(b, &n_events);
	for (size_t n = 0; n <= n_events; n++) {
		size_t pending = blk_record_unflushed(b, n);

		for (uint64_t i = 0; i < KEPT_MAX && i < UINT64_C(1) << pending; i++) {
			blk_record_cut(b, n, subset(i, pending), SIZE_MAX, bytes);
			check(bytes, good, n >= reported);
		}
		for (size_t torn = 0; pending && torn < events[n - 1].len; torn += 61) {
			blk_record_cut(b, n, UINT64_MAX, torn, bytes);
			check(bytes, good, n >= reported);
		}
	}
	free(bytes);
}

static void a_cut_leaves_whole_selectors_and_a_good_one(void **state)
{
	(void)state;
	for (unsigned good = 0; good < 2; good++) {
		struct blk *b = machine(good);
		size_t reported;

		n_states = 0;
		assert_int_equal(install(b, new_selector), 0);
		blk_record_events(b, &reported);
		cut_everywhere(b, good, reported);
		print_message("%lu states\n", n_states);
		assert_true(n_states > 1000);
		blk_free(b);
	}
}

/* It was cut once already; the same install again is cut as well. */
static void a_cut_while_it_is_repeated_does_not_matter_either(void **state)
{
	uint8_t *bytes = malloc(BS_PARTITION_BYTES);
	struct blk *b = machine(true);
	size_t n_events;

	(void)state;
	assert_non_null(bytes);
	n_states = 0;
	assert_int_equal(install(b, new_selector), 0);
	blk_record_events(b, &n_events);
	for (size_t n = 0; n < n_events; n += 3) {
		struct blk *again;
		size_t reported;

		blk_record_cut(b, n, 0x5555555555555555, 1000, bytes);
		assert_int_equal(blk_new_record(BS_PARTITION_BYTES, &again), 0);
		memcpy(blk_record_bytes(again), bytes, BS_PARTITION_BYTES);
		blk_record_restart(again);
		assert_int_equal(install(again, new_selector), 0);
		blk_record_events(again, &reported);
		cut_everywhere(again, true, reported);
		blk_free(again);
	}
	print_message("%lu states\n", n_states);
	blk_free(b);
	free(bytes);
}

static void every_failing_operation_is_told_and_leaves_what_was(void **state)
{
	static const enum blk_fault faults[] = { BLK_FAULT_READ, BLK_FAULT_WRITE, BLK_FAULT_FLUSH };
	unsigned told = 0;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (unsigned nth = 0; nth < 20; nth++) {
			for (unsigned sticky = 0; sticky < 2; sticky++) {
				struct blk *b = machine(true);
				int r;

				blk_record_fail(b, faults[i], nth, sticky);
				r = install(b, new_selector);
				told += r != 0;
				assert_true(!r || err.text[0]);
				blk_record_fail(b, BLK_FAULT_NONE, 0, false);
				check(blk_record_bytes(b), true, r == 0);
				r = install(b, new_selector);
				assert_true(r == 0 || r == SELECTOR_PART_SAME);
				check(blk_record_bytes(b), true, true);
				blk_free(b);
			}
		}
	}
	assert_true(told > 20);
}

static int setup(void **state)
{
	(void)state;
	selector_fixture(old_selector, "1.0");
	selector_fixture(new_selector, "2.0");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cut_leaves_whole_selectors_and_a_good_one),
		cmocka_unit_test(a_cut_while_it_is_repeated_does_not_matter_either),
		cmocka_unit_test(every_failing_operation_is_told_and_leaves_what_was),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}

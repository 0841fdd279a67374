/*
 * The promise of a factory reset through power cuts: made and taken back beside a
 * boot state, cut at every event, the last write torn at every byte. Early init
 * then finds the promise or none, never another one, and the boot state is whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/blk_record.h"
#include "lib/core/bootstate.h"
#include "update/promise.h"

static struct bs_disk disk;
static uint8_t cut[BS_PARTITION_BYTES];

static int cut_read(void *ctx, uint64_t offset_bytes, void *data, size_t len)
{
	(void)ctx;
	memcpy(data, cut + offset_bytes, len);
	return 0;
}

static const struct disk_ops cut_ops = { .read = cut_read };

static struct blk *new_device(struct bs *bs)
{
	struct slotdesc d = { .uki_bytes = 1000, .name = "demo", .version = "1" };
	struct disk_ops ops;
	struct blk *b;

	assert_int_equal(blk_new_record(BS_PARTITION_BYTES, &b), 0);
	ops = blk_disk_ops(b);
	assert_int_equal(bs_init_fresh(&d, 3, bs), BS_OK);
	assert_int_equal(bs_create(&disk, &ops, bs), BS_OK);
	return b;
}

/* Whatever the cut left is @before or @after; the boot state is there in any case. */
static unsigned check_cut(enum promise before, enum promise after)
{
	struct bs_disk again;
	enum promise found;
	struct bs bs;

	assert_int_equal(promise_read(&cut_ops, &found), 0);
	if (found != before && found != after)
		fail_msg("the cut left promise %d", found);
	assert_int_equal(bs_load(&again, &cut_ops, &bs), BS_OK);
	assert_string_equal(bs.slot[0].image.version, "1");
	return found == after;
}

/* Store @after over @before, and look at everything a cut may leave. */
static void cut_everywhere(enum promise before, enum promise after)
{
	struct bs bs;
	struct blk *b = new_device(&bs);
	struct disk_ops ops = blk_disk_ops(b);
	unsigned n_after = 0, n_before = 0;
	size_t n;

	if (before != PROMISE_NONE)
		assert_int_equal(promise_store(&ops, before), 0);
	blk_record_restart(b);
	assert_int_equal(promise_store(&ops, after), 0);
	blk_record_events(b, &n);
	assert_int_equal(n, 2); /* one write, one flush */
	for (size_t torn = 0; torn <= BS_PROMISE_BYTES; torn++) {
		blk_record_cut(b, 1, 1, torn, cut);
		if (check_cut(before, after))
			n_after++;
		else
			n_before++;
	}
	/* The sweep saw both, and once it is flushed only the new one is left. */
	assert_true(n_after > 0 && n_before > 0);
	blk_record_cut(b, n, 0, SIZE_MAX, cut);
	assert_int_equal(check_cut(after, after), 1);
	blk_free(b);
}

static void a_promise_is_there_or_it_is_not(void **state)
{
	(void)state;
	cut_everywhere(PROMISE_NONE, PROMISE_RESET);
}

/*
 * A torn taking back may leave the promise or none. Where the first bytes are gone the text is
 * not recognised any more, which is what was wanted.
 */
static void taking_it_back_leaves_it_or_none(void **state)
{
	(void)state;
	cut_everywhere(PROMISE_RESET, PROMISE_NONE);
}

/* The n-th operation fails, for every n: the caller hears of it, and the boot state is whole. */
static void a_failed_operation_is_reported(void **state)
{
	static const enum blk_fault faults[] = { BLK_FAULT_WRITE, BLK_FAULT_FLUSH, BLK_FAULT_READ };

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct bs bs;
		struct blk *b = new_device(&bs);
		struct disk_ops ops = blk_disk_ops(b);

		blk_record_fail(b, faults[i], 0, false);
		assert_int_equal(promise_store(&ops, PROMISE_RESET), -5);
		memcpy(cut, blk_record_bytes(b), sizeof(cut));
		check_cut(PROMISE_NONE, PROMISE_RESET);
		assert_int_equal(promise_store(&ops, PROMISE_RESET), 0);
		blk_free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_promise_is_there_or_it_is_not),
		cmocka_unit_test(taking_it_back_leaves_it_or_none),
		cmocka_unit_test(a_failed_operation_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

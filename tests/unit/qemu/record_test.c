/* The boots that were seen, and the starts that the machine wrote down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "qemu/record.h"

static const struct slotdesc image = { .uki_bytes = 1, .name = "w", .version = "1.0", .root_hash = { 1 } };

static void fresh(struct bs *bs)
{
	assert_int_equal(bs_init_fresh(&image, 3, bs), BS_OK);
}

static void start(struct bs *bs, unsigned slot)
{
	assert_int_equal(bs_count_start(bs, slot), BS_OK);
}

static void starts_belong_to_the_boot_that_counted_them(void **state)
{
	struct record r = { 0 };
	struct bs bs;

	(void)state;
	fresh(&bs);
	bs.slot[1] = bs.slot[0];
	record_begin(&r, &bs, false);
	start(&bs, 0);
	assert_int_equal(bs_mark_bad(&bs, 0, BS_REASON_UKI_HASH), BS_OK);
	start(&bs, 1);
	record_begin(&r, &bs, false);
	start(&bs, 1);
	assert_int_equal(bs_set_stage(&bs, BS_STAGE_VERITY), BS_OK);
	record_look(&r, &bs);

	assert_int_equal(r.n, 2);
	assert_int_equal(r.boot[0].n, 2);
	assert_int_equal(r.boot[0].start[0].slot, 0);
	assert_int_equal(r.boot[0].start[0].reason, BS_REASON_UKI_HASH);
	assert_int_equal(r.boot[0].start[1].slot, 1);
	/* It stopped without a word; the boot after it wrote that down. */
	assert_int_equal(r.boot[0].start[1].reason, BS_REASON_NO_VERDICT);
	assert_int_equal(r.boot[1].n, 1);
	assert_int_equal(r.boot[1].start[0].number, 3);
	assert_int_equal(r.boot[1].start[0].stage, BS_STAGE_VERITY);
	assert_int_equal(r.boot[1].start[0].reason, BS_REASON_NONE);
	assert_string_equal(r.boot[1].start[0].version, "1.0");
}

static void a_boot_without_a_start_has_none(void **state)
{
	struct record r = { 0 };
	struct bs bs;

	(void)state;
	fresh(&bs);
	record_begin(&r, &bs, false);
	record_begin(&r, &bs, false);
	start(&bs, 0);
	record_look(&r, &bs);
	record_look(&r, &bs);
	assert_int_equal(r.boot[0].n, 0);
	assert_int_equal(r.boot[1].n, 1);
}

static void a_lost_state_counts_anew(void **state)
{
	struct record r = { 0 };
	struct bs bs;

	(void)state;
	fresh(&bs);
	start(&bs, 0); /* before the lab */
	record_begin(&r, &bs, false);
	start(&bs, 0);
	record_begin(&r, NULL, true); /* both copies were damaged in between */
	bs_rebuild(&image, NULL, &bs);
	start(&bs, 0);
	record_look(&r, &bs);
	/* Number 1 is the second boot's now; of the first nothing was read in time. */
	assert_int_equal(r.boot[0].n, 0);
	assert_int_equal(r.boot[1].n, 1);
	assert_int_equal(r.boot[1].start[0].number, 1);

	/* Lost and rebuilt within the boot: the counter has gone back. */
	for (unsigned i = 0; i < 3; i++)
		start(&bs, 0);
	record_begin(&r, &bs, false);
	assert_int_equal(r.boot[1].n, RECORD_STARTS_MAX);
	bs_rebuild(&image, NULL, &bs);
	start(&bs, 0);
	assert_int_equal(bs_confirm(&bs, 0), BS_OK);
	record_look(&r, &bs);
	assert_int_equal(r.boot[1].start[0].stage, BS_STAGE_SELECTED);
	assert_int_equal(r.boot[2].n, 1);
	assert_int_equal(r.boot[2].start[0].stage, BS_STAGE_CONFIRMED);
}

static void a_state_that_cannot_be_found_is_not_lost(void **state)
{
	struct record r = { 0 };
	struct bs bs;

	(void)state;
	fresh(&bs);
	start(&bs, 0); /* before the lab */
	record_begin(&r, NULL, false); /* nothing was ever read */
	record_begin(&r, &bs, false);
	start(&bs, 0);
	record_begin(&r, NULL, false); /* the partition table is damaged: nothing is counted */
	record_begin(&r, &bs, false); /* and repaired */
	start(&bs, 0);
	record_look(&r, &bs);
	assert_int_equal(r.boot[1].n, 1);
	assert_int_equal(r.boot[1].start[0].number, 2);
	assert_int_equal(r.boot[2].n, 0);
	assert_int_equal(r.boot[3].n, 1);
	assert_int_equal(r.boot[3].start[0].number, 3);
	assert_int_equal(r.boot[0].n, 0);
}

static void no_more_is_kept_than_of_the_timeline(void **state)
{
	struct record r = { 0 };
	struct bs bs;

	(void)state;
	fresh(&bs);
	for (unsigned i = 0; i < TIMELINE_BOOTS_MAX + 3; i++) {
		record_begin(&r, &bs, false);
		for (unsigned k = 0; k < (i == TIMELINE_BOOTS_MAX + 2 ? RECORD_STARTS_MAX + 1 : 1); k++)
			start(&bs, 0);
	}
	record_look(&r, &bs);
	assert_int_equal(r.n, TIMELINE_BOOTS_MAX);
	assert_int_equal(r.dropped, 3);
	assert_int_equal(r.boot[0].start[0].number, 4);
	/* Of too many starts in one boot the newest stay. */
	assert_int_equal(r.boot[r.n - 1].n, RECORD_STARTS_MAX);
	assert_int_equal(r.boot[r.n - 1].start[RECORD_STARTS_MAX - 1].number, bs.boots);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_belong_to_the_boot_that_counted_them),
		cmocka_unit_test(a_boot_without_a_start_has_none),
		cmocka_unit_test(a_lost_state_counts_anew),
		cmocka_unit_test(a_state_that_cannot_be_found_is_not_lost),
		cmocka_unit_test(no_more_is_kept_than_of_the_timeline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

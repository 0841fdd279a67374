/* What counts as a fallback, told from boot states made by the rules themselves. */
#include "update/fallback.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/core/bootstate_fixture.h"

static struct fallback f;

static void reached(struct bs *bs, unsigned want, enum bs_stage stage)
{
	assert_int_equal(boot(bs), want);
	assert_int_equal(bs_set_stage(bs, stage), BS_OK);
}

/* a good, b a trial that failed three times in three ways, a again. */
static struct bs fell_back(void)
{
	struct bs bs = updated();

	reached(&bs, 1, BS_STAGE_USERSPACE);
	bs_mark_failed(&bs, 1, BS_REASON_HEALTH);
	reached(&bs, 1, BS_STAGE_KERNEL);
	reached(&bs, 1, BS_STAGE_ROOT);
	bs_mark_failed(&bs, 1, BS_REASON_STATE);
	assert_int_equal(boot(&bs), 0);
	return bs;
}

static void a_failed_trial_is_told_whole(void **state)
{
	struct bs bs = fell_back();

	(void)state;
	memset(&f, 0xff, sizeof(f));
	assert_true(fallback_find(&bs, &f));
	assert_int_equal(f.slot, 1);
	assert_string_equal(f.version, "C");
	assert_int_equal(f.stage, BS_STAGE_ROOT);
	assert_int_equal(f.reason, BS_REASON_STATE);
	assert_int_equal(f.boot, 4);
	assert_int_equal(f.boots_ago, 1);
	assert_int_equal(f.failures, 3);
	assert_true(f.still_there);
	assert_true(f.refused);
	assert_false(f.was_good);
	boot(&bs);
	assert_true(fallback_find(&bs, &f));
	assert_int_equal(f.boots_ago, 2);
}

/* The same boot: the selector found the UKI damaged and took the other slot. */
static void a_slot_that_could_not_start_is_a_fallback(void **state)
{
	struct bs bs = updated();

	(void)state;
	assert_int_equal(boot(&bs), 1);
	assert_int_equal(bs_mark_bad(&bs, 1, BS_REASON_UKI_HASH), BS_OK);
	assert_int_equal(boot(&bs), 0);
	assert_true(fallback_find(&bs, &f));
	assert_int_equal(f.stage, BS_STAGE_SELECTED);
	assert_int_equal(f.reason, BS_REASON_UKI_HASH);
	assert_int_equal(f.failures, 1);
	assert_false(f.refused); /* the disk's fault, not the image's */
}

static void a_good_slot_that_later_fails_is_a_fallback(void **state)
{
	struct bs bs = both_good();

	(void)state;
	for (int i = 0; i < 3; i++)
		reached(&bs, 1, BS_STAGE_KERNEL);
	assert_int_equal(boot(&bs), 0);
	assert_true(fallback_find(&bs, &f));
	assert_true(f.was_good);
	assert_true(f.still_there);
	assert_int_equal(f.reason, BS_REASON_NO_VERDICT);
	/* The boot that was confirmed before them relapsed; it belongs to the run. */
	assert_int_equal(f.failures, 4);
}

static void relapses_are_a_fallback(void **state)
{
	struct bs bs = both_good();

	(void)state;
	for (int i = 0; i < 6; i++) {
		assert_int_equal(boot(&bs), 1);
		assert_int_equal(bs_confirm(&bs, 1), BS_OK);
	}
	assert_int_equal(boot(&bs), 0);
	assert_true(fallback_find(&bs, &f));
	assert_int_equal(f.reason, BS_REASON_RELAPSE);
	assert_int_equal(f.stage, BS_STAGE_CONFIRMED);
	assert_int_equal(f.failures, 7);
}

static void an_update_or_a_rollback_is_none(void **state)
{
	struct bs bs = updated();

	(void)state;
	/* b was installed, then the power failed: a's boot ends as a relapse, b is started. */
	assert_int_equal(boot(&bs), 1);
	assert_int_equal(bs.ring[1].reason, BS_REASON_RELAPSE);
	assert_false(fallback_find(&bs, &f));
	/* b fails once, an operator goes back; b still has tries. */
	bs_mark_failed(&bs, 1, BS_REASON_HEALTH);
	assert_int_equal(bs_rollback(&bs, 0), BS_OK);
	assert_int_equal(boot(&bs), 0);
	assert_false(fallback_find(&bs, &f));
	/* Nothing failed at all. */
	bs = both_good();
	bs_end_boot(&bs, 1, BS_END_SHUT_DOWN);
	assert_int_equal(bs_rollback(&bs, 0), BS_OK);
	assert_int_equal(boot(&bs), 0);
	assert_false(fallback_find(&bs, &f));
}

/* The old slot's last boot was cut, and the new version raised the floor above the old one. */
static void a_floor_that_rose_is_none(void **state)
{
	struct bs bs = fresh();
	struct slotdesc d = image(2);

	(void)state;
	d.epoch = 9;
	boot(&bs);
	bs_confirm(&bs, 0);
	assert_int_equal(bs_install_begin(&bs, 1, 0, &d, false), BS_OK);
	assert_int_equal(bs_install_commit(&bs, 1, &d, 3), BS_OK);
	assert_int_equal(boot(&bs), 1);
	assert_int_equal(bs_confirm(&bs, 1), BS_OK);
	assert_false(bs_slot_bootable(&bs, 0));
	assert_false(fallback_find(&bs, &f));
}

static void a_retry_or_a_new_version_ends_the_story(void **state)
{
	struct bs bs = fell_back();

	(void)state;
	assert_int_equal(bs_retry(&bs, 1), BS_OK);
	assert_false(fallback_find(&bs, &f));
	/* Another version in the slot: the failed one is still refused, which is worth telling. */
	bs = fell_back();
	assert_int_equal(bs_confirm(&bs, 0), BS_OK);
	install(&bs, 1, 3);
	assert_true(fallback_find(&bs, &f));
	assert_string_equal(f.version, "C");
	assert_false(f.still_there);
	assert_true(f.refused);
	/* It boots: what runs now was not reached by a fallback. */
	assert_int_equal(boot(&bs), 1);
	assert_false(fallback_find(&bs, &f));
}

static void what_the_ring_has_forgotten_the_slot_remembers(void **state)
{
	struct bs bs = fell_back();

	(void)state;
	for (int i = 0; i < BS_RING_MAX; i++)
		boot(&bs);
	assert_true(fallback_find(&bs, &f));
	assert_int_equal(f.boot, 0);
	assert_string_equal(f.version, "C");
	assert_int_equal(f.stage, BS_STAGE_ROOT);
	assert_int_equal(f.reason, BS_REASON_STATE);
	assert_int_equal(f.failures, 0);
}

static void nothing_is_found_where_nothing_is(void **state)
{
	struct bs bs = fresh();

	(void)state;
	memset(&f, 0x55, sizeof(f));
	assert_false(fallback_find(&bs, &f));
	boot(&bs);
	assert_false(fallback_find(&bs, &f));
	assert_int_equal(f.slot, 0x55555555); /* left alone */
}

static bool odd_boots_have(void *ctx, const struct bs_boot *b)
{
	++*(int *)ctx;
	return b->number % 2;
}

static bool none_has(void *ctx, const struct bs_boot *b)
{
	assert_int_equal(b->slot, 1);
	++*(int *)ctx;
	return false;
}

static void the_newest_failed_boot_with_a_log_is_taken(void **state)
{
	struct bs bs = fell_back();
	int asked = 0;

	(void)state;
	assert_true(fallback_find(&bs, &f));
	assert_int_equal(fallback_logged_boot(&bs, &f, odd_boots_have, &asked), 3);
	assert_int_equal(asked, 2);
	asked = 0;
	assert_int_equal(fallback_logged_boot(&bs, &f, none_has, &asked), 0);
	assert_int_equal(asked, 3); /* the boots of slot a before are not asked for */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failed_trial_is_told_whole),
		cmocka_unit_test(a_slot_that_could_not_start_is_a_fallback),
		cmocka_unit_test(a_good_slot_that_later_fails_is_a_fallback),
		cmocka_unit_test(relapses_are_a_fallback),
		cmocka_unit_test(an_update_or_a_rollback_is_none),
		cmocka_unit_test(a_floor_that_rose_is_none),
		cmocka_unit_test(a_retry_or_a_new_version_ends_the_story),
		cmocka_unit_test(what_the_ring_has_forgotten_the_slot_remembers),
		cmocka_unit_test(nothing_is_found_where_nothing_is),
		cmocka_unit_test(the_newest_failed_boot_with_a_log_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

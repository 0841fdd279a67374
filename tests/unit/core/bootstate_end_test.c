/* How boots end, what is found out about them later, and failed images tried again. */
#include "lib/core/bootstate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/core/bootstate_fixture.h"

static void a_system_that_panics_after_each_confirm_is_left(void **state)
{
	struct bs bs = both_good();

	(void)state;
	/* The boot both_good() ends in was confirmed and had not settled either. */
	for (unsigned int i = 1; i < 6; i++) {
		assert_int_equal(boot(&bs), 1);
		assert_int_equal(bs.ring[1].reason, BS_REASON_RELAPSE);
		assert_int_equal(bs.slot[1].relapses, i);
		assert_int_equal(bs_confirm(&bs, 1), BS_OK);
	}
	/* Counted when the next start is: the sixth relapse takes the slot out of the line. */
	assert_int_equal(boot(&bs), 1);
	assert_int_equal(bs.slot[1].relapses, 6);
	assert_int_equal(boot(&bs), 0);
	assert_true(bs_slot_good(&bs, 1));
	assert_false(bs_slot_bootable(&bs, 1));
	assert_int_equal(bs_confirm(&bs, 0), BS_OK);
	assert_int_equal(boot(&bs), 0);
	/* An operator who wants it back gives it all its chances. */
	assert_int_equal(bs_rollback(&bs, 1), BS_OK);
	assert_int_equal(bs.slot[1].relapses, 0);
	assert_int_equal(boot(&bs), 1);
}

static void a_boot_that_settles_forgives_relapses(void **state)
{
	struct bs bs = both_good();

	(void)state;
	for (unsigned int i = 0; i < 5; i++) {
		boot(&bs);
		bs_confirm(&bs, 1);
	}
	assert_int_equal(bs.slot[1].relapses, 5);
	assert_int_equal(bs_end_boot(&bs, 1, BS_END_SETTLED), BS_OK);
	assert_int_equal(bs.slot[1].relapses, 0);
	/* Settled, then the power is cut: no relapse. */
	assert_int_equal(boot(&bs), 1);
	assert_int_equal(bs.ring[1].reason, BS_REASON_NONE);
	assert_int_equal(bs.ring[1].end, BS_END_SETTLED);
	assert_int_equal(bs.slot[1].relapses, 0);
	bs_confirm(&bs, 1);
	/* Shut down in order before it settled: no relapse either. */
	assert_int_equal(bs_end_boot(&bs, 1, BS_END_SHUT_DOWN), BS_OK);
	assert_int_equal(bs_end_boot(&bs, 1, BS_END_SETTLED), BS_OK);
	assert_int_equal(bs.ring[0].end, BS_END_SHUT_DOWN);
	assert_int_equal(boot(&bs), 1);
	assert_int_equal(bs.ring[1].reason, BS_REASON_NONE);
}

static void only_a_confirmed_boot_settles(void **state)
{
	struct bs bs = updated();
	struct slotdesc d = image(2);

	(void)state;
	assert_int_equal(boot(&bs), 1);
	assert_int_equal(bs_end_boot(&bs, 0, BS_END_SETTLED), BS_E_SLOT);
	assert_int_equal(bs_end_boot(&bs, 1, BS_END_SETTLED), BS_E_STATUS);
	assert_int_equal(bs.ring[0].end, BS_END_UNKNOWN);
	/* Shut down while it was waited for: known, counted, and not the image's fault. */
	assert_int_equal(bs_end_boot(&bs, 1, BS_END_SHUT_DOWN), BS_OK);
	assert_int_equal(boot(&bs), 1);
	assert_int_equal(bs.ring[1].reason, BS_REASON_SHUT_DOWN);
	assert_int_equal(bs.slot[1].tries_left, 1);
	assert_int_equal(bs_end_boot(&bs, 1, BS_END_SHUT_DOWN), BS_OK);
	assert_int_equal(boot(&bs), 1);
	assert_int_equal(bs_end_boot(&bs, 1, BS_END_SHUT_DOWN), BS_OK);
	assert_int_equal(boot(&bs), 0);
	assert_int_equal(bs.slot[1].status, BS_BAD);
	assert_false(bs_is_refused(&bs, d.root_hash, NULL));
}

static void what_is_found_later_explains_the_boot_before(void **state)
{
	struct bs bs = updated();
	struct slotdesc d = image(2);
	enum bs_reason reason;
	uint64_t number = 0;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		boot(&bs);
		bs_set_stage(&bs, BS_STAGE_USERSPACE);
	}
	assert_int_equal(boot(&bs), 0);
	assert_true(bs_is_refused(&bs, d.root_hash, &reason));
	assert_int_equal(reason, BS_REASON_NO_VERDICT);
	assert_true(bs_explain_previous(&bs, BS_REASON_PANIC, &number));
	assert_int_equal(number, bs.boots - 1);
	assert_int_equal(bs.ring[1].reason, BS_REASON_PANIC);
	assert_int_equal(bs.ring[0].reason, BS_REASON_NONE);
	assert_int_equal(bs.ring[2].reason, BS_REASON_NO_VERDICT);
	assert_int_equal(bs.slot[1].reason, BS_REASON_PANIC);
	assert_true(bs_is_refused(&bs, d.root_hash, &reason));
	assert_int_equal(reason, BS_REASON_PANIC);
	/* What is explained stays explained. */
	assert_false(bs_explain_previous(&bs, BS_REASON_WATCHDOG, &number));
	assert_int_equal(bs.ring[1].reason, BS_REASON_PANIC);
}

static void damage_found_later_takes_the_refusal_back(void **state)
{
	struct bs bs = updated();
	struct slotdesc d = image(2);
	uint64_t number;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		boot(&bs);
		bs_set_stage(&bs, BS_STAGE_VERITY);
	}
	assert_int_equal(boot(&bs), 0);
	assert_true(bs_explain_previous(&bs, BS_REASON_VERITY, &number));
	assert_false(bs_is_refused(&bs, d.root_hash, NULL));
	assert_int_equal(bs.slot[1].status, BS_BAD);
}

static void a_start_that_reached_no_kernel_is_no_previous_boot(void **state)
{
	struct bs bs = both_good();
	uint64_t number = 0, panicked;
	unsigned int slot;

	(void)state;
	boot(&bs);
	bs_set_stage(&bs, BS_STAGE_KERNEL);
	panicked = bs.boots;
	boot(&bs);
	bs_mark_bad(&bs, 1, BS_REASON_UKI_HASH);
	assert_int_equal(bs_choose(&bs, 2, 0, &slot), BS_OK);
	assert_int_equal(bs_count_start(&bs, slot), BS_OK);
	assert_true(bs_explain_previous(&bs, BS_REASON_PANIC, &number));
	assert_int_equal(number, panicked);
	assert_int_equal(bs.ring[1].reason, BS_REASON_UKI_HASH);
	assert_int_equal(bs.ring[2].reason, BS_REASON_PANIC);
	/* The slot's own last word is about a later start. */
	assert_int_equal(bs.slot[1].reason, BS_REASON_UKI_HASH);
	bs = fresh();
	assert_false(bs_explain_previous(&bs, BS_REASON_PANIC, &number));
	boot(&bs);
	assert_false(bs_explain_previous(&bs, BS_REASON_PANIC, &number));
}

static void a_failed_trial_is_tried_again_when_told(void **state)
{
	struct bs bs = updated(), good = both_good(), only = fresh();
	struct slotdesc d = image(2);

	(void)state;
	assert_int_equal(bs_retry(&bs, 2), BS_E_SLOT);
	assert_int_equal(bs_retry(&bs, 1), BS_E_STATUS); /* it has tries: nothing failed */
	boot(&bs);
	assert_int_equal(bs_mark_bad(&bs, 1, BS_REASON_HEALTH), BS_OK);
	assert_int_equal(bs_retry(&bs, 1), BS_E_RUNNING);
	boot(&bs);
	assert_int_equal(bs_retry(&bs, 0), BS_E_RUNNING);
	bs.floor = 6;
	assert_int_equal(bs_retry(&bs, 1), BS_E_FLOOR);
	bs.floor = 5;
	assert_int_equal(bs_retry(&bs, 1), BS_OK);
	assert_false(bs_is_refused(&bs, d.root_hash, NULL));
	assert_int_equal(bs.slot[1].tries_left, 3);
	assert_false(bs.slot[1].good);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(boot(&bs), 1);
	assert_int_equal(boot(&bs), 0);
	/* A good slot is gone back to by rollback; an empty one holds nothing. */
	boot(&good);
	assert_int_equal(bs_retry(&good, 0), BS_E_STATUS);
	assert_int_equal(bs_retry(&only, 1), BS_E_STATUS);
}

static void the_ring_and_refusals_name_versions(void **state)
{
	struct bs bs = updated();

	(void)state;
	boot(&bs);
	bs_mark_bad(&bs, 1, BS_REASON_HEALTH);
	boot(&bs);
	assert_string_equal(bs.ring[0].version, "B");
	assert_string_equal(bs.ring[1].version, "C");
	assert_string_equal(bs.refused[0].version, "C");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_system_that_panics_after_each_confirm_is_left),
		cmocka_unit_test(a_boot_that_settles_forgives_relapses),
		cmocka_unit_test(only_a_confirmed_boot_settles),
		cmocka_unit_test(what_is_found_later_explains_the_boot_before),
		cmocka_unit_test(damage_found_later_takes_the_refusal_back),
		cmocka_unit_test(a_start_that_reached_no_kernel_is_no_previous_boot),
		cmocka_unit_test(a_failed_trial_is_tried_again_when_told),
		cmocka_unit_test(the_ring_and_refusals_name_versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

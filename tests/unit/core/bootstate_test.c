/* The boot state's rules one by one. Its record and storage: bootstate_disk_test.c. */
#include "lib/core/bootstate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/core/bootstate_fixture.h"

static void a_fresh_image_boots_a_and_its_first_confirm_makes_it_good(void **state)
{
	struct bs bs = fresh();

	(void)state;
	assert_int_equal(bs.slot[1].status, BS_EMPTY);
	assert_int_equal(bs.slot[0].priority, 1);
	assert_int_equal(bs.slot[0].tries_left, 3);
	assert_false(bs_slot_good(&bs, 0));
	assert_int_equal(boot(&bs), 0);
	assert_false(bs_boot_confirmed(&bs));
	assert_int_equal(bs.slot[0].tries_left, 2);
	assert_int_equal(bs_confirm(&bs, 0), BS_OK);
	assert_true(bs_slot_good(&bs, 0));
	assert_true(bs_boot_confirmed(&bs));
	assert_int_equal(bs.floor, 5);
}

static void a_fresh_image_needs_sensible_tries_and_image(void **state)
{
	struct slotdesc d = image(1);
	struct bs bs = { .boots = 77 };

	(void)state;
	assert_int_equal(bs_init_fresh(&d, 0, &bs), BS_E_FIELD);
	assert_int_equal(bs_init_fresh(&d, BS_TRIES_MAX + 1, &bs), BS_E_FIELD);
	d.uki_bytes = 0;
	assert_int_equal(bs_init_fresh(&d, 3, &bs), BS_E_FIELD);
	assert_int_equal(bs.boots, 77);
}

static void a_trial_that_says_nothing_falls_back_after_exactly_its_tries(void **state)
{
	struct bs bs = updated();
	struct slotdesc d = image(2);
	enum bs_reason reason = BS_REASON_NONE;

	(void)state;
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(boot(&bs), 1);
	assert_int_equal(boot(&bs), 0);
	assert_int_equal(bs.slot[1].status, BS_BAD);
	assert_int_equal(bs.slot[1].reason, BS_REASON_NO_VERDICT);
	assert_true(bs_is_refused(&bs, d.root_hash, &reason));
	assert_int_equal(reason, BS_REASON_NO_VERDICT);
	assert_int_equal(bs.ring[1].slot, 1);
	assert_int_equal(bs.ring[1].reason, BS_REASON_NO_VERDICT);
	assert_int_equal(boot(&bs), 0);
}

static void a_verdict_costs_one_reboot(void **state)
{
	struct bs bs = updated();

	(void)state;
	assert_int_equal(boot(&bs), 1);
	assert_int_equal(bs_set_stage(&bs, BS_STAGE_VERITY), BS_OK);
	assert_int_equal(bs_mark_bad(&bs, 1, BS_REASON_SIGNATURE), BS_OK);
	assert_int_equal(bs.slot[1].status, BS_BAD);
	assert_int_equal(bs.slot[1].stage, BS_STAGE_VERITY);
	assert_int_equal(boot(&bs), 0);
	assert_int_equal(bs.ring[1].reason, BS_REASON_SIGNATURE);
	assert_int_equal(bs.ring[1].stage, BS_STAGE_VERITY);
	assert_int_equal(bs.slot[1].reason, BS_REASON_SIGNATURE);
}

static void damage_of_the_disk_does_not_refuse_the_image(void **state)
{
	struct bs bs = updated();
	struct slotdesc d = image(2);

	(void)state;
	assert_int_equal(boot(&bs), 1);
	assert_int_equal(bs_mark_bad(&bs, 1, BS_REASON_UKI_HASH), BS_OK);
	assert_int_equal(bs.slot[1].status, BS_BAD);
	assert_false(bs_is_refused(&bs, d.root_hash, NULL));
}

static void a_soft_failure_leaves_the_decision_to_the_tries(void **state)
{
	struct bs bs = updated();

	(void)state;
	assert_int_equal(boot(&bs), 1);
	assert_int_equal(bs_mark_failed(&bs, 1, BS_REASON_HEALTH), BS_OK);
	assert_int_equal(boot(&bs), 1);
	assert_int_equal(boot(&bs), 1);
	assert_int_equal(bs_mark_failed(&bs, 1, BS_REASON_HEALTH), BS_OK);
	assert_int_equal(boot(&bs), 0);
	assert_int_equal(bs.slot[1].reason, BS_REASON_HEALTH);
}

static void a_good_slot_that_breaks_later_falls_back_and_stays_good(void **state)
{
	struct bs bs = both_good();

	(void)state;
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(boot(&bs), 1);
	assert_int_equal(boot(&bs), 0);
	assert_true(bs_slot_good(&bs, 1));
	assert_int_equal(bs_confirm(&bs, 0), BS_OK);
	assert_int_equal(boot(&bs), 0);
	/* When nothing is in good standing they take turns; never halt. */
	for (unsigned int i = 0; i < 2; i++)
		boot(&bs);
	assert_int_equal(bs.slot[0].unconfirmed, 3);
	for (unsigned int i = 0; i < 600; i++)
		assert_int_equal(boot(&bs), i % 2 ? 0 : 1);
	assert_int_equal(bs.slot[0].unconfirmed, 255);
	assert_int_equal(bs_confirm(&bs, 0), BS_OK);
	assert_int_equal(bs.slot[0].unconfirmed, 0);
	assert_int_equal(boot(&bs), 0);
}

static void a_good_slot_marked_bad_steps_back_but_stays_good(void **state)
{
	struct bs bs = both_good();

	(void)state;
	assert_int_equal(boot(&bs), 1);
	assert_int_equal(bs_mark_bad(&bs, 1, BS_REASON_VERITY), BS_OK);
	assert_int_equal(bs.slot[1].status, BS_READY);
	assert_true(bs_slot_good(&bs, 1));
	assert_int_equal(boot(&bs), 0);
}

static void the_only_slot_boots_again_whatever_happened(void **state)
{
	struct bs bs = fresh();

	(void)state;
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(boot(&bs), 0);
	assert_int_equal(bs_mark_bad(&bs, 0, BS_REASON_HEALTH), BS_OK);
	assert_int_equal(bs.slot[0].status, BS_READY);
	assert_int_equal(boot(&bs), 0);
}

static void what_failed_in_this_boot_is_left_out(void **state)
{
	struct bs bs = both_good();
	unsigned int slot = 99;

	(void)state;
	assert_int_equal(bs_choose(&bs, 2, 0, &slot), BS_OK);
	assert_int_equal(slot, 0);
	assert_int_equal(bs_choose(&bs, 3, 0, &slot), BS_E_NO_SLOT);
	assert_int_equal(slot, 0);
}

static void what_cannot_be_counted_is_no_trial(void **state)
{
	struct bs bs = updated(), none = fresh();
	unsigned int slot = 99;

	(void)state;
	assert_int_equal(bs_set_oneshot(&bs, 1), BS_OK);
	assert_int_equal(bs_choose(&bs, 0, BS_CHOOSE_UNCOUNTED, &slot), BS_OK);
	assert_int_equal(slot, 0);
	assert_int_equal(bs_choose(&none, 0, BS_CHOOSE_UNCOUNTED, &slot), BS_E_NO_SLOT);
	none.rebuilt = true;
	assert_int_equal(bs_choose(&none, 0, BS_CHOOSE_UNCOUNTED, &slot), BS_OK);
}

static void a_one_shot_is_for_one_start(void **state)
{
	struct bs bs = both_good();

	(void)state;
	assert_int_equal(bs_set_oneshot(&bs, 0), BS_OK);
	assert_int_equal(boot(&bs), 0);
	assert_int_equal(bs.oneshot, BS_SLOT_NONE);
	assert_int_equal(boot(&bs), 1);
	assert_int_equal(bs_set_oneshot(&bs, 2), BS_E_SLOT);
	bs.slot[0].status = BS_BAD;
	assert_int_equal(bs_set_oneshot(&bs, 0), BS_E_STATUS);
	assert_int_equal(bs_set_oneshot(&bs, BS_SLOT_NONE), BS_OK);
}

static void only_the_running_slot_can_be_confirmed(void **state)
{
	struct bs bs = updated(), before;

	(void)state;
	assert_int_equal(boot(&bs), 1);
	before = bs;
	assert_int_equal(bs_confirm(&bs, 0), BS_E_SLOT);
	assert_int_equal(bs_confirm(&bs, 2), BS_E_SLOT);
	assert_int_equal(bs_confirm(&bs, BS_SLOT_NONE), BS_E_SLOT);
	assert_int_equal(bs_mark_failed(&bs, 0, BS_REASON_HEALTH), BS_E_SLOT);
	assert_int_equal(bs_mark_bad(&bs, 0, BS_REASON_HEALTH), BS_E_SLOT);
	assert_int_equal(bs_set_stage(&bs, BS_STAGE_CONFIRMED), BS_E_SLOT);
	assert_memory_equal(&bs, &before, sizeof(bs));
}

static void the_running_slot_is_told_by_its_root_hash(void **state)
{
	struct bs bs = updated();
	struct slotdesc a = image(1), b = image(2);
	unsigned int slot = 99;

	(void)state;
	assert_int_equal(boot(&bs), 1);
	/* a runs although b was counted: an uncounted start. */
	assert_int_equal(bs_running_slot(&bs, a.root_hash, &slot), BS_E_SLOT);
	assert_int_equal(slot, 99);
	assert_int_equal(bs_running_slot(&bs, b.root_hash, &slot), BS_OK);
	assert_int_equal(slot, 1);
}

static void stages_only_advance(void **state)
{
	struct bs bs = fresh();

	(void)state;
	assert_int_equal(bs_set_stage(&bs, BS_STAGE_KERNEL), BS_E_SLOT);
	boot(&bs);
	assert_int_equal(bs_set_stage(&bs, BS_STAGE_ROOT), BS_OK);
	assert_int_equal(bs_set_stage(&bs, BS_STAGE_KERNEL), BS_OK);
	assert_int_equal(bs.slot[0].stage, BS_STAGE_ROOT);
	assert_int_equal(bs.ring[0].stage, BS_STAGE_ROOT);
}

static void installs_that_would_give_up_too_much_are_refused(void **state)
{
	struct bs unconfirmed = fresh(), bs = updated(), good = both_good();
	struct slotdesc d = image(3);

	(void)state;
	boot(&unconfirmed);
	assert_int_equal(bs_install_check(&unconfirmed, 0, 0, &d, false), BS_E_RUNNING);
	assert_int_equal(bs_install_check(&unconfirmed, 2, 0, &d, false), BS_E_SLOT);
	assert_int_equal(bs_install_check(&unconfirmed, 0, BS_SLOT_NONE, &d, false), BS_E_ONLY_GOOD);
	assert_int_equal(bs_install_check(&unconfirmed, 1, 0, &d, false), BS_OK);
	/* b is on trial and runs: a, the only good slot, stays. */
	boot(&bs);
	assert_int_equal(bs_install_check(&bs, 0, 1, &d, false), BS_E_ONLY_GOOD);
	assert_int_equal(bs_install_check(&bs, 0, BS_SLOT_NONE, &d, false), BS_E_ONLY_GOOD);
	assert_int_equal(bs_confirm(&bs, 1), BS_OK);
	assert_int_equal(bs_install_check(&bs, 0, 1, &d, false), BS_OK);
	/* Good, but not confirmed in this boot: it may have broken since. */
	boot(&good);
	assert_int_equal(bs_install_check(&good, 0, 1, &d, false), BS_E_ONLY_GOOD);
}

static void old_refused_and_malformed_images_are_not_installed(void **state)
{
	struct bs bs = updated(), before;
	struct slotdesc old = image(3), failed = image(2), broken = image(3);

	(void)state;
	boot(&bs);
	assert_int_equal(bs_mark_bad(&bs, 1, BS_REASON_HEALTH), BS_OK);
	boot(&bs);
	assert_int_equal(bs_confirm(&bs, 0), BS_OK);
	before = bs;
	old.epoch = 4;
	broken.version[0] = '\0';
	assert_int_equal(bs_install_begin(&bs, 1, 0, &old, true), BS_E_FLOOR);
	assert_int_equal(bs_install_begin(&bs, 1, 0, &broken, true), BS_E_FIELD);
	assert_int_equal(bs_install_begin(&bs, 1, 0, &failed, false), BS_E_REFUSED);
	assert_memory_equal(&bs, &before, sizeof(bs));
	assert_int_equal(bs_install_begin(&bs, 1, 0, &failed, true), BS_OK);
	bs = before;
	assert_true(bs_forgive(&bs, failed.root_hash));
	assert_false(bs_forgive(&bs, failed.root_hash));
	assert_int_equal(bs_install_begin(&bs, 1, 0, &failed, false), BS_OK);
}

static void a_commit_needs_the_install_that_was_begun(void **state)
{
	struct bs bs = updated();
	struct slotdesc d = image(3), other = image(4);

	(void)state;
	assert_int_equal(bs_install_commit(&bs, 1, &d, 3), BS_E_STATUS);
	assert_int_equal(bs_install_begin(&bs, 1, 0, &d, false), BS_OK);
	assert_int_equal(bs.slot[1].status, BS_WRITING);
	assert_false(bs_slot_bootable(&bs, 1));
	assert_int_equal(bs_install_begin(&bs, 1, 0, &d, false), BS_OK); /* resumed */
	assert_int_equal(bs_install_commit(&bs, 1, &other, 3), BS_E_DIFFERENT);
	assert_int_equal(bs_install_commit(&bs, 1, &d, 0), BS_E_FIELD);
	assert_int_equal(bs_install_commit(&bs, 1, &d, 2), BS_OK);
	assert_int_equal(bs.slot[1].tries_left, 2);
	assert_false(bs.slot[1].good);
	assert_int_equal(boot(&bs), 1);
}

static void rollback_goes_to_good_slots_only(void **state)
{
	struct bs bs = both_good(), trial = updated();

	(void)state;
	assert_int_equal(bs_rollback(&bs, 0), BS_OK);
	assert_int_equal(boot(&bs), 0);
	assert_int_equal(bs_rollback(&trial, 1), BS_E_STATUS);
	assert_int_equal(bs_rollback(&trial, 2), BS_E_SLOT);
	bs.floor = 6;
	assert_int_equal(bs_rollback(&bs, 1), BS_E_FLOOR);
}

static void the_floor_rises_with_confirms_and_never_falls(void **state)
{
	struct bs bs = updated();
	unsigned int slot;

	(void)state;
	bs.slot[1].image.epoch = 9;
	assert_int_equal(boot(&bs), 1);
	assert_int_equal(bs_confirm(&bs, 1), BS_OK);
	assert_int_equal(bs.floor, 9);
	assert_int_equal(bs_choose(&bs, 2, 0, &slot), BS_E_NO_SLOT);
	assert_int_equal(bs_count_start(&bs, 0), BS_E_FLOOR);
	bs.floor = 4;
	assert_int_equal(boot(&bs), 1);
	bs.floor = 20;
	bs.slot[1].image.epoch = 20;
	assert_int_equal(boot(&bs), 1);
	bs.slot[1].image.epoch = 9;
	bs_confirm(&bs, 1);
	assert_int_equal(bs.floor, 20);
}

static void a_lost_state_is_rebuilt_from_descriptors(void **state)
{
	struct slotdesc a = image(1), b = image(2);
	unsigned int slot = 99;
	struct bs bs;

	(void)state;
	b.epoch = 3;
	bs_rebuild(&a, &b, &bs);
	assert_true(bs.rebuilt);
	assert_int_equal(bs.floor, 3);
	for (unsigned int i = 0; i < BS_TRIES_DEFAULT; i++)
		assert_int_equal(boot(&bs), 0);
	assert_int_equal(boot(&bs), 1);
	assert_int_equal(bs_confirm(&bs, 1), BS_OK);
	assert_false(bs.rebuilt);
	bs_rebuild(NULL, &b, &bs);
	assert_int_equal(boot(&bs), 1);
	bs_rebuild(NULL, NULL, &bs);
	assert_int_equal(bs_choose(&bs, 0, 0, &slot), BS_E_NO_SLOT);
	assert_int_equal(slot, 99);
}

static void the_lists_are_bounded_and_newest_first(void **state)
{
	struct bs bs = fresh();
	struct slotdesc d;

	(void)state;
	boot(&bs);
	bs_confirm(&bs, 0);
	for (unsigned int id = 2; id < 14; id++) {
		install(&bs, 1, id);
		assert_int_equal(boot(&bs), 1);
		bs_mark_bad(&bs, 1, BS_REASON_HEALTH);
		assert_int_equal(boot(&bs), 0);
		bs_confirm(&bs, 0);
	}
	d = image(13);
	assert_memory_equal(bs.refused[0].root_hash, d.root_hash, 32);
	d = image(5);
	assert_false(bs_is_refused(&bs, d.root_hash, NULL));
	for (unsigned int i = 0; i < BS_RING_MAX; i++)
		assert_int_equal(bs.ring[i].number, bs.boots - i);
}

static void every_word_is_its_own(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < BS_REASON_COUNT; i++)
		for (unsigned int j = 0; j < i; j++) {
			assert_string_not_equal(bs_reason_name(i), bs_reason_name(j));
			assert_string_not_equal(bs_reason_text(i), bs_reason_text(j));
		}
	for (int i = 0; i <= BS_E_DIFFERENT; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(bs_error_text(i), bs_error_text(j));
	assert_string_equal(bs_stage_name(BS_STAGE_USERSPACE), "userspace");
	assert_string_equal(bs_stage_name(99), "unknown");
	assert_string_equal(bs_status_name(BS_READY), "ready");
	assert_string_equal(bs_slot_name(BS_SLOT_NONE), "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fresh_image_boots_a_and_its_first_confirm_makes_it_good),
		cmocka_unit_test(a_fresh_image_needs_sensible_tries_and_image),
		cmocka_unit_test(a_trial_that_says_nothing_falls_back_after_exactly_its_tries),
		cmocka_unit_test(a_verdict_costs_one_reboot),
		cmocka_unit_test(damage_of_the_disk_does_not_refuse_the_image),
		cmocka_unit_test(a_soft_failure_leaves_the_decision_to_the_tries),
		cmocka_unit_test(a_good_slot_that_breaks_later_falls_back_and_stays_good),
		cmocka_unit_test(a_good_slot_marked_bad_steps_back_but_stays_good),
		cmocka_unit_test(the_only_slot_boots_again_whatever_happened),
		cmocka_unit_test(what_failed_in_this_boot_is_left_out),
		cmocka_unit_test(what_cannot_be_counted_is_no_trial),
		cmocka_unit_test(a_one_shot_is_for_one_start),
		cmocka_unit_test(only_the_running_slot_can_be_confirmed),
		cmocka_unit_test(the_running_slot_is_told_by_its_root_hash),
		cmocka_unit_test(stages_only_advance),
		cmocka_unit_test(installs_that_would_give_up_too_much_are_refused),
		cmocka_unit_test(old_refused_and_malformed_images_are_not_installed),
		cmocka_unit_test(a_commit_needs_the_install_that_was_begun),
		cmocka_unit_test(rollback_goes_to_good_slots_only),
		cmocka_unit_test(the_floor_rises_with_confirms_and_never_falls),
		cmocka_unit_test(a_lost_state_is_rebuilt_from_descriptors),
		cmocka_unit_test(the_lists_are_bounded_and_newest_first),
		cmocka_unit_test(every_word_is_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

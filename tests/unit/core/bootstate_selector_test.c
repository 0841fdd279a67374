/* Newer selectors: when one is started, what makes it good, what becomes of one that fails. */
#include "lib/core/bootstate.h"

#include "tests/unit/core/bootstate_fixture.h"

static struct bs_selector_image selector(unsigned int id)
{
	struct bs_selector_image i = { .bytes = 31000 + id };

	memset(i.sha256, (int)id, sizeof(i.sha256));
	i.version[0] = (char)('0' + id);
	return i;
}

/* Returns the area it went to. */
static unsigned int put(struct bs *bs, unsigned int id)
{
	struct bs_selector_image i = selector(id);
	unsigned int area = 99;

	assert_int_equal(bs_selector_install_begin(bs, &i, false, &area), BS_OK);
	assert_int_equal(bs->selectors.area[area].status, BS_SELECTOR_EMPTY);
	assert_int_equal(bs_selector_install_commit(bs, area, &i), BS_OK);
	return area;
}

#define ANCHOR 7u

/* The anchor starts; what it would start, counted. */
static unsigned int anchor(struct bs *bs)
{
	unsigned int area;

	bs_selector_close(bs);
	if (!bs_selector_choose(bs, 0, &area))
		return ANCHOR;
	assert_int_equal(bs_selector_count_start(bs, area), BS_OK);
	return area;
}

static unsigned int confirmed_boot(struct bs *bs)
{
	unsigned int area = anchor(bs), slot = boot(bs);

	assert_int_equal(bs_confirm(bs, slot), BS_OK);
	return area;
}

static void with_none_the_anchor_boots_by_itself(void **state)
{
	struct bs bs = fresh();
	unsigned int area;

	(void)state;
	assert_false(bs_selector_choose(&bs, 0, &area));
	assert_int_equal(bs_selector_count_start(&bs, 0), BS_E_STATUS);
	assert_int_equal(bs_selector_count_start(&bs, 2), BS_E_SLOT);
	assert_int_equal(bs_selector_failed(&bs, 0, BS_SELECTOR_HASH), BS_E_SLOT);
	assert_int_equal(confirmed_boot(&bs), ANCHOR);
	assert_int_equal(bs.selectors.area[0].status, BS_SELECTOR_EMPTY);
	assert_int_equal(bs.selectors.through, BS_SELECTOR_NONE);
}

static void a_confirmed_boot_makes_good_what_it_was_started_through(void **state)
{
	struct bs bs = fresh();
	unsigned int area = put(&bs, 1);

	(void)state;
	assert_int_equal(anchor(&bs), area);
	assert_int_equal(bs.selectors.area[area].tries_left, BS_SELECTOR_TRIES - 1);
	assert_int_equal(bs.selectors.area[area].status, BS_SELECTOR_TRIAL);
	assert_int_equal(bs_confirm(&bs, boot(&bs)), BS_OK);
	assert_int_equal(bs.selectors.area[area].status, BS_SELECTOR_GOOD);
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(confirmed_boot(&bs), area);
	assert_int_equal(bs.selectors.area[area].reason, BS_SELECTOR_OK);
}

static void a_trial_that_hangs_ends(void **state)
{
	struct bs bs = updated();
	unsigned int area = put(&bs, 1);
	struct bs_selector_image i = selector(1);

	(void)state;
	for (unsigned int n = 0; n < BS_SELECTOR_TRIES; n++) {
		assert_false(n == 0 && bs_selector_to_blame(&bs));
		assert_int_equal(anchor(&bs), area);
		assert_true(bs_selector_to_blame(&bs));
	}
	/* The last try is used up, whether or not somebody closed it. */
	assert_int_equal(bs_selector_count_start(&bs, area), BS_E_STATUS);
	assert_int_equal(confirmed_boot(&bs), ANCHOR);
	assert_false(bs_selector_to_blame(&bs));
	assert_int_equal(bs.selectors.area[area].status, BS_SELECTOR_BAD);
	assert_int_equal(bs.selectors.area[area].reason, BS_SELECTOR_NO_VERDICT);
	assert_int_equal(confirmed_boot(&bs), ANCHOR);
	/* These bytes are not installed again until told. */
	assert_int_equal(bs_selector_install_begin(&bs, &i, false, &area), BS_E_REFUSED);
	assert_int_equal(bs_selector_install_begin(&bs, &i, true, &area), BS_OK);
}

static void a_trial_whose_kernels_are_never_confirmed_ends_and_may_come_back(void **state)
{
	struct bs bs = updated();
	unsigned int area = put(&bs, 1);

	(void)state;
	for (unsigned int n = 0; n < BS_SELECTOR_TRIES; n++) {
		assert_int_equal(anchor(&bs), area);
		assert_int_equal(boot(&bs), 1);
		assert_false(bs_selector_to_blame(&bs));
		assert_int_equal(bs_set_stage(&bs, BS_STAGE_KERNEL), BS_OK);
	}
	assert_int_equal(anchor(&bs), ANCHOR);
	assert_int_equal(bs.selectors.area[area].status, BS_SELECTOR_BAD);
	assert_int_equal(bs.selectors.area[area].reason, BS_SELECTOR_NOT_CONFIRMED);
	/* The image in slot b has a try left without it. */
	assert_int_equal(boot(&bs), 1);
	put(&bs, 1);
}

static void what_fails_at_once_is_bad_and_what_may_pass_is_not(void **state)
{
	static const struct {
		enum bs_selector_reason reason;
		enum bs_selector_status then;
		bool refused;
	} cases[] = {
		{ BS_SELECTOR_READ, BS_SELECTOR_TRIAL, false },
		{ BS_SELECTOR_MEMORY, BS_SELECTOR_TRIAL, false },
		{ BS_SELECTOR_HASH, BS_SELECTOR_BAD, false },
		{ BS_SELECTOR_REFUSED, BS_SELECTOR_BAD, true },
		{ BS_SELECTOR_RETURNED, BS_SELECTOR_BAD, true },
	};

	(void)state;
	for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
		struct bs bs = updated();
		unsigned int area = put(&bs, 1), other;
		struct bs_selector_image i = selector(1);

		assert_int_equal(anchor(&bs), area);
		assert_int_equal(bs_selector_failed(&bs, area, cases[n].reason), BS_OK);
		assert_int_equal(bs.selectors.area[area].status, cases[n].then);
		assert_int_equal(bs.selectors.area[area].reason, cases[n].reason);
		/* This boot goes on without it, and says nothing for it. */
		assert_int_equal(bs_confirm(&bs, boot(&bs)), BS_OK);
		assert_int_equal(bs.selectors.area[area].status, cases[n].then);
		assert_int_equal(bs_selector_install_begin(&bs, &i, false, &other),
				 cases[n].refused ? BS_E_REFUSED : BS_OK);
	}
	/* Of a trial's last try even an I/O error is the end. */
	struct bs bs = updated();
	unsigned int area = put(&bs, 1);

	for (unsigned int n = 0; n < BS_SELECTOR_TRIES; n++) {
		assert_int_equal(anchor(&bs), area);
		assert_int_equal(bs_selector_failed(&bs, area, BS_SELECTOR_READ), BS_OK);
	}
	assert_int_equal(bs.selectors.area[area].status, BS_SELECTOR_BAD);
}

static void behind_a_failed_one_stands_the_older_good_one(void **state)
{
	struct bs bs = fresh();
	unsigned int old = put(&bs, 1), new, area;

	(void)state;
	assert_int_equal(confirmed_boot(&bs), old);
	new = put(&bs, 2);
	assert_int_not_equal(old, new);
	assert_int_equal(anchor(&bs), new);
	/* In the same boot, too. */
	assert_int_equal(bs_selector_failed(&bs, new, BS_SELECTOR_READ), BS_OK);
	assert_true(bs_selector_choose(&bs, 1u << new, &area));
	assert_int_equal(area, old);
	assert_int_equal(anchor(&bs), new);
	assert_int_equal(anchor(&bs), old);
	assert_int_equal(bs_confirm(&bs, boot(&bs)), BS_OK);
	assert_int_equal(bs.selectors.area[new].status, BS_SELECTOR_BAD);
	assert_int_equal(confirmed_boot(&bs), old);
	assert_false(bs_selector_choose(&bs, 3, &area));
}

static void an_install_never_takes_the_good_one(void **state)
{
	struct bs bs = fresh();
	unsigned int first = put(&bs, 1), second;

	(void)state;
	/* Before a trial the empty area is taken. */
	second = put(&bs, 2);
	assert_int_not_equal(first, second);
	assert_int_equal(confirmed_boot(&bs), second);
	assert_int_equal(put(&bs, 3), first);
	/* A trial that waits is worth less than the good one behind it. */
	assert_int_equal(put(&bs, 4), first);
	assert_int_equal(confirmed_boot(&bs), first);
	/* Both good: the older one goes. */
	assert_int_equal(put(&bs, 5), second);
	/* A good one that is out of standing is worth more than a trial, less than a sound one. */
	bs.selectors.area[first].unconfirmed = BS_SELECTOR_UNCONFIRMED_MAX;
	assert_int_equal(put(&bs, 6), second);
	assert_int_equal(confirmed_boot(&bs), second);
	bs.selectors.area[second].unconfirmed = BS_SELECTOR_UNCONFIRMED_MAX;
	bs.selectors.area[first].unconfirmed = 0;
	assert_int_equal(put(&bs, 7), second);
}

static void an_install_that_replaces_what_runs_says_nothing_for_it(void **state)
{
	struct bs bs = fresh();
	unsigned int area = put(&bs, 1), slot, other;

	(void)state;
	other = put(&bs, 2);
	assert_int_equal(anchor(&bs), other);
	slot = boot(&bs);
	bs.selectors.area[area].status = BS_SELECTOR_GOOD;
	assert_int_equal(put(&bs, 3), other);
	assert_int_equal(bs_confirm(&bs, slot), BS_OK);
	assert_int_equal(bs.selectors.area[other].status, BS_SELECTOR_TRIAL);
	/* Nor does a confirm that is said twice, after an install to the other area. */
	assert_int_equal(confirmed_boot(&bs), other);
	area = put(&bs, 4);
	assert_int_equal(bs_confirm(&bs, bs.current), BS_OK);
	assert_int_equal(bs.selectors.area[area].status, BS_SELECTOR_TRIAL);
	assert_int_equal(bs.selectors.area[area].tries_left, BS_SELECTOR_TRIES);
}

static void a_good_one_that_stops_coming_up_is_left_and_tried_again(void **state)
{
	struct bs bs = fresh();
	unsigned int area = put(&bs, 1);

	(void)state;
	assert_int_equal(confirmed_boot(&bs), area);
	for (unsigned int n = 0; n < BS_SELECTOR_UNCONFIRMED_MAX; n++)
		assert_int_equal(anchor(&bs), area);
	assert_int_equal(anchor(&bs), ANCHOR);
	assert_int_equal(bs.selectors.area[area].reason, BS_SELECTOR_NO_VERDICT);
	assert_int_equal(anchor(&bs), ANCHOR);
	assert_int_equal(confirmed_boot(&bs), ANCHOR);
	/* Once. */
	assert_int_equal(anchor(&bs), area);
	assert_int_equal(anchor(&bs), ANCHOR);
	assert_int_equal(bs_confirm(&bs, boot(&bs)), BS_OK);
	assert_int_equal(confirmed_boot(&bs), area);
	assert_int_equal(bs.selectors.area[area].unconfirmed, 0);
}

static void one_that_never_counted_a_slot_is_not_made_good(void **state)
{
	struct bs bs = fresh();
	unsigned int area, slot;

	(void)state;
	assert_int_equal(confirmed_boot(&bs), ANCHOR);
	area = put(&bs, 1);
	slot = bs.current;
	/* It hung; then the state could not be stored, and the anchor's boot is not counted. */
	assert_int_equal(anchor(&bs), area);
	assert_int_equal(bs_set_stage(&bs, BS_STAGE_USERSPACE), BS_OK);
	assert_true(bs_selector_to_blame(&bs));
	assert_int_equal(bs_confirm(&bs, slot), BS_OK);
	assert_int_equal(bs.selectors.area[area].status, BS_SELECTOR_TRIAL);
}

static void what_is_there_already_is_found_and_preferred(void **state)
{
	struct bs bs = fresh();
	unsigned int old = put(&bs, 1), new;
	struct bs_selector_image i = selector(1), other = selector(9);

	(void)state;
	assert_true(bs_selector_holds(&bs, old, &i));
	assert_false(bs_selector_holds(&bs, old, &other));
	assert_false(bs_selector_holds(&bs, 1 - old, &i));
	assert_false(bs_selector_holds(&bs, 2, &i));
	other = i;
	other.bytes++;
	assert_false(bs_selector_holds(&bs, old, &other));
	confirmed_boot(&bs);
	new = put(&bs, 2);
	assert_int_equal(confirmed_boot(&bs), new);
	assert_int_equal(bs_selector_prefer(&bs, old), BS_OK);
	assert_int_equal(anchor(&bs), old);
	bs_selector_failed(&bs, old, BS_SELECTOR_HASH);
	assert_int_equal(bs_selector_prefer(&bs, old), BS_E_STATUS);
	assert_int_equal(bs_selector_prefer(&bs, 2), BS_E_SLOT);
	assert_false(bs_selector_holds(&bs, old, &i));
}

static void an_operator_may_try_a_failed_one_again(void **state)
{
	struct bs bs = fresh(), before;
	unsigned int old = put(&bs, 1), new, area;
	struct bs_selector_image i = selector(2);

	(void)state;
	assert_int_equal(bs_selector_retry(&bs, 2), BS_E_SLOT);
	assert_int_equal(bs_selector_retry(&bs, 1 - old), BS_E_STATUS);
	/* A trial, started and not judged yet, and a good one are no failures. */
	assert_int_equal(bs_selector_retry(&bs, old), BS_E_STATUS);
	assert_int_equal(anchor(&bs), old);
	assert_int_equal(bs_selector_retry(&bs, old), BS_E_RUNNING);
	assert_int_equal(bs_confirm(&bs, boot(&bs)), BS_OK);
	assert_int_equal(bs_selector_retry(&bs, old), BS_E_RUNNING);
	bs_selector_close(&bs);
	before = bs;
	assert_int_equal(bs_selector_retry(&bs, old), BS_E_STATUS);
	assert_memory_equal(&bs, &before, sizeof(bs));

	new = put(&bs, 2);
	assert_int_equal(anchor(&bs), new);
	assert_int_equal(anchor(&bs), new);
	/* Its last try is under way. */
	assert_int_equal(bs_selector_retry(&bs, new), BS_E_RUNNING);
	assert_int_equal(confirmed_boot(&bs), old);
	assert_int_equal(bs.selectors.area[new].status, BS_SELECTOR_BAD);
	bs.selectors.first = (uint8_t)old;
	assert_int_equal(bs_selector_retry(&bs, new), BS_OK);
	assert_int_equal(bs.selectors.area[new].status, BS_SELECTOR_TRIAL);
	assert_int_equal(bs.selectors.area[new].tries_left, BS_SELECTOR_TRIES);
	assert_int_equal(bs.selectors.area[new].unconfirmed, 0);
	assert_int_equal(bs.selectors.area[new].reason, BS_SELECTOR_OK);
	assert_true(bs_selector_holds(&bs, new, &i));
	assert_int_equal(bs.selectors.area[old].status, BS_SELECTOR_GOOD);
	/* Nor is it refused if its version is installed. */
	before = bs;
	assert_int_equal(bs_selector_install_begin(&before, &i, false, &area), BS_OK);
	assert_int_equal(confirmed_boot(&bs), new);
	assert_int_equal(bs.selectors.area[new].status, BS_SELECTOR_GOOD);
}

static void a_good_one_that_was_left_gets_its_starts_back(void **state)
{
	struct bs bs = fresh();
	unsigned int area = put(&bs, 1);

	(void)state;
	assert_int_equal(confirmed_boot(&bs), area);
	for (unsigned int n = 0; n < BS_SELECTOR_UNCONFIRMED_MAX; n++)
		assert_int_equal(anchor(&bs), area);
	assert_int_equal(bs_selector_retry(&bs, area), BS_E_RUNNING);
	assert_int_equal(anchor(&bs), ANCHOR);
	assert_int_equal(bs_selector_retry(&bs, area), BS_OK);
	assert_int_equal(bs.selectors.area[area].status, BS_SELECTOR_GOOD);
	for (unsigned int n = 0; n < BS_SELECTOR_UNCONFIRMED_MAX; n++)
		assert_int_equal(anchor(&bs), area);
	assert_int_equal(anchor(&bs), ANCHOR);
}

static void what_makes_no_sense_is_not_installed(void **state)
{
	struct bs_selector_image good = selector(1), i;
	struct bs bs = fresh();
	unsigned int area;

	(void)state;
	i = good;
	i.bytes = 0;
	assert_int_equal(bs_selector_install_begin(&bs, &i, false, &area), BS_E_FIELD);
	i.bytes = BS_SELECTOR_MAX_BYTES + 1;
	assert_int_equal(bs_selector_install_begin(&bs, &i, false, &area), BS_E_FIELD);
	assert_int_equal(bs_selector_install_commit(&bs, 0, &i), BS_E_FIELD);
	i = good;
	i.version[0] = '\033';
	assert_int_equal(bs_selector_install_begin(&bs, &i, false, &area), BS_E_FIELD);
	assert_int_equal(bs_selector_install_commit(&bs, 2, &good), BS_E_SLOT);
	area = put(&bs, 1);
	assert_int_equal(bs_selector_install_commit(&bs, area, &good), BS_E_STATUS);
}

static void the_record_holds_it_all_and_nothing_that_makes_no_sense(void **state)
{
	static const struct {
		unsigned int offset;
		uint8_t value;
		int r;
	} cases[] = {
		{ 3584, 2, BS_E_FIELD },  { 3585, 3, BS_E_FIELD },  { 3586, 8, BS_E_FIELD },
		{ 3587, 1, BS_E_NEWER },  { 3591, 1, BS_E_NEWER },  { 3592, 4, BS_E_FIELD },
		{ 3592, 0, BS_E_FIELD },  { 3593, 16, BS_E_FIELD }, { 3595, 200, BS_OK },
		{ 3599, 1, BS_E_FIELD },  { 3632, 0, BS_E_FIELD },  { 3696, 1, BS_E_NEWER },
		{ 3703, 1, BS_E_NEWER },  { 3583, 1, BS_E_NEWER },  { 3705, 1, BS_E_FIELD },
	};
	static uint8_t out[BS_RECORD_BYTES];
	struct bs bs = fresh(), again;

	(void)state;
	put(&bs, 1); /* to area 1 */
	put(&bs, 2);
	bs.selectors.area[1] = (struct bs_selector){ 0 };
	assert_int_equal(anchor(&bs), 0);
	boot(&bs);
	bs_encode(&bs, out);
	assert_int_equal(bs_decode(out, &again), BS_OK);
	assert_memory_equal(&again, &bs, sizeof(bs));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bs_encode(&bs, out);
		out[cases[i].offset] = cases[i].value;
		sha256_bytes(out, BS_RECORD_BYTES - 32, out + BS_RECORD_BYTES - 32);
		if (bs_decode(out, &again) != cases[i].r)
			fail_msg("byte %u = %u: %d", cases[i].offset, cases[i].value,
				 bs_decode(out, &again));
	}
	/* What a later kiln adds behind them is kept through every change. */
	bs_encode(&bs, out);
	out[3816] = 7;
	out[4063] = 9;
	sha256_bytes(out, BS_RECORD_BYTES - 32, out + BS_RECORD_BYTES - 32);
	assert_int_equal(bs_decode(out, &again), BS_OK);
	put(&again, 3);
	bs_encode(&again, out);
	assert_int_equal(out[3816], 7);
	assert_int_equal(out[4063], 9);
	/* A reason of a later kiln is still a reason. */
	bs_encode(&bs, out);
	out[3595] = 200;
	sha256_bytes(out, BS_RECORD_BYTES - 32, out + BS_RECORD_BYTES - 32);
	assert_int_equal(bs_decode(out, &again), BS_OK);
	assert_int_equal(again.selectors.area[0].reason, BS_SELECTOR_OTHER);
}

static void every_status_and_reason_has_its_word(void **state)
{
	(void)state;
	for (int i = 0; i < BS_SELECTOR_STATUS_COUNT; i++)
		assert_string_not_equal(bs_selector_status_name((enum bs_selector_status)i), "unknown");
	for (int i = 0; i < BS_SELECTOR_REASON_COUNT; i++) {
		assert_string_not_equal(bs_selector_reason_name((enum bs_selector_reason)i), "unknown");
		assert_string_not_equal(bs_selector_reason_text((enum bs_selector_reason)i), "unknown");
	}
	assert_string_equal(bs_selector_status_name(BS_SELECTOR_STATUS_COUNT), "unknown");
	assert_string_equal(bs_selector_reason_name(BS_SELECTOR_REASON_COUNT), "unknown");
	assert_string_equal(bs_selector_reason_text(BS_SELECTOR_REASON_COUNT), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_none_the_anchor_boots_by_itself),
		cmocka_unit_test(a_confirmed_boot_makes_good_what_it_was_started_through),
		cmocka_unit_test(a_trial_that_hangs_ends),
		cmocka_unit_test(a_trial_whose_kernels_are_never_confirmed_ends_and_may_come_back),
		cmocka_unit_test(what_fails_at_once_is_bad_and_what_may_pass_is_not),
		cmocka_unit_test(behind_a_failed_one_stands_the_older_good_one),
		cmocka_unit_test(an_install_never_takes_the_good_one),
		cmocka_unit_test(an_install_that_replaces_what_runs_says_nothing_for_it),
		cmocka_unit_test(a_good_one_that_stops_coming_up_is_left_and_tried_again),
		cmocka_unit_test(one_that_never_counted_a_slot_is_not_made_good),
		cmocka_unit_test(what_is_there_already_is_found_and_preferred),
		cmocka_unit_test(an_operator_may_try_a_failed_one_again),
		cmocka_unit_test(a_good_one_that_was_left_gets_its_starts_back),
		cmocka_unit_test(what_makes_no_sense_is_not_installed),
		cmocka_unit_test(the_record_holds_it_all_and_nothing_that_makes_no_sense),
		cmocka_unit_test(every_status_and_reason_has_its_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

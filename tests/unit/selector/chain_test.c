/* Whole boots with newer selectors beside the boot state: which one runs, and what if not. */
#include "tests/unit/selector/firmware_fixture.h"

#define ESB (1u << WATCHDOG_I6300ESB)
#define TCO (1u << WATCHDOG_ITCO)
#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct bs state(void)
{
	struct bs bs;

	assert_true(state_now(&bs));
	return bs;
}

/* A newer selector is installed as an installer does; to @area, as they come. */
static void put_newer(unsigned int area, const char *version)
{
	struct bs_selector_image image = { .bytes = NEWER_BYTES };
	uint8_t *bytes = m->disk + AREA_AT(area);
	struct bs bs = state();
	unsigned int got;

	memset(bytes, '0' + (int)area, NEWER_BYTES);
	memcpy(bytes, NEWER_HEAD, sizeof(NEWER_HEAD) - 1);
	sha256_bytes(bytes, NEWER_BYTES, image.sha256);
	strcpy(image.version, version);
	assert_int_equal(bs_selector_install_begin(&bs, &image, false, &got), BS_OK);
	assert_int_equal(got, area);
	assert_int_equal(bs_selector_install_commit(&bs, area, &image), BS_OK);
	state_put(&bs);
}

static void confirm(void)
{
	struct bs bs = state();

	assert_int_equal(bs_confirm(&bs, bs.current), BS_OK);
	state_put(&bs);
}

/* Slot b boots, through a newer selector or without one. */
static void assert_booted(bool by_newer)
{
	if (power_on() != ENDED_RUNNING || m->started != 1 || m->booted_by_newer != by_newer)
		fail_msg("slot b was not started %s:\n%s", by_newer ? "by a newer one" : "by this one",
			 m->log);
	assert_true(m->counted);
}

static void new_machine_with_newer(void)
{
	new_machine(0);
	put_newer(1, "2.0");
}

static void a_newer_one_boots_the_slot_and_becomes_good(void **unused)
{
	struct bs bs;

	(void)unused;
	new_machine_with_newer();
	assert_booted(true);
	assert_int_equal(m->newer_starts[1], 1);
	assert_int_equal(m->fw_watchdog_s, 120);
	assert_true(said("kiln: newer selector 2.0: trying (1 tries left)\n"
			 "kiln: selector " KILN_VERSION ", started by the one on the ESP\n"));
	confirm();
	bs = state();
	assert_int_equal(bs.selectors.area[1].status, BS_SELECTOR_GOOD);
	for (unsigned int i = 0; i < 5; i++) {
		assert_booted(true);
		assert_true(said("kiln: newer selector 2.0: good, boot 1 since the last confirm"));
		confirm();
	}
}

static void one_that_hangs_ends_and_the_machine_boots(void **unused)
{
	(void)unused;
	new_machine_with_newer();
	m->newer[1] = NEWER_HANGS;
	for (unsigned int left = BS_SELECTOR_TRIES; left > 0; left--) {
		assert_int_equal(power_on(), ENDED_RESET);
		assert_int_equal(m->fw_watchdog_s, 120);
		assert_int_equal(m->newer_starts[1], 1);
		assert_int_equal(state().selectors.area[1].tries_left, left - 1);
	}
	assert_booted(false);
	assert_true(said("kiln: newer selector 2.0: passed over: it hung or reset the machine\n"));
	assert_int_equal(m->newer_starts[1], 0);
	assert_int_equal(state().selectors.area[1].status, BS_SELECTOR_BAD);
	assert_int_equal(state().slot[1].unconfirmed, 1);
	confirm();
	assert_booted(false);
}

static void what_fails_is_left_in_the_same_boot(void **unused)
{
	static const struct {
		const char *what, *says;
		enum bs_selector_status then;
		enum bs_selector_reason reason;
	} faults[] = {
		{ "returns", "2.0: it came back", BS_SELECTOR_BAD, BS_SELECTOR_RETURNED },
		{ "flipped", "2.0: it is damaged: its hash is wrong", BS_SELECTOR_BAD,
		  BS_SELECTOR_HASH },
		{ "unreadable", "2.0: it cannot be read", BS_SELECTOR_TRIAL, BS_SELECTOR_READ },
		{ "denied", "2.0: the firmware refused it", BS_SELECTOR_BAD, BS_SELECTOR_REFUSED },
		{ "violation", "2.0: the firmware refused it", BS_SELECTOR_BAD,
		  BS_SELECTOR_REFUSED },
		{ "no memory", "2.0: there was not enough memory", BS_SELECTOR_TRIAL,
		  BS_SELECTOR_MEMORY },
		{ "no mark", "2.0: there was not enough memory", BS_SELECTOR_TRIAL,
		  BS_SELECTOR_MEMORY },
	};

	(void)unused;
	for (size_t i = 0; i < N(faults); i++) {
		const char *what = faults[i].what;
		bool started = !strcmp(what, "returns");
		struct bs_selector s;

		new_machine_with_newer();
		m->has_esb = true;
		m->newer[1] = NEWER_RETURNS;
		m->disk[AREA_AT(1) + NEWER_BYTES - 1] ^= !strcmp(what, "flipped");
		m->newer_unreadable[1] = !strcmp(what, "unreadable");
		m->newer_load_status[1] = !strcmp(what, "denied")      ? EFI_ACCESS_DENIED
					  : !strcmp(what, "violation") ? EFI_SECURITY_VIOLATION
					  : !strcmp(what, "no memory") ? EFI_OUT_OF_RESOURCES
								       : EFI_SUCCESS;
		m->no_mark = !strcmp(what, "no mark");
		assert_booted(false);
		assert_true(said(faults[i].says));
		assert_int_equal(m->newer_starts[1], started);
		assert_int_equal(m->hw_armed, 0);
		if (started)
			assert_true(said("watchdog: i6300esb disarmed\nkiln: newer selector 2.0: it came"));
		s = state().selectors.area[1];
		assert_int_equal(s.status, faults[i].then);
		assert_int_equal(s.reason, faults[i].reason);
		confirm();
		assert_int_equal(state().selectors.area[1].status, faults[i].then);
	}
}

static void behind_it_stands_the_older_good_one(void **unused)
{
	(void)unused;
	new_machine_with_newer();
	assert_booted(true);
	confirm();
	put_newer(0, "3.0");
	m->newer[0] = NEWER_RETURNS;
	assert_booted(true);
	assert_int_equal(m->newer_starts[0], 1);
	assert_int_equal(m->newer_starts[1], 1);
	assert_true(said("newer selector 3.0: it came back\nkiln: newer selector 2.0: good, boot 1"));
	confirm();
	assert_int_equal(state().selectors.area[0].status, BS_SELECTOR_BAD);
	assert_int_equal(state().selectors.area[1].status, BS_SELECTOR_GOOD);
	/* Both gone: this one. */
	memset(m->disk + AREA_AT(1), 0, NEWER_BYTES);
	assert_booted(false);
	assert_true(said("newer selector 3.0: passed over: it came back"));
}

static void where_nothing_can_be_counted_none_is_started(void **unused)
{
	(void)unused;
	for (unsigned int fault = 0; fault < 4; fault++) {
		new_machine_with_newer();
		m->write_status = fault == 0 ? EFI_WRITE_PROTECTED : EFI_SUCCESS;
		m->read_only = fault == 1;
		m->writes_vanish = fault == 2;
		m->state_unreadable = fault == 3 ? NEVER : 0;
		assert_int_equal(power_on(), ENDED_RUNNING);
		assert_int_equal(m->newer_starts[1], 0);
		assert_false(m->booted_by_newer);
		if (fault < 3)
			assert_true(said("kiln: newer selector 2.0: passed over: "));
	}
	/* A store that fails once: the slot's start is counted, and the newer one has no part in it. */
	new_machine_with_newer();
	m->write_status = EFI_ERROR_BIT | 7;
	m->writes_failing = 1;
	assert_booted(false);
	assert_int_equal(state().selectors.through, BS_SELECTOR_NONE);
	confirm();
	assert_int_equal(state().selectors.area[1].status, BS_SELECTOR_TRIAL);
	assert_int_equal(state().selectors.area[1].tries_left, BS_SELECTOR_TRIES);
	/* Nor where a later kiln wrote the state. */
	new_machine_with_newer();
	for (unsigned int copy = 0; copy < BS_COPIES; copy++) {
		uint8_t *record = m->disk + STATE_AT + BS_COPY_OFFSET(copy);

		le32_store(record + 8, 1000);
		sha256_bytes(record, BS_RECORD_BYTES - SHA256_BYTES,
			     record + BS_RECORD_BYTES - SHA256_BYTES);
	}
	assert_int_equal(power_on(), ENDED_RUNNING);
	assert_int_equal(m->newer_starts[1], 0);
	assert_int_equal(m->operations, 0);
	/* Lost: rebuilt, without any. */
	new_machine_with_newer();
	memset(m->disk + STATE_AT, 0xff, BS_SELECTOR_OFFSET(0));
	assert_int_equal(power_on(), ENDED_RUNNING);
	assert_false(m->booted_by_newer);
	assert_int_equal(state().selectors.area[1].status, BS_SELECTOR_EMPTY);
}

static void one_that_takes_the_state_along_is_survived(void **unused)
{
	(void)unused;
	new_machine_with_newer();
	m->newer[1] = NEWER_LOSES_STATE_AND_RETURNS;
	assert_int_equal(power_on(), ENDED_RUNNING);
	assert_false(m->booted_by_newer);
	assert_true(m->counted);
	assert_true(said("newer selector 2.0: it came back"));
	assert_true(state().rebuilt);
}

/*
 * Power fails at each write and flush of the boots until the machine is confirmed. The newer one
 * never gets more starts than tries, and there is always a slot that starts.
 */
static void a_power_cut_anywhere_costs_no_more_than_a_try(void **unused)
{
	(void)unused;
	for (unsigned int behaviour = 0; behaviour <= NEWER_RETURNS; behaviour++) {
		for (uint32_t at = 0; at < 3 * 8 * 2; at++) {
			unsigned int starts = 0, boots = 0;

			new_machine_with_newer();
			m->newer[1] = (enum newer)behaviour;
			m->cut_after = at % 2;
			for (; boots < 8; boots++) {
				enum ending how;

				m->cut_at = boots == at / 16 ? at / 2 % 8 : NEVER;
				how = power_on();
				starts += m->newer_starts[1];
				assert_true(!m->starts || m->counted);
				if (how == ENDED_RUNNING)
					break;
				assert_int_not_equal(how, ENDED_RETURNED);
			}
			assert_in_range(boots, 0, 4);
			assert_in_range(starts, 0, BS_SELECTOR_TRIES);
			if (m->booted_by_newer != (behaviour == NEWER_WORKS) &&
			    starts < BS_SELECTOR_TRIES)
				fail_msg("cut at %u: booted by the wrong one:\n%s", at, m->log);
			confirm();
			assert_int_equal(state().selectors.area[1].status == BS_SELECTOR_GOOD,
					 m->booted_by_newer);
		}
	}
}

/* After a crash the firmware waits with its watchdog off; hardware ends that. */
static void a_hardware_watchdog_guards_it_and_is_handed_on(void **unused)
{
	struct bs bs;

	(void)unused;
	for (unsigned int esb = 0; esb < 2; esb++) {
		for (unsigned int feeds = 0; feeds < 2; feeds++) {
			unsigned int kind = esb ? ESB : TCO;

			new_machine_with_newer();
			m->has_esb = esb;
			m->has_lpc = !esb;
			bs = state();
			bs.slot[1].image = put_uki(1, feeds ? "kiln.watchdog=i6300esb,iTCO" : "ro");
			state_put(&bs);
			assert_booted(true);
			assert_int_equal(m->newer_guarded, kind);
			/* A kernel that cannot feed it never sees it run. */
			assert_int_equal(m->hw_armed, feeds ? kind : 0);
			assert_true(said(esb ? "watchdog: i6300esb disarmed" : "watchdog: iTCO disarmed"));
		}
	}
	/* Nothing starts: the pause before the reset is not ended by it. */
	new_machine_with_newer();
	m->has_esb = true;
	m->unreadable[0] = m->unreadable[1] = true;
	assert_int_equal(power_on(), ENDED_RESET);
	assert_true(said("watchdog: i6300esb disarmed"));
	assert_true(said("no slot can be started"));
}

static void a_reset_by_the_watchdog_is_told_of_once_and_not_of_the_wrong_boot(void **unused)
{
	(void)unused;
	new_machine_with_newer();
	m->has_lpc = true;
	m->tco_timed_out = true;
	assert_booted(true);
	assert_string_equal(m->reset_variable, "iTCO");
	/* The newer selector hung: no kernel of ours was reset. */
	new_machine_with_newer();
	m->has_lpc = true;
	m->newer[1] = NEWER_HANGS;
	assert_int_equal(power_on(), ENDED_RESET);
	m->newer[1] = NEWER_WORKS;
	m->tco_timed_out = true;
	assert_booted(true);
	assert_true(said("iTCO caused the last reset"));
	assert_string_equal(m->reset_variable, "");
}

static void a_trial_that_is_new_with_a_bad_image_leaves_it_a_try(void **unused)
{
	(void)unused;
	new_machine(3);
	put_newer(1, "2.0");
	m->behaviour[1] = RESETS;
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(power_on(), ENDED_RESET);
		assert_int_equal(m->started, 1);
		assert_int_equal(m->booted_by_newer, i < BS_SELECTOR_TRIES);
	}
	assert_int_equal(power_on(), ENDED_RUNNING);
	assert_int_equal(m->started, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_newer_one_boots_the_slot_and_becomes_good),
		cmocka_unit_test(one_that_hangs_ends_and_the_machine_boots),
		cmocka_unit_test(what_fails_is_left_in_the_same_boot),
		cmocka_unit_test(behind_it_stands_the_older_good_one),
		cmocka_unit_test(where_nothing_can_be_counted_none_is_started),
		cmocka_unit_test(one_that_takes_the_state_along_is_survived),
		cmocka_unit_test(a_power_cut_anywhere_costs_no_more_than_a_try),
		cmocka_unit_test(a_hardware_watchdog_guards_it_and_is_handed_on),
		cmocka_unit_test(a_reset_by_the_watchdog_is_told_of_once_and_not_of_the_wrong_boot),
		cmocka_unit_test(a_trial_that_is_new_with_a_bad_image_leaves_it_a_try),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

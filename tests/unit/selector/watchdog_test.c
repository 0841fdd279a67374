/* Hardware watchdogs over a boot: armed where the kernel feeds them, and nowhere else. */
#include "tests/unit/selector/firmware_fixture.h"

#define ESB (1u << WATCHDOG_I6300ESB)
#define TCO (1u << WATCHDOG_ITCO)
#define BOTH "quiet kiln.watchdog=i6300esb,iTCO ro"

/* One machine with both slots good, slot b first, and @words on its command line. */
static struct bs machine_with(const char *words)
{
	struct bs bs;

	new_machine(0);
	m->has_esb = m->has_lpc = true;
	assert_true(state_now(&bs));
	bs.slot[1].image = put_uki(1, words);
	bs.slot[1].tries_max = BS_TRIES_MAX; /* none of its boots is confirmed here */
	state_put(&bs);
	return bs;
}

static void boots(unsigned int slot)
{
	if (power_on() != ENDED_RUNNING || m->started != slot)
		fail_msg("slot %u did not start:\n%s", slot, m->log);
}

static void armed_is_what_the_image_names_and_the_machine_has(void **state)
{
	static const struct {
		const char *words;
		bool esb, lpc;
		unsigned int armed;
		const char *says;
	} cases[] = {
		{ BOTH, true, true, ESB, "watchdog: i6300esb armed, 180 s" },
		{ BOTH, false, true, TCO, "watchdog: iTCO armed, 180 s" },
		{ BOTH, false, false, 0,
		  "watchdog: not armed: i6300esb: not in this machine; iTCO: not in this machine" },
		{ "kiln.watchdog=iTCO", true, true, TCO, "watchdog: iTCO armed, 180 s" },
		{ "kiln.watchdog=i6300esb", false, true, 0,
		  "watchdog: not armed: i6300esb: not in this machine" },
		{ "kiln.watchdog=sbsa", true, true, 0,
		  "watchdog: not armed: the image cannot feed any" },
		{ "ro quiet", true, true, 0, "watchdog: not armed: the image cannot feed any" },
		{ "kiln.watchdog=iTCO kiln.watchdog=i6300esb", true, true, 0,
		  "watchdog: not armed: the image cannot feed any" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		machine_with(cases[i].words);
		m->has_esb = cases[i].esb;
		m->has_lpc = cases[i].lpc;
		boots(1);
		if (!said(cases[i].says) || m->hw_armed != cases[i].armed)
			fail_msg("case %zu: armed %x:\n%s", i, m->hw_armed, m->log);
		assert_string_equal(m->armed_variable,
				    cases[i].armed == ESB   ? "i6300esb"
				    : cases[i].armed == TCO ? "iTCO"
							    : "");
	}
}

/* Two stages of 90 s each; one of theirs counts milliseconds, the other 0.6 s. */
static void both_stages_together_are_three_minutes(void **state)
{
	(void)state;
	machine_with(BOTH);
	boots(1);
	assert_int_equal(m->esb_stage, 180 * 1024 / 2);
	machine_with(BOTH);
	m->has_esb = false;
	boots(1);
	assert_int_equal(m->tco_ticks, 150);
}

static void what_does_not_obey_is_passed_over(void **state)
{
	(void)state;
	machine_with(BOTH);
	m->esb_locked = true;
	boots(1);
	assert_int_equal(m->hw_armed, TCO);
	machine_with(BOTH);
	m->esb_locked = m->lpc_strapped = true;
	boots(1);
	assert_int_equal(m->hw_armed, 0);
	assert_true(said("not armed: i6300esb: it is locked; iTCO: NO_REBOOT is strapped"));
	machine_with("kiln.watchdog=iTCO");
	m->wdat = true;
	boots(1);
	assert_int_equal(m->hw_armed, 0);
	assert_true(said("not armed: iTCO: ACPI has it (WDAT)"));
}

static void a_uki_that_comes_back_leaves_none_running(void **state)
{
	static const bool has_esb[] = { true, false };

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		machine_with(BOTH);
		m->has_esb = has_esb[i];
		m->behaviour[1] = RETURNS;
		boots(0);
		assert_int_equal(m->starts, 2);
		assert_int_equal(m->hw_armed, 0);
		assert_true(said(has_esb[i] ? "i6300esb disarmed" : "iTCO disarmed"));
		assert_string_equal(m->armed_variable, "");
	}
}

/* Early init of this image found no driver for it: another image is not concerned. */
static void a_note_bars_it_for_one_image(void **state)
{
	struct bs bs = machine_with(BOTH);
	uint8_t *note = m->disk + STATE_AT + WATCHDOG_NOTE_OFFSET(1);

	(void)state;
	watchdog_note_encode(ESB, bs.slot[1].image.root_hash, note);
	boots(1);
	assert_int_equal(m->hw_armed, TCO);
	watchdog_note_encode(ESB | TCO, bs.slot[1].image.root_hash, note);
	boots(1);
	assert_int_equal(m->hw_armed, 0);
	assert_true(said("i6300esb: this image could not feed it"));
	watchdog_note_encode(ESB, bs.slot[0].image.root_hash, note);
	boots(1);
	assert_int_equal(m->hw_armed, ESB);
	/* In the other slot's place it says nothing of this one. */
	watchdog_note_encode(ESB, bs.slot[1].image.root_hash,
			     m->disk + STATE_AT + WATCHDOG_NOTE_OFFSET(0));
	memset(note, 0, WATCHDOG_NOTE_BYTES);
	boots(1);
	assert_int_equal(m->hw_armed, ESB);
}

static void the_one_that_reset_the_machine_is_told(void **state)
{
	(void)state;
	machine_with("ro");
	boots(1);
	assert_false(said("caused the last reset"));
	assert_string_equal(m->reset_variable, "");
	m->esb_timed_out = true;
	boots(1);
	assert_true(said("watchdog: i6300esb caused the last reset"));
	assert_string_equal(m->reset_variable, "i6300esb");
	/* Told once: no driver of this image would forget it. */
	boots(1);
	assert_false(said("caused the last reset"));
	machine_with(BOTH);
	m->tco_timed_out = true;
	boots(1);
	assert_true(said("watchdog: iTCO caused the last reset"));
	/* The driver reads it where it is. */
	machine_with(BOTH);
	m->esb_timed_out = true;
	boots(1);
	assert_true(m->esb_timed_out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(armed_is_what_the_image_names_and_the_machine_has),
		cmocka_unit_test(both_stages_together_are_three_minutes),
		cmocka_unit_test(what_does_not_obey_is_passed_over),
		cmocka_unit_test(a_uki_that_comes_back_leaves_none_running),
		cmocka_unit_test(a_note_bars_it_for_one_image),
		cmocka_unit_test(the_one_that_reset_the_machine_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Names of watchdogs on the signed command line, and the note that one cannot be fed. */
#include "lib/core/watchdog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "lib/core/bytes.h"
#include "lib/core/cmdline.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))
#define ESB (1u << WATCHDOG_I6300ESB)
#define TCO (1u << WATCHDOG_ITCO)

static void the_command_line_names_what_may_be_armed(void **state)
{
	static const struct {
		const char *line;
		int result;
		unsigned int set;
	} cases[] = {
		{ "ro kiln.watchdog=i6300esb,iTCO quiet", CMDLINE_OK, ESB | TCO },
		{ "kiln.watchdog=iTCO", CMDLINE_OK, TCO },
		{ "kiln.watchdog=iTCO,i6300esb,iTCO", CMDLINE_OK, ESB | TCO },
		{ "kiln.watchdog=", CMDLINE_OK, 0 },
		{ "kiln.watchdog=,,", CMDLINE_OK, 0 },
		/* Neither cut short, nor another case, nor a newer kiln's. */
		{ "kiln.watchdog=i6300,i6300esb2,itco,sbsa", CMDLINE_OK, 0 },
		{ "kiln.watchdog=sbsa,iTCO", CMDLINE_OK, TCO },
		{ "kiln.watchdog=\"i6300esb, iTCO\"", CMDLINE_OK, ESB },
		{ "ro quiet", CMDLINE_E_MISSING, 0 },
		{ "xkiln.watchdog=iTCO kiln.watchdogs=iTCO", CMDLINE_E_MISSING, 0 },
		{ "kiln.watchdog", CMDLINE_E_NO_VALUE, 0 },
		{ "kiln.watchdog=iTCO kiln.watchdog=", CMDLINE_E_TWICE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		unsigned int set = 99;

		assert_int_equal(watchdog_from_cmdline(cases[i].line, strlen(cases[i].line), &set),
				 cases[i].result);
		assert_int_equal(set, cases[i].result ? 99 : cases[i].set);
	}
}

static void what_is_formatted_reads_back(void **state)
{
	static const char *const text[] = { "", "i6300esb", "iTCO", "i6300esb,iTCO" };

	(void)state;
	for (unsigned int set = 0; set < N(text); set++) {
		char out[WATCHDOG_TEXT_SIZE], line[128] = WATCHDOG_KEY "=";
		unsigned int back = 99;

		watchdog_format(set, out);
		assert_string_equal(out, text[set]);
		strcat(line, out);
		assert_int_equal(watchdog_from_cmdline(line, strlen(line), &back), CMDLINE_OK);
		assert_int_equal(back, set);
	}
	for (unsigned int kind = 0; kind < WATCHDOG_KINDS; kind++)
		assert_int_equal(watchdog_kind_of(watchdog_name(kind), strlen(watchdog_name(kind))),
				 kind);
	assert_int_equal(watchdog_kind_of("iTC", 3), WATCHDOG_KINDS);
	assert_int_equal(watchdog_kind_of("", 0), WATCHDOG_KINDS);
}

static void a_note_counts_for_its_image_and_no_other(void **state)
{
	static const uint8_t mine[32] = { 1, 2, [31] = 3 }, other[32] = { 1, 2, [31] = 4 };
	static uint8_t note[WATCHDOG_NOTE_BYTES], none[WATCHDOG_NOTE_BYTES];

	(void)state;
	watchdog_note_encode(TCO, mine, note);
	assert_int_equal(watchdog_note_decode(note, mine), TCO);
	assert_int_equal(watchdog_note_decode(note, other), 0);
	assert_int_equal(watchdog_note_decode(none, mine), 0);
	watchdog_note_encode(0, mine, note);
	assert_int_equal(watchdog_note_decode(note, mine), 0);
	/* Bits of a newer kiln do not get out. */
	watchdog_note_encode(~0u, mine, note);
	assert_int_equal(watchdog_note_decode(note, mine), ESB | TCO);
}

static void a_damaged_note_says_nothing(void **state)
{
	static const uint8_t mine[32] = { 7 };
	static uint8_t note[WATCHDOG_NOTE_BYTES];

	(void)state;
	watchdog_note_encode(ESB, mine, note);
	for (size_t bit = 0; bit < 8 * WATCHDOG_NOTE_O_END; bit++) {
		note[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(watchdog_note_decode(note, mine), 0);
		note[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_int_equal(watchdog_note_decode(note, mine), ESB);
}

static void the_notes_lie_apart(void **state)
{
	(void)state;
	assert_int_equal(WATCHDOG_NOTE_OFFSET(0), 1024 * 1024 - 8192);
	assert_int_equal(WATCHDOG_NOTE_OFFSET(1), 1024 * 1024 - 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_command_line_names_what_may_be_armed),
		cmocka_unit_test(what_is_formatted_reads_back),
		cmocka_unit_test(a_note_counts_for_its_image_and_no_other),
		cmocka_unit_test(a_damaged_note_says_nothing),
		cmocka_unit_test(the_notes_lie_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

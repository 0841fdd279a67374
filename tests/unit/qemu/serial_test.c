/* Serial text: control sequences, unfinished lines, finding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "qemu/serial.h"

static void feed(struct serial *s, const char *text)
{
	assert_int_equal(serial_feed(s, text, strlen(text), 5), 0);
}

static void control_sequences_are_no_text(void **state)
{
	static const struct {
		const char *raw, *plain;
	} rows[] = {
		{ "\033[1;32mgreen\033[0m\n", "green" },
		{ "\033]0;title\007text\n", "text" },
		{ "\033]0;title\033\\text\n", "text" },
		{ "a\r\n", "a" },
		{ "\033(Bx\n", "Bx" }, /* charset selection: its letter is harmless */
		{ "\0337saved\n", "saved" },
		{ "\033[torn\033[\ntext\n", "orn" }, /* 't' ends the first sequence */
		{ "tab\there\n", "tab\there" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct serial s;

		serial_init(&s, NULL, NULL);
		feed(&s, rows[i].raw);
		assert_true(s.n >= 1);
		assert_string_equal(s.lines[0].text, rows[i].plain);
		serial_done(&s);
	}
}

static void placing_the_cursor_ends_the_line(void **state)
{
	struct serial s;

	(void)state;
	serial_init(&s, NULL, NULL);
	feed(&s, "one\033[05;01Htwo\033[2Jthree");
	assert_int_equal(s.n, 2);
	assert_string_equal(s.lines[0].text, "one");
	assert_string_equal(s.lines[1].text, "two");
	assert_string_equal(s.cur, "three");
	serial_done(&s);
}

static void sequences_may_be_cut_anywhere(void **state)
{
	static const char raw[] = "\033[1mkiln: selector\033[0m 1\r\n";
	struct serial s;

	(void)state;
	serial_init(&s, NULL, NULL);
	for (size_t i = 0; i + 1 < sizeof(raw); i++)
		assert_int_equal(serial_feed(&s, raw + i, 1, i), 0);
	assert_string_equal(s.lines[0].text, "kiln: selector 1");
	assert_int_equal(s.lines[0].at_ms, 4);
	serial_done(&s);
}

static void finding_moves_the_mark_and_sees_the_unfinished_line(void **state)
{
	struct serial_mark mark = { 0 };
	struct serial s;

	(void)state;
	serial_init(&s, NULL, NULL);
	feed(&s, "a ok ok\nb ok\nlogin: ");
	assert_string_equal(serial_find(&s, "ok", &mark), "a ok ok");
	assert_string_equal(serial_find(&s, "ok", &mark), "a ok ok");
	assert_string_equal(serial_find(&s, "ok", &mark), "b ok");
	assert_null(serial_find(&s, "ok", &mark));
	assert_string_equal(serial_find(&s, "login:", &mark), "login: ");
	assert_null(serial_find(&s, "login:", &mark));
	feed(&s, "root\nlogin: ");
	assert_string_equal(serial_find(&s, "login:", &mark), "login: ");
	mark = serial_end(&s);
	assert_null(serial_find(&s, "login:", &mark));
	serial_done(&s);
}

static void a_flood_is_bounded_and_marks_stay_true(void **state)
{
	struct serial_mark mark = { 0 };
	struct serial s;
	char line[32];

	(void)state;
	serial_init(&s, NULL, NULL);
	for (unsigned i = 0; i < SERIAL_LINES_MAX + 10; i++) {
		snprintf(line, sizeof(line), "line %u.\n", i);
		feed(&s, line);
	}
	assert_true(s.n <= SERIAL_LINES_MAX);
	assert_null(serial_find(&s, "line 0.", &mark));
	assert_non_null(serial_find(&s, "line 65000.", &mark));
	assert_int_equal(mark.line, 65000);
	for (unsigned i = 0; i < 3 * SERIAL_LINE_MAX; i++)
		feed(&s, "x");
	assert_int_equal(strlen(s.cur), SERIAL_LINE_MAX - 1);
	serial_done(&s);
}

static void the_tail_is_the_last_lines_that_fit(void **state)
{
	char out[16];
	struct serial s;

	(void)state;
	serial_init(&s, NULL, NULL);
	serial_tail(&s, 3, out, sizeof(out));
	assert_string_equal(out, "");
	feed(&s, "one\ntwo\nthree\n\nfour");
	serial_tail(&s, 2, out, sizeof(out));
	assert_string_equal(out, "three\nfour");
	serial_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_sequences_are_no_text),
		cmocka_unit_test(placing_the_cursor_ends_the_line),
		cmocka_unit_test(sequences_may_be_cut_anywhere),
		cmocka_unit_test(finding_moves_the_mark_and_sees_the_unfinished_line),
		cmocka_unit_test(a_flood_is_bounded_and_marks_stay_true),
		cmocka_unit_test(the_tail_is_the_last_lines_that_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

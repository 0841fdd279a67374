/* Hostile text in HTML and XML. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "qemu/markup.h"

#define NO "\xef\xbf\xbd" /* U+FFFD */

static void text_stays_text(void **state)
{
	static const struct {
		const char *raw;
		size_t len;
		const char *between, *attribute;
	} rows[] = {
		{ "a&b<c>d\"e'f", 11, "a&amp;b&lt;c&gt;d&quot;e&#39;f", "a&amp;b&lt;c&gt;d&quot;e&#39;f" },
		{ "&amp;", 5, "&amp;amp;", "&amp;amp;" },
		{ "one\r\n\ttwo", 9, "one\n\ttwo", "one&#10;&#9;two" },
		{ "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
		  "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "\x01\x1b\x7f\xc2\x85", 5, NO NO NO NO, NO NO NO NO }, /* controls */
		{ "\xff\xc3(\xed\xa0\x80", 6, NO NO "(" NO NO NO, NO NO "(" NO NO NO },
		{ "\xe2\x80\xae\xe2\x81\xa6\xe2\x80\x8f\xef\xbb\xbf\xe2\x80\xa8", 15, NO NO NO NO NO,
		  NO NO NO NO NO }, /* overrides, marks, breaks */
		{ "\xef\xbf\xbf\xf0\x9f\xbf\xbe\xef\xb7\x90", 10, NO NO NO, NO NO NO }, /* no characters */
		{ "\xe2\x82", 2, NO NO, NO NO }, /* cut off at the end */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf b = BUF_INIT;
		char wanted[200];

		markup_text(rows[i].raw, rows[i].len, &b);
		assert_string_equal(b.data, rows[i].between);
		buf_done(&b);
		markup_attr("x", rows[i].raw, &b);
		snprintf(wanted, sizeof(wanted), " x=\"%s\"", rows[i].attribute);
		assert_string_equal(b.data, wanted);
		buf_done(&b);
	}
}

static void what_may_be_shown_has_exact_bounds(void **state)
{
	static const struct {
		uint32_t first, last; /* not shown; what is beside is */
	} rows[] = {
		{ 0x7f, 0x9f },	    { 0x61c, 0x61c },	{ 0x200e, 0x200f },   { 0x2028, 0x202e },
		{ 0x2066, 0x2069 }, { 0xfdd0, 0xfdef }, { 0xfeff, 0xfeff },   { 0xfffe, 0xffff },
		{ 0x1fffe, 0x1ffff },
	};

	(void)state;
	assert_false(markup_shows(0));
	assert_false(markup_shows(31));
	assert_true(markup_shows(32));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(markup_shows(rows[i].first - 1));
		assert_true(markup_shows(rows[i].last + 1));
		for (uint32_t code = rows[i].first; code <= rows[i].last; code++)
			assert_false(markup_shows(code));
	}
}

static void a_nul_ends_nothing(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	markup_text("a\0b", 3, &b);
	assert_string_equal(b.data, "a" NO "b");
	buf_done(&b);
}

static void a_path_is_never_an_address(void **state)
{
	static const char *const rows[][2] = {
		{ "01-boots/serial.log", " href=\"./01-boots/serial.log\"" },
		{ "javascript:alert(1)", " href=\"./javascript%3Aalert%281%29\"" },
		{ "//host/x", " href=\".///host/x\"" },
		{ "a b#c?d%e\"f'g\\h", " href=\"./a%20b%23c%3Fd%25e%22f%27g%5Ch\"" },
		{ "\xc3\xa9\xff", " href=\"./%C3%A9%FF\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf b = BUF_INIT;

		markup_href(rows[i][0], &b);
		assert_string_equal(b.data, rows[i][1]);
		buf_done(&b);
	}
}

static void what_was_said_has_no_colours(void **state)
{
	static const char raw[] = "\033[2J\033[31mred\033[0m <b>\r\n\r\n\033]0;title\007two\033[5;1Hthree";
	struct buf b = BUF_INIT;

	(void)state;
	markup_said(raw, sizeof(raw) - 1, &b);
	assert_string_equal(b.data, "red &lt;b&gt;\ntwo\nthree");
	buf_done(&b);
	markup_said("", 0, &b);
	assert_int_equal(b.len, 0);
}

static void a_console_shows_its_last_lines(void **state)
{
	static const char raw[] = "one\ntwo\n\nkiln: three\nfour & \033[1mfive\033[0m\n"
				  "[ 1.0] kiln-init: six\nweb login: ";
	static const char tail[] = "<b>kiln: three</b>\nfour &amp; five\n<b>[ 1.0] kiln-init: six</b>\nweb login: \n";
	struct buf b = BUF_INIT;

	(void)state;
	markup_console(raw, sizeof(raw) - 1, 4, 1000, &b);
	assert_string_equal(b.data, tail);
	buf_done(&b);
	/* Too many bytes: from the next whole line on. */
	markup_console(raw, sizeof(raw) - 1, 40, sizeof(raw) - 1 - 6, &b);
	assert_string_equal(b.data, tail);
	buf_done(&b);
	markup_console(raw, sizeof(raw) - 1, 40, sizeof(raw) - 1 - 4, &b);
	assert_memory_equal(b.data, "two\n", 4);
	buf_done(&b);
	markup_console(raw, sizeof(raw) - 1, 1, 1000, &b);
	assert_string_equal(b.data, "web login: \n");
	buf_done(&b);
	/* One line that is longer than all that is shown. */
	markup_console("aaaaaaaaaaaaaaaaaaaaaaab\n", 25, 40, 5, &b);
	assert_string_equal(b.data, "aaab\n");
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_stays_text),
		cmocka_unit_test(what_may_be_shown_has_exact_bounds),
		cmocka_unit_test(a_nul_ends_nothing),
		cmocka_unit_test(a_path_is_never_an_address),
		cmocka_unit_test(what_was_said_has_no_colours),
		cmocka_unit_test(a_console_shows_its_last_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

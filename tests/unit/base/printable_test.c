/* What a stranger's bytes look like on a terminal, and in JSON. */
#include "lib/base/printable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/json.h"

static void bytes_that_act_are_shown_instead(void **state)
{
	static const struct {
		const char *text, *line, *lines;
	} cases[] = {
		{ "plain", "plain", "plain" },
		{ "a\nb\tc", "a\\x0ab\\x09c", "a\nb\tc" },
		{ "a\r\nb", "a\\x0d\\x0ab", "a\nb" },
		{ "a\rb", "a\\x0db", "a\\x0db" },
		{ "\033[2J", "\\x1b[2J", "\\x1b[2J" },
		{ "\x7f", "\\x7f", "\\x7f" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "\xc2\x9b" "31m", "\\xc2\\x9b31m", "\\xc2\\x9b31m" }, /* CSI in one character */
		{ "\xe2\x80\xae" "gpj.exe", "\\xe2\\x80\\xaegpj.exe", "\\xe2\\x80\\xaegpj.exe" },
		{ "\xff\xfe", "\\xff\\xfe", "\\xff\\xfe" },
		{ "\xc0\xaf", "\\xc0\\xaf", "\\xc0\\xaf" }, /* overlong */
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80", "\\xed\\xa0\\x80" }, /* surrogate */
		{ "cut \xe2\x82", "cut \\xe2\\x82", "cut \\xe2\\x82" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_buf_ struct buf line = BUF_INIT, lines = BUF_INIT;

		printable_add(&line, cases[i].text, strlen(cases[i].text), false);
		printable_add(&lines, cases[i].text, strlen(cases[i].text), true);
		assert_string_equal(line.data, cases[i].line);
		assert_string_equal(lines.data, cases[i].lines);
	}
}

static void a_nul_is_a_byte_like_any_other(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	(void)state;
	printable_add(&out, "a\0b", 3, true);
	assert_string_equal(out.data, "a\\x00b");
	printable_add(&out, "", 0, true);
	assert_int_equal(out.len, 6);
}

static void json_escapes_the_same_characters(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct json j = JSON_INIT(&out);

	(void)state;
	json_str(&j, NULL, "a\033\xc2\x9b\xe2\x80\xae\xc3\xbc\xff\n");
	assert_string_equal(out.data, "\"a\\u001b\\u009b\\u202e\xc3\xbc\xef\xbf\xbd\\n\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_that_act_are_shown_instead),
		cmocka_unit_test(a_nul_is_a_byte_like_any_other),
		cmocka_unit_test(json_escapes_the_same_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

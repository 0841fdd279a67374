/* Kernel command lines: splitting as the kernel does, and doubled keys refused. */
#include "lib/core/cmdline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))

static void tokens_split_as_in_the_kernel(void **state)
{
	static const struct {
		const char *line, *key, *value;
	} cases[] = {
		{ "ro", "ro", NULL },
		{ "  a=b", "a", "b" },
		{ "a=", "a", "" },
		{ "a=b=c", "a", "b=c" },
		{ "a=\"b c\" d", "a", "b c" },
		{ "\"a=b c\" d", "a", "b c" },
		{ "a=b\"c d\"e f", "a", "b\"c d\"e" },
		{ "\"a b\"", "a b", NULL },
		{ "a=\"b", "a", "b" },
		{ "a=\"\"", "a", "" },
		{ "a=\"", "a", "" },
		{ "\t\na=1\v", "a", "1" },
		{ "=x", "=x", NULL },
		{ "\"", "", NULL },
		{ "a=\"b\"c", "a", "b\"c" },
		{ "a=\"b\"c\"", "a", "b\"c" },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		const char *at = cases[i].line;
		struct cmdline_token t;

		assert_true(cmdline_next(&at, at + strlen(at), &t));
		assert_int_equal(t.key_len, strlen(cases[i].key));
		assert_memory_equal(t.key, cases[i].key, t.key_len);
		if (!cases[i].value) {
			assert_null(t.value);
			continue;
		}
		assert_non_null(t.value);
		assert_int_equal(t.value_len, strlen(cases[i].value));
		assert_memory_equal(t.value, cases[i].value, t.value_len);
	}
}

static void the_end_is_the_end(void **state)
{
	const char *line = "a  b ", *at = line;
	struct cmdline_token t;
	unsigned int n = 0;

	(void)state;
	while (cmdline_next(&at, line + strlen(line), &t))
		n++;
	assert_int_equal(n, 2);
	at = "";
	assert_false(cmdline_next(&at, at, &t));
}

static void a_value_is_found_once_or_refused(void **state)
{
	static const struct {
		const char *line;
		int result;
		const char *value;
	} cases[] = {
		{ "kiln.image=demo kiln.version=1 ro", CMDLINE_OK, "demo" },
		{ "x kiln.image=\"a b\"", CMDLINE_OK, "a b" },
		{ "kiln.image=", CMDLINE_OK, "" },
		{ "kiln.imagex=1 xkiln.image=2", CMDLINE_E_MISSING, NULL },
		{ "", CMDLINE_E_MISSING, NULL },
		{ "a=\"x kiln.image=evil\"", CMDLINE_E_MISSING, NULL },
		{ "kiln.image", CMDLINE_E_NO_VALUE, NULL },
		{ "kiln.image=a kiln.image=a", CMDLINE_E_TWICE, NULL },
		{ "kiln.image=a kiln.image", CMDLINE_E_TWICE, NULL },
		{ "kiln.image=a -- kiln.image=b", CMDLINE_E_TWICE, NULL },
		{ "\"kiln.image=a\" kiln.image=b", CMDLINE_E_TWICE, NULL },
		{ "kiln.image=12345678", CMDLINE_E_SIZE, NULL },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		char value[8] = "before";

		assert_int_equal(cmdline_get(cases[i].line, strlen(cases[i].line), "kiln.image",
					     value, sizeof(value)), cases[i].result);
		assert_string_equal(value, cases[i].value ? cases[i].value : "before");
	}
}

static void a_nul_ends_the_line(void **state)
{
	static const char line[] = "a=1\0a=2";
	char value[4];

	(void)state;
	assert_int_equal(cmdline_get(line, sizeof(line), "a", value, sizeof(value)), CMDLINE_OK);
	assert_string_equal(value, "1");
}

static void the_whole_line_is_checked(void **state)
{
	static const struct {
		const char *line;
		int result;
	} cases[] = {
		{ "kiln.a=1 kiln.b=2 console=ttyS0 console=tty0", CMDLINE_OK },
		{ "kiln.a=1 ro kiln.a=1", CMDLINE_E_TWICE },
		{ "kiln.a kiln.a=1", CMDLINE_E_TWICE },
		{ "a=\"b", CMDLINE_E_QUOTE },
		{ "a=\x01", CMDLINE_E_BYTE },
		{ "a=\x1b[2J", CMDLINE_E_BYTE },
		{ "a=\x7f", CMDLINE_E_BYTE },
	};
	char longest[CMDLINE_MAX + 2];

	(void)state;
	for (size_t i = 0; i < N(cases); i++)
		assert_int_equal(cmdline_check(cases[i].line, strlen(cases[i].line), "kiln."),
				 cases[i].result);
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(cmdline_check(longest, CMDLINE_MAX, "kiln."), CMDLINE_OK);
	assert_int_equal(cmdline_check(longest, CMDLINE_MAX + 1, "kiln."), CMDLINE_E_LONG);
}

static void every_error_has_its_own_sentence(void **state)
{
	(void)state;
	for (int i = 0; i <= CMDLINE_E_BYTE; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(cmdline_error_text(i), cmdline_error_text(j));
	assert_string_equal(cmdline_error_text(99), "unknown error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_split_as_in_the_kernel),
		cmocka_unit_test(the_end_is_the_end),
		cmocka_unit_test(a_value_is_found_once_or_refused),
		cmocka_unit_test(a_nul_ends_the_line),
		cmocka_unit_test(the_whole_line_is_checked),
		cmocka_unit_test(every_error_has_its_own_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Command lines: what is accepted, and how refusals read. */
#include "lib/base/args.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/err.h"

struct opts {
	bool json;
	const char *output;
	struct arg_list mirrors;
	uint64_t size_bytes;
};

static const struct arg_option options[] = {
	{ "json", 'j', ARG_FLAG, NULL, "for machines", offsetof(struct opts, json) },
	{ "output", 'o', ARG_STR, "DIR", "where to", offsetof(struct opts, output) },
	{ "mirror", 0, ARG_LIST, "URL", "from where", offsetof(struct opts, mirrors) },
	{ "size", 0, ARG_SIZE, "BYTES", "how big", offsetof(struct opts, size_bytes) },
	{ 0 },
};

static const struct command cmd = { "build", "RECIPE", "Build", options, 1, 1, NULL, NULL };

static void options_may_stand_anywhere(void **state)
{
	char *argv[] = { "build", "a.yaml", "--output=out", "-j", "--mirror", "x", "--mirror=y",
			 "--size", "3M", NULL };
	struct opts o = { 0 };
	struct err err;

	(void)state;
	assert_int_equal(args_parse(&cmd, 9, argv, &o, &err), 1);
	assert_string_equal(argv[1], "a.yaml");
	assert_true(o.json);
	assert_string_equal(o.output, "out");
	assert_int_equal(o.mirrors.n, 2);
	assert_string_equal(o.mirrors.item[1], "y");
	assert_int_equal(o.size_bytes, 3 << 20);
}

static void refusals_say_what_to_do(void **state)
{
	static const struct {
		const char *arg;
		const char *text;
	} cases[] = {
		{ "--ouput=x", "build: unknown option '--ouput=x'; did you mean '--output'?\n"
			       "See: build --help" },
		{ "--json=1", "build: --json takes no value" },
		{ "--output", "build: --output needs a value: --output=DIR" },
		{ "--size=1Q", "build: --size: '1Q' is not a size such as 512M" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char arg[64], *argv[] = { "build", "r", arg, NULL };
		struct opts o = { 0 };
		struct err err;

		strcpy(arg, cases[i].arg);
		assert_int_equal(args_parse(&cmd, 3, argv, &o, &err), -EINVAL);
		assert_string_equal(err.text, cases[i].text);
	}
}

static void sizes_have_units_and_limits(void **state)
{
	uint64_t n = 7;

	(void)state;
	assert_int_equal(args_size("4096", &n), 0);
	assert_int_equal(n, 4096);
	assert_int_equal(args_size("2G", &n), 0);
	assert_int_equal(n, 2ull << 30);
	assert_int_equal(args_size("-1", &n), -EINVAL);
	assert_int_equal(args_size("1GB", &n), -EINVAL);
	assert_int_equal(args_size("99999999999999999999", &n), -ERANGE);
	assert_int_equal(args_size("18446744073709551615T", &n), -ERANGE);
	assert_int_equal(n, 2ull << 30);
}

static void distance_counts_swaps_once(void **state)
{
	(void)state;
	assert_int_equal(args_distance("kernel", "kernel"), 0);
	assert_int_equal(args_distance("kernel", "kenrel"), 1);
	assert_int_equal(args_distance("", "abc"), 3);
	assert_int_equal(args_distance("packages", "package"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_may_stand_anywhere),
		cmocka_unit_test(refusals_say_what_to_do),
		cmocka_unit_test(sizes_have_units_and_limits),
		cmocka_unit_test(distance_counts_swaps_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

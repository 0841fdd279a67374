/* Tools of the root: when one that takes long still gets on. */
#include "bootloader/initramfs/tool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void processor_time_is_read_behind_the_name(void **state)
{
	static const struct {
		const char *stat;
		uint64_t ticks;
	} cases[] = {
		{ "7 (e2fsck) R 1 7 7 0 -1 4194560 70 0 0 0 30 12 0 0 20 0 1 0 5 1 2\n", 42 },
		/* Whatever the program calls itself. */
		{ "7 (a) R 9 9 9) (x) D 1 7 7 0 -1 0 0 0 0 0 1 2 0 0 20\n", 3 },
		{ "7 (short) R 1 7 7 0 -1 0 0 0 0 0", 0 },
		{ "7 (x) R 1 7 7 0 -1 0 0 0 0 0 one 2 3", 0 },
		{ "7 (x) R 1 7 7 0 -1 0 0 0 0 0 1 -2 3", 0 },
		{ "no bracket", 0 },
		{ "", 0 },
		{ ")", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(tool_cpu_ticks(cases[i].stat), cases[i].ticks);
}

/* The kernel of this machine writes the file as the test above believes. */
static void this_program_s_own_time_is_found(void **state)
{
	volatile uint64_t spin = 0;
	char stat[1024] = "";
	FILE *f;

	(void)state;
	while (clock() < CLOCKS_PER_SEC / 20)
		spin++;
	f = fopen("/proc/self/stat", "r");
	assert_non_null(f);
	assert_non_null(fgets(stat, sizeof(stat), f));
	fclose(f);
	assert_in_range(tool_cpu_ticks(stat), 3, 1000);
}

static void a_tool_that_works_is_left_alone(void **state)
{
	struct tool_progress p = { 0 };

	(void)state;
	/* Three hours, one tick in each hundred seconds. */
	for (uint64_t s = 1; s <= 3 * 3600; s++)
		assert_true(tool_gets_on(&p, s / 100, 1000));
}

static void a_tool_that_sleeps_is_given_up(void **state)
{
	struct tool_progress p = { 0 };
	uint64_t ms = 0;

	(void)state;
	assert_true(tool_gets_on(&p, 5, 1000));
	while (tool_gets_on(&p, 5, 1000))
		ms += 1000;
	assert_int_equal(ms, TOOL_IDLE_MS - 1000);
}

static void no_tool_works_for_ever(void **state)
{
	struct tool_progress p = { 0 };
	uint64_t ms = 0, ticks = 0;

	(void)state;
	while (tool_gets_on(&p, ++ticks, 1000))
		ms += 1000;
	assert_int_equal(ms, TOOL_LONGEST_S * UINT64_C(1000) - 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(processor_time_is_read_behind_the_name),
		cmocka_unit_test(this_program_s_own_time_is_found),
		cmocka_unit_test(a_tool_that_works_is_left_alone),
		cmocka_unit_test(a_tool_that_sleeps_is_given_up),
		cmocka_unit_test(no_tool_works_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

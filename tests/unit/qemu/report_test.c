/* Reports, and small texts of ssh and clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "qemu/clock.h"
#include "qemu/report.h"
#include "qemu/ssh.h"

static const struct report_case cases[] = {
	{ .name = "01-a",
	  .title = "A",
	  .log = "o/01-a/serial.log",
	  .result = { .verdict = VERDICT_PASSED, .ms = 12345, .boots = 1, .why = "" } },
	{ .name = "02-b",
	  .title = "B",
	  .log = "o/02-b/serial.log",
	  .result = { .verdict = VERDICT_FAILED, .ms = 2000, .boots = 2, .why = "x.scn:3:1: no <\"&>\nsecond\033" } },
	{ .name = "03-c",
	  .title = "C",
	  .log = "o/03-c/serial.log",
	  .result = { .verdict = VERDICT_SKIPPED, .ms = 0, .boots = 0, .why = "no ssh" } },
};

static void people_read_a_line_and_the_reason(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		report_line(&cases[i], &b);
	assert_string_equal(b.data, "ok    01-a                     12.3 s  A\n"
				    "FAIL  02-b                      2.0 s  B\n"
				    "      x.scn:3:1: no <\"&>\n"
				    "      second\033\n"
				    "      all of it: o/02-b/serial.log\n"
				    "SKIP  03-c                      0.0 s  C\n"
				    "      no ssh\n");
	buf_done(&b);
}

static void junit_is_escaped_and_counts(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	report_junit("dir/w.raw", cases, 3, &b);
	assert_non_null(strstr(b.data, "<testsuite name=\"w.raw\" tests=\"3\" failures=\"1\" "
				       "skipped=\"1\" time=\"14.3\">"));
	assert_non_null(strstr(b.data,
			       "<failure message=\"x.scn:3:1: no &lt;&quot;&amp;&gt;\">"
			       "x.scn:3:1: no &lt;&quot;&amp;&gt;&#10;second?</failure>"));
	assert_non_null(strstr(b.data, "<skipped message=\"no ssh\">no ssh</skipped>\n"
				       "    </testcase>"));
	buf_done(&b);
}

static void base64_is_rfc_4648(void **state)
{
	static const char *const rows[][2] = {
		{ "", "" },	   { "f", "Zg==" },	   { "fo", "Zm8=" },
		{ "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "\xff\xfe\xfd", "//79" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = ssh_base64(rows[i][0], strlen(rows[i][0]));

		assert_string_equal(text, rows[i][1]);
		free(text);
	}
}

static void the_forwarded_port_is_found(void **state)
{
	(void)state;
	assert_int_equal(
		ssh_port_of("Hub -1 (net):\r\n"
			    "  Protocol[State]    FD  Source Address  Port   Dest. Address\r\n"
			    "  TCP[HOST_FORWARD]  13       127.0.0.1 45123       10.0.2.15    80"
			    "     0     0\r\n"
			    "  TCP[HOST_FORWARD]  14       127.0.0.1 45124       10.0.2.15    22"
			    "     0     0\r\n"),
		45124);
	assert_int_equal(ssh_port_of("TCP[ESTABLISHED] 14 127.0.0.1 45124 10.0.2.15 22 0 0"), 0);
	assert_int_equal(ssh_port_of(""), 0);
}

static void durations_have_units_and_bounds(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} rows[] = { { "60", 60000 },  { "60s", 60000 },
		     { "5m", 300000 }, { "500ms", 500 },
		     { "0", 0 },       { "", 0 },
		     { "5x", 0 },      { "-1", 0 },
		     { "1h", 0 },      { "99999999999999999999s", 0 },
		     { "1441m", 0 },   { " 1", 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t ms = 0;

		assert_int_equal(clock_duration(rows[i].text, &ms), rows[i].ms ? 0 : -EINVAL);
		assert_int_equal(ms, rows[i].ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(people_read_a_line_and_the_reason),
		cmocka_unit_test(junit_is_escaped_and_counts),
		cmocka_unit_test(base64_is_rfc_4648),
		cmocka_unit_test(the_forwarded_port_is_found),
		cmocka_unit_test(durations_have_units_and_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

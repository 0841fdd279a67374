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
#include "qemu/report_text.h"
#include "qemu/ssh.h"

static struct report_case cases[4];
static struct report report = { .image = "dir/w.raw",
				.output = "o",
				.accel = "tcg",
				.started = 1795464900,
				.wall_ms = 7000,
				.cases = cases,
				.n = 3 };

static int make_report(void **state)
{
	(void)state;
	cases[0] = (struct report_case){ .name = "01-a", .title = "A", .log = "o/01-a/serial.log",
					 .result = { .verdict = VERDICT_PASSED, .ms = 12345, .boots = 1 } };
	cases[1] = (struct report_case){ .name = "02-b", .title = "B", .log = "o/02-b/serial.log",
					 .result = { .verdict = VERDICT_FAILED, .ms = 2000, .boots = 2,
						     .failed_slot = 'a', .failed_version = "1.0.0",
						     .failed_stage = "verity", .failed_reason = "no-verdict",
						     .why = "x.scn:3:1: no <\"&>\r\nsecond\033[1m" } };
	cases[2] = (struct report_case){ .name = "03-c", .title = "C", .log = "o/03-c/serial.log",
					 .result = { .verdict = VERDICT_SKIPPED, .why = "no ssh" } };
	/* The first one's boot: confirmed 9 s after power on. */
	timeline_start(&cases[0].result.timeline, 100);
	timeline_line(&cases[0].result.timeline, 3100, "kiln: selector 0.1");
	timeline_line(&cases[0].result.timeline, 9100, "kiln-health: confirmed slot a");
	timeline_stop(&cases[0].result.timeline, 9600, TIMELINE_CUT);
	cases[0].result.record.n = 1;
	cases[0].result.record.boot[0].n = 1;
	cases[0].result.record.boot[0].start[0] = (struct bs_boot){
		.number = 1, .slot = 0, .stage = BS_STAGE_CONFIRMED, .version = "1.0.0"
	};
	return 0;
}

static void people_read_a_line_and_the_reason(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		report_line(&cases[i], &b);
	assert_string_equal(b.data, "ok    01-a                     12.3 s  A\n"
				    "FAIL  02-b                      2.0 s  B\n"
				    "      x.scn:3:1: no <\"&>\n"
				    "      second?[1m\n"
				    "      all of it: o/02-b/serial.log\n"
				    "SKIP  03-c                      0.0 s  C\n"
				    "      no ssh\n");
	buf_done(&b);
}

static void the_table_is_aligned(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	report_table(&report, false, &b);
	assert_string_equal(b.data, "scenario  verdict  boots  the machine recorded         confirmed after   total\n"
				    "------------------------------------------------------------------------------\n"
				    "01-a      ok           1  -                                      9.0 s  12.3 s\n"
				    "02-b      FAIL         2  a 1.0.0: verity, no-verdict                -   2.0 s\n"
				    "03-c      SKIP         0  -                                          -   0.0 s\n"
				    "\n"
				    "1 passed, 1 failed, 1 skipped in 7.0 s; 14.3 s of machine time, 3 boots\n");
	buf_done(&b);
}

static void widths_count_characters_not_bytes(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	cases[0].name = "gr\xc3\xb6\xc3\x9f" "er\033[2J";
	report_table(&report, true, &b);
	assert_non_null(strstr(b.data, "\ngr\xc3\xb6\xc3\x9f" "er?[2J  ok           1  \u2014    "));
	assert_non_null(strstr(b.data, "\n02-b        FAIL         2  a 1.0.0"));
	buf_done(&b);
	/* A terminal that cannot show them gets one mark for each. */
	report_table(&report, false, &b);
	assert_non_null(strstr(b.data, "\ngr??er?[2J  ok "));
	assert_null(strpbrk(b.data, "\xc3\xe2\033"));
	buf_done(&b);
}

static void junit_is_escaped_and_counts(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	report_junit(&report, &b);
	assert_non_null(strstr(b.data, "<testsuite name=\"w.raw\" tests=\"3\" failures=\"1\" errors=\"0\" "
				       "skipped=\"1\" time=\"14.345\" timestamp=\"2026-11-23T20:15:00Z\">"));
	assert_non_null(strstr(b.data, "<failure message=\"x.scn:3:1: no &lt;&quot;&amp;&gt;\">"
				       "x.scn:3:1: no &lt;&quot;&amp;&gt;\nsecond</failure>"));
	assert_non_null(strstr(b.data, "<skipped message=\"no ssh\">no ssh</skipped>\n    </testcase>"));
	assert_non_null(strstr(b.data, "        <property name=\"recovery_ms\" value=\"9000\"/>\n"));
	assert_non_null(strstr(b.data, "        <property name=\"recorded.slot\" value=\"a\"/>\n"
				       "        <property name=\"recorded.version\" value=\"1.0.0\"/>\n"
				       "        <property name=\"recorded.stage\" value=\"verity\"/>\n"
				       "        <property name=\"recorded.reason\" value=\"no-verdict\"/>\n"));
	assert_non_null(strstr(b.data, "<system-out>[[ATTACHMENT|o/01-a/serial.log]]\n"
				       "[[ATTACHMENT|o/01-a/timeline.txt]]\n"
				       "[[ATTACHMENT|o/01-a/boot-1.log]]\n</system-out>"));
	/* Nothing ran, nothing to attach. */
	assert_null(strstr(b.data, "o/03-c"));
	buf_done(&b);
}

static void json_has_what_the_manual_says(void **state)
{
	static const char *const wanted[] = {
		"\"format\": 1,",
		"\"image\": \"dir/w.raw\"",
		"\"accelerator\": \"tcg\"",
		"\"firmware\": null",
		"\"started\": \"2026-11-23T20:15:00Z\"",
		"\"passed\": 1,\n  \"failed\": 1,\n  \"skipped\": 1,\n  \"boots\": 3,\n  \"wall_ms\": 7000,\n"
		"  \"machine_ms\": 14345,",
		"\"slots\": [\n    {\n      \"slot\": \"b\",\n      \"name\": \"w\",\n      \"version\": \"1.1\",\n"
		"      \"root_hash\": \"ab0000000000000000000000000000000000000000000000000000000000000",
		"\"name\": \"01-a\",\n      \"title\": \"A\",\n      \"verdict\": \"passed\",\n      \"why\": null,\n"
		"      \"total_ms\": 12345,\n      \"recovery_ms\": 9000,\n      \"boots\": 1,\n"
		"      \"last_failure\": null,\n      \"serial_log\": \"01-a/serial.log\",",
		"\"ended\": \"cut\",\n          \"stop_ms\": 9500,",
		"\"recorded\": [\n            {\n              \"number\": 1,\n              \"slot\": \"a\",\n"
		"              \"version\": \"1.0.0\",\n              \"stage\": \"confirmed\",\n"
		"              \"reason\": \"none\",\n              \"end\": \"unknown\"\n            }\n          ],\n"
		"          \"log\": \"01-a/boot-1.log\"",
		"\"verdict\": \"skipped\",\n      \"why\": \"no ssh\",",
		"\"recovery_ms\": null,\n      \"boots\": 2,\n      \"last_failure\": {\n        \"slot\": \"a\",\n"
		"        \"version\": \"1.0.0\",\n        \"stage\": \"verity\",\n        \"reason\": \"no-verdict\"",
		"\"serial_log\": null,\n      \"timeline\": []",
	};
	struct buf b = BUF_INIT;

	(void)state;
	report.slot[1] = (struct slotdesc){ .name = "w", .version = "1.1", .root_hash = { 0xab } };
	report_json(&report, &b);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!strstr(b.data, wanted[i]))
			fail_msg("no %s in\n%s", wanted[i], b.data);
	buf_done(&b);
	report.slot[1] = (struct slotdesc){ 0 };
}

static void html_concludes_what_the_exit_status_says(void **state)
{
	static const struct {
		enum verdict verdict[2];
		bool strict, passed;
		const char *words;
	} rows[] = {
		{ { VERDICT_PASSED, VERDICT_PASSED }, false, true, "Passed: all 2 scenarios<" },
		{ { VERDICT_PASSED, VERDICT_FAILED }, false, false, "Failed: 1 of 2 scenarios<" },
		{ { VERDICT_SKIPPED, VERDICT_FAILED }, false, false, "Failed: 1 of 2 scenarios<" },
		{ { VERDICT_SKIPPED, VERDICT_PASSED }, false, true, "Passed: 1 of 2 scenarios, 1 skipped<" },
		{ { VERDICT_SKIPPED, VERDICT_SKIPPED }, false, false, "Nothing was shown: 2 scenarios skipped<" },
		{ { VERDICT_PASSED, VERDICT_PASSED }, true, true, "Passed: all 2 scenarios<" },
		{ { VERDICT_SKIPPED, VERDICT_PASSED }, true, false, "Failed: 0 of 2 scenarios, and 1 skipped<" },
	};

	(void)state;
	report.n = 2;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf b = BUF_INIT;

		cases[0].result.verdict = rows[i].verdict[0];
		cases[1].result.verdict = rows[i].verdict[1];
		report.strict = rows[i].strict;
		report_html(&report, &b);
		assert_non_null(strstr(b.data, rows[i].words));
		assert_non_null(strstr(b.data, rows[i].passed ? "<header class='passed'>" : "<header class='failed'>"));
		assert_int_equal(report_conclusion(&report), rows[i].passed ? VERDICT_PASSED : VERDICT_FAILED);
		buf_done(&b);
	}
	report.n = 3;
	report.strict = false;
}

static void a_run_broken_off_has_not_passed(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	report.aborted = "interrupted <x>";
	cases[1].result.verdict = VERDICT_PASSED;
	report_html(&report, &b);
	assert_non_null(strstr(b.data, "<header class='failed'>"));
	assert_non_null(strstr(b.data, "Broken off: 1 of 3 scenarios did not run<"));
	assert_non_null(strstr(b.data, "<li>interrupted &lt;x&gt;</li>"));
	buf_done(&b);
	report_json(&report, &b);
	assert_non_null(strstr(b.data, "\"verdict\": \"failed\",\n  \"aborted\": \"interrupted <x>\","));
	buf_done(&b);
	report.aborted = NULL;
}

static void html_draws_phases_in_proportion(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	report_html(&report, &b);
	/* 3 s of firmware and 6 s until the confirm in a boot of 9.5 s that the test then ended. */
	assert_non_null(strstr(b.data, "<rect class='piece firmware' fill='#8a929b' y='4' height='16' x='0.00%' "
				       "width='31.57%'><title>firmware, 3.0 s</title></rect>"));
	assert_non_null(strstr(b.data, " x='31.57%' width='63.15%'><title>systemd, 6.0 s</title></rect>"));
	assert_non_null(strstr(b.data, " x='94.73%' width='5.26%'><title>running, 0.5 s</title></rect>"));
	assert_non_null(strstr(b.data, "aria-label='Boot 1: firmware 3.0 s, systemd 6.0 s, confirmed healthy'"));
	assert_non_null(strstr(b.data, "<a class='bar' href=\"./01-a/boot-1.log\">"));
	assert_non_null(strstr(b.data, "recorded: a 1.0.0: confirmed</p>"));
	/* The failed one is open, the others are not. */
	assert_non_null(strstr(b.data, "<details class='case failed' open='open'>"));
	assert_non_null(strstr(b.data, "<details class='case passed'>"));
	buf_done(&b);
}

static void a_fallback_is_one_line_of_time(void **state)
{
	struct timeline *t = &cases[1].result.timeline;
	const char *chart, *second;
	struct buf b = BUF_INIT;

	(void)state;
	/* A reset after 1 s of firmware and 3 of the selector, 12 s until the confirm, 4 s of running. */
	timeline_start(t, 1000);
	timeline_line(t, 2000, "kiln: selector 0.1");
	timeline_start(t, 5000);
	timeline_line(t, 17000, "kiln-health: confirmed slot b");
	timeline_stop(t, 21000, TIMELINE_CUT);
	report_html(&report, &b);
	assert_non_null(strstr(b.data, " x='0.00%' width='5.00%'><title>firmware, 1.0 s</title></rect>"));
	assert_non_null(strstr(b.data, " x='5.00%' width='15.00%'><title>selector, 3.0 s</title></rect>"
				       "<rect class='piece stopped' fill='url(#stopped)' y='4' height='16' "
				       "x='5.00%' width='15.00%'>"));
	assert_non_null(strstr(b.data, " x='20.00%' width='60.00%'><title>systemd, 12.0 s</title></rect>"));
	assert_non_null(strstr(b.data, " x='80.00%' width='20.00%'><title>running, 4.0 s</title></rect>"));
	/* The chart: the longest way first, up to the confirm. */
	chart = strstr(b.data, "<div class='chart'>");
	assert_non_null(chart);
	second = strstr(chart, "<a href='#s1'>01-a</a>");
	assert_non_null(second);
	assert_in_range(strstr(chart, "<a href='#s2'>02-b</a>") - b.data, chart - b.data, second - b.data);
	assert_in_range(strstr(chart, " x='0.00%' width='25.00%'><title>a boot that was not confirmed, 4.0 s<") -
				b.data,
			chart - b.data, second - b.data);
	assert_non_null(strstr(chart, " x='25.00%' width='75.00%'><title>a boot until it was confirmed, 12.0 s<"));
	assert_true(strstr(chart, "<title>running") > strstr(chart, "</section>"));
	assert_non_null(strstr(second, " x='0.00%' width='56.25%'><title>a boot until it was confirmed, 9.0 s<"));
	buf_done(&b);
}

static void how_a_boot_ended_in_words(void **state)
{
	static const struct {
		const char *line; /* the last thing it said */
		enum timeline_end end;
		bool last;
		const char *words;
	} rows[] = {
		{ "kiln-init: start", TIMELINE_RESET, false, "reset during early init" },
		{ "kiln: selector", TIMELINE_OFF, true, "switched off during selector" },
		{ "", TIMELINE_CUT, false, "its power was cut during firmware" },
		{ "", TIMELINE_CUT, true, "still in firmware when the test ended" },
		{ "web login: ", TIMELINE_CUT, true, "came up, was not confirmed" },
		{ "web login: ", TIMELINE_RESET, true, "came up, was not confirmed; reset later" },
		{ "kiln-health: confirmed", TIMELINE_CUT, true, "confirmed healthy" },
		{ "kiln-health: confirmed", TIMELINE_CUT, false, "confirmed healthy; its power was cut later" },
		{ "kiln-health: confirmed", TIMELINE_OFF, false, "confirmed healthy; switched off later" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct timeline t;
		struct buf b = BUF_INIT;

		timeline_init(&t);
		timeline_start(&t, 0);
		timeline_line(&t, 5, rows[i].line);
		timeline_stop(&t, 9, rows[i].end);
		if (!rows[i].last)
			timeline_start(&t, 10);
		report_boot_words(&t, 0, &b);
		assert_string_equal(b.data, rows[i].words);
		buf_done(&b);
	}
}

static void durations_are_said_as_people_do(void **state)
{
	static const struct {
		uint64_t ms;
		const char *words;
	} rows[] = {
		{ 0, "0.0 s" },	       { 49, "0.0 s" },	       { 50, "0.1 s" },
		{ 99949, "99.9 s" },   { 99950, "100 s" },     { 599499, "599 s" },
		{ 599500, "10 min 0 s" }, { 754000, "12 min 34 s" }, { 3720000, "1 h 2 min" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf b = BUF_INIT;

		report_duration(rows[i].ms, &b);
		assert_string_equal(b.data, rows[i].words);
		buf_done(&b);
	}
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
		cmocka_unit_test_setup(people_read_a_line_and_the_reason, make_report),
		cmocka_unit_test_setup(the_table_is_aligned, make_report),
		cmocka_unit_test_setup(widths_count_characters_not_bytes, make_report),
		cmocka_unit_test_setup(junit_is_escaped_and_counts, make_report),
		cmocka_unit_test_setup(json_has_what_the_manual_says, make_report),
		cmocka_unit_test_setup(html_concludes_what_the_exit_status_says, make_report),
		cmocka_unit_test_setup(a_run_broken_off_has_not_passed, make_report),
		cmocka_unit_test_setup(html_draws_phases_in_proportion, make_report),
		cmocka_unit_test_setup(a_fallback_is_one_line_of_time, make_report),
		cmocka_unit_test(how_a_boot_ended_in_words),
		cmocka_unit_test(durations_are_said_as_people_do),
		cmocka_unit_test(base64_is_rfc_4648),
		cmocka_unit_test(the_forwarded_port_is_found),
		cmocka_unit_test(durations_have_units_and_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

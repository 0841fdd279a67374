/* Scenario files: what they mean, and how mistakes are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "qemu/scenario.h"

static struct err err;

static struct scenario *parse(const char *text)
{
	err_init(&err);
	return scenario_parse("dir/x.scn", text, strlen(text), &err);
}

static void a_whole_file_is_understood(void **state)
{
	struct scenario *s = parse("# a comment\n"
				   "title \"two \\\"words\\\"\" # and another\r\n"
				   "needs ssh\n"
				   "memory 512M\n"
				   "disk-size 4G\n"
				   "disk nvme\n"
				   "watchdog itco\n"
				   "deadline 5m\n"
				   "\n"
				   "clone slot-a slot-b\n"
				   "corrupt slot-b hash block 7 count 3\n"
				   "corrupt boot-state copy 1\n"
				   "boot\n"
				   "  expect serial \"kiln: selector\" 500ms\n"
				   "expect slot b\n"
				   "run \"false\" expect \"x\" status 1 5s\n"
				   "power off 10\n"
				   "expect state slot-a bad");

	(void)state;
	assert_string_equal(err.text, "");
	assert_non_null(s);
	assert_string_equal(s->name, "x");
	assert_string_equal(s->title, "two \"words\"");
	assert_true(s->needs_ssh);
	assert_int_equal(s->memory_bytes, 512 << 20);
	assert_string_equal(s->bus, "nvme");
	assert_string_equal(s->watchdog, "itco");
	assert_int_equal(s->deadline_ms, 300000);
	assert_int_equal(s->n, 9);
	assert_int_equal(s->step[0].kind, STEP_CLONE);
	assert_int_equal(s->step[0].slot, 0);
	assert_int_equal(s->step[1].target, TARGET_HASH);
	assert_int_equal(s->step[1].slot, 1);
	assert_int_equal(s->step[1].block, 7);
	assert_int_equal(s->step[1].count, 3);
	assert_int_equal(s->step[2].target, TARGET_BOOT_STATE);
	assert_int_equal(s->step[4].timeout_ms, 500);
	assert_int_equal(s->step[4].line, 14);
	assert_int_equal(s->step[4].column, 3);
	assert_int_equal(s->step[6].status, 1);
	assert_string_equal(s->step[6].expect, "x");
	assert_int_equal(s->step[7].timeout_ms, 10000);
	assert_string_equal(s->step[8].text, "bad");
	scenario_free(s);
}

static void what_is_put_where_and_expected_of_the_uki(void **state)
{
	struct scenario *s = parse("needs ssh\n"
				   "smbios \"io.systemd.x=a,b c\"\n"
				   "smbios \"second\"\n"
				   "put esp \"/loader/x.cred\" \"one\\ntwo\"\n"
				   "put esp \"/uki.efi\" uki slot-b\n"
				   "corrupt slot-b section \".initrd\"\n"
				   "boot\n"
				   "expect uki slot-b 5s\n");
	char text[256];

	(void)state;
	assert_string_equal(err.text, "");
	assert_non_null(s);
	assert_int_equal(s->n_smbios, 2);
	assert_string_equal(s->smbios[0], "io.systemd.x=a,b c");
	assert_string_equal(s->smbios[1], "second");
	assert_int_equal(s->step[0].kind, STEP_PUT);
	assert_string_equal(s->step[0].text, "/loader/x.cred");
	assert_string_equal(s->step[0].expect, "one\ntwo");
	assert_int_equal(s->step[1].kind, STEP_PUT);
	assert_null(s->step[1].expect);
	assert_int_equal(s->step[1].slot, 1);
	assert_int_equal(s->step[2].target, TARGET_SECTION);
	assert_int_equal(s->step[2].slot, 1);
	assert_string_equal(s->step[2].text, ".initrd");
	assert_int_equal(s->step[4].kind, STEP_EXPECT_UKI);
	assert_int_equal(s->step[4].slot, 1);
	assert_int_equal(s->step[4].timeout_ms, 5000);
	scenario_step_text(&s->step[4], text, sizeof(text));
	assert_string_equal(text, "expect uki slot-b");
	scenario_step_text(&s->step[1], text, sizeof(text));
	assert_string_equal(text, "put esp \"/uki.efi\"");
	scenario_free(s);
}

static void refusals_name_the_place(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "1:1: the scenario never switches the machine on: 'boot' is missing" },
		{ "bot\n", "1:1: unknown command 'bot'; did you mean 'boot'?" },
		{ "\"boot\"\n", "1:1: unknown command 'boot'; did you mean 'boot'?" },
		{ "boot now\n", "1:6: 'now' is too much here" },
		{ "boot\nexpect serial\n",
		  "2:14: the text expected must stand here, in double quotes" },
		{ "boot\nexpect serial \"\"\n", "2:15: the text expected must not be empty" },
		{ "boot\nexpect serial \"a\n", "2:15: the text has no closing '\"'" },
		{ "boot\nexpect serial \"\\x\"\n", "2:17: unknown escape '\\x' in a text" },
		{ "boot\nexpect serial \"a\" soon\n", "2:19: 'soon' is not a time such as 60s" },
		{ "boot\nexpect serial \"a\" 0s\n", "2:19: '0s' is not a time such as 60s" },
		{ "boot\nexpect slot c\n", "2:13: 'c' is not one of: a, b" },
		{ "boot\nrun \"x\"\n", "2:1: 'run' needs the line 'needs ssh' above" },
		{ "boot\nmemory 1G\n", "2:1: 'memory' must stand before the first action" },
		{ "memory 1X\nboot\n", "1:8: a size such as 512M must stand here" },
		{ "watchdog softdog\nboot\n",
		  "1:10: 'softdog' is not one of: i6300esb, itco, none" },
		{ "boot\nwatchdog itco\n", "2:1: 'watchdog' must stand before the first action" },
		{ "cpus 65\nboot\n", "1:6: the number of CPUs is at most 64" },
		{ "cpus -1\nboot\n", "1:6: the number of CPUs must be a number" },
		{ "boot\ncorrupt boot-state copy 2\n", "2:25: the copy is at most 1" },
		{ "boot\ninstall slot-b broken\n", "2:16: 'broken' is not one of: healthy, kernel-panics, "
						    "memory-short, kernel-hangs, init-exits, module-missing, "
						    "other-key, init-missing, unit-fails, unit-hangs, unit-crashes, "
						    "panics-in-boot, memory-eaten, panics-later" },
		{ "boot\ncorrupt slot-b root top\n", "2:21: 'block N' must stand here" },
		{ "boot\nread error slot-b uki swap\n", "2:23: 'block N' must stand here" },
		{ "boot\nread error slot-b section \".x\"\n", "2:19: 'section' is not one of: uki, root, hash, sig" },
		{ "boot\ncheck crashes\n", "2:1: 'check crashes' needs the line 'record writes' above" },
		{ "rtc \"yesterday\"\nboot\n", "1:5: a date and time is written \"1970-01-31T23:59:59\"" },
		{ "boot\nclone slot-a slot-a\n", "2:14: a slot is not cloned onto itself" },
		{ "boot\nput disk \"/x\" \"y\"\n", "2:5: 'disk' is not one of: esp" },
		{ "boot\nput esp \"x\" \"y\"\n",
		  "2:9: a path on the ESP is written \"/NAME/NAME\"" },
		{ "boot\nput esp \"/a/../b\" \"y\"\n",
		  "2:9: a path on the ESP is written \"/NAME/NAME\"" },
		{ "boot\nput esp \"/x\"\n",
		  "2:13: the file's content must stand here, in double quotes" },
		{ "boot\nput esp \"/x\" uki slot-c\n", "2:18: 'slot-c' is not one of: slot-a, slot-b" },
		{ "boot\nexpect uki slot-a\n", "2:1: 'expect uki' needs the line 'needs ssh' above" },
		{ "boot\ncorrupt slot-a section\n",
		  "2:23: the section's name must stand here, in double quotes" },
		{ "boot\nsmbios \"x\"\n", "2:1: 'smbios' must stand before the first action" },
		{ "smbios \"1\"\nsmbios \"2\"\nsmbios \"3\"\nsmbios \"4\"\nsmbios \"5\"\n"
		  "smbios \"6\"\nsmbios \"7\"\nsmbios \"8\"\nsmbios \"9\"\nboot\n",
		  "9:1: more than 8 SMBIOS strings" },
		{ "boot\ncorrupt state copy 1\n", "2:15: 'block N' must stand here" },
		{ "boot\nwipe slot-a\n", "2:6: 'slot-a' is not one of: state" },
		{ "boot\nexpect log slot-a verity\n",
		  "2:19: the text expected must stand here, in double quotes" },
		{ "a b c d e f g h i j k l m\n", "1:25: too many words" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_null(parse(rows[i].text));
		assert_memory_equal(err.text, "dir/x.scn:", 10);
		assert_string_equal(err.text + 10, rows[i].why);
	}
}

static void the_watchdog_is_one_of_three(void **state)
{
	static const char *const kinds[] = { "i6300esb", "itco", "none" };
	char text[64];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct scenario *s;

		snprintf(text, sizeof(text), "watchdog %s\nboot\n", kinds[i]);
		s = parse(text);
		assert_non_null(s);
		assert_string_equal(s->watchdog, kinds[i]);
		scenario_free(s);
	}
	/* Left out, the lab decides. */
	struct scenario *s = parse("boot\n");

	assert_non_null(s);
	assert_null(s->watchdog);
	scenario_free(s);
}

static void what_failed_may_be_expected(void **state)
{
	struct scenario *s = parse("wipe state\ncorrupt state block 3 count 2\nboot\n"
				   "expect reason slot-b verity\nexpect log slot-a \"x y\"\n");
	char text[64];

	(void)state;
	assert_string_equal(err.text, "");
	assert_int_equal(s->step[0].kind, STEP_WIPE);
	assert_int_equal(s->step[1].target, TARGET_STATE);
	assert_int_equal(s->step[1].block, 3);
	assert_int_equal(s->step[1].count, 2);
	assert_int_equal(s->step[3].slot, 1);
	assert_string_equal(s->step[3].text, "verity");
	assert_string_equal(s->step[4].text, "x y");
	scenario_step_text(&s->step[3], text, sizeof(text));
	assert_string_equal(text, "expect reason slot-b verity");
	scenario_step_text(&s->step[4], text, sizeof(text));
	assert_string_equal(text, "expect log slot-a \"x y\"");
	scenario_free(s);
	assert_null(parse("boot\nexpect reason slot-a veritas\n"));
	assert_non_null(strstr(err.text, "2:22: 'veritas' is not one of: none, no-verdict,"));
	assert_non_null(strstr(err.text, ", shut-down")); /* the last of them */
}

static void faults_and_versions_are_understood(void **state)
{
	static const struct {
		const char *line;
		enum step_kind kind;
		enum step_target target;
		enum step_place place;
	} spots[] = {
		{ "corrupt slot-b uki truncate", STEP_CORRUPT, TARGET_UKI, PLACE_TRUNCATE },
		{ "corrupt slot-b uki swap", STEP_CORRUPT, TARGET_UKI, PLACE_SWAP },
		{ "corrupt slot-b sig zero", STEP_CORRUPT, TARGET_SIG, PLACE_ZERO },
		{ "corrupt slot-b root metadata", STEP_CORRUPT, TARGET_ROOT, PLACE_METADATA },
		{ "corrupt slot-b root middle", STEP_CORRUPT, TARGET_ROOT, PLACE_MIDDLE },
		{ "corrupt slot-b hash top", STEP_CORRUPT, TARGET_HASH, PLACE_TOP },
		{ "corrupt slot-b verity-superblock", STEP_CORRUPT, TARGET_SUPERBLOCK, PLACE_BLOCK },
		{ "read error slot-b root last", STEP_READ_ERROR, TARGET_ROOT, PLACE_LAST },
		{ "read error slot-b hash leaf", STEP_READ_ERROR, TARGET_HASH, PLACE_LEAF },
		{ "read error gpt backup", STEP_READ_ERROR, TARGET_GPT, PLACE_BLOCK },
	};
	struct scenario *s;
	char text[200];

	(void)state;
	for (size_t i = 0; i < sizeof(spots) / sizeof(spots[0]); i++) {
		snprintf(text, sizeof(text), "%s\nboot\n", spots[i].line);
		s = parse(text);
		if (!s)
			fail_msg("%s", err.text);
		assert_int_equal(s->step[0].kind, spots[i].kind);
		assert_int_equal(s->step[0].target, spots[i].target);
		assert_int_equal(s->step[0].place, spots[i].place);
		scenario_free(s);
	}
	s = parse("start confirmed\nneeds watchdog\nrtc \"1970-01-01T00:00:00\"\nrecord writes\n"
		  "install slot-b unit-fails version \"2\" tries 2 root 80M retry\n"
		  "install slot-b next tries 1\nrefuse install slot-b healthy\n"
		  "drop partition \"root-b\"\nfill state\nread ok\nboot\n"
		  "expect confirmed a boots 4 9s\ncheck crashes boots 40\n");
	if (!s)
		fail_msg("%s", err.text);
	assert_true(s->starts_confirmed && s->needs_watchdog && s->records_writes);
	assert_string_equal(s->rtc, "1970-01-01T00:00:00");
	assert_string_equal(s->step[0].text, "unit-fails");
	assert_string_equal(s->step[0].expect, "2");
	assert_int_equal(s->step[0].tries, 2);
	assert_int_equal(s->step[0].bytes, 80 << 20);
	assert_true(s->step[0].retry && !s->step[0].next);
	assert_true(s->needs_next && s->step[1].next && !s->step[1].retry);
	assert_int_equal(s->step[2].kind, STEP_REFUSE_INSTALL);
	assert_int_equal(s->step[7].kind, STEP_EXPECT_CONFIRMED);
	assert_int_equal(s->step[7].count, 4);
	assert_int_equal(s->step[7].timeout_ms, 9000);
	assert_int_equal(s->step[8].count, 40);
	scenario_free(s);
}

static void all_mistakes_are_told_at_once(void **state)
{
	(void)state;
	assert_null(parse("x\nboot\ny\n"));
	assert_string_equal(err.text, "dir/x.scn:1:1: unknown command 'x'\n"
				      "dir/x.scn:3:1: unknown command 'y'");
}

static void the_longest_file_is_bounded(void **state)
{
	static char big[SCENARIO_BYTES_MAX + 2];

	(void)state;
	memset(big, '\n', sizeof(big) - 1);
	assert_null(parse(big));
	assert_non_null(strstr(err.text, "at most 65536 bytes"));
	big[0] = '\0';
	for (unsigned i = 0; i <= SCENARIO_STEPS_MAX; i++)
		strcat(big, "boot\n");
	assert_null(parse(big));
	assert_non_null(strstr(err.text, "257:1: more than 256 actions"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_file_is_understood),
		cmocka_unit_test(what_is_put_where_and_expected_of_the_uki),
		cmocka_unit_test(refusals_name_the_place),
		cmocka_unit_test(the_watchdog_is_one_of_three),
		cmocka_unit_test(what_failed_may_be_expected),
		cmocka_unit_test(faults_and_versions_are_understood),
		cmocka_unit_test(all_mistakes_are_told_at_once),
		cmocka_unit_test(the_longest_file_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

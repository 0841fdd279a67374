/* The last words of a kernel: parts put in order, the newest panic only, and what it was about. */
#include "bootloader/initramfs/pstore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"

#define RECORD(t, s) { .time_s = (t), .data = (s), .len = sizeof(s) - 1 }

static char out[4096];
static size_t len;

static enum pstore_kind newest(const struct pstore_record *records, size_t n)
{
	enum pstore_kind kind;

	len = 0;
	kind = pstore_newest(records, n, out, sizeof(out) - 1, &len);
	out[len] = '\0';
	return kind;
}

static void parts_are_put_together_oldest_line_first(void **state)
{
	static const struct pstore_record records[] = {
		RECORD(100, "Panic#1 Part2\nmiddle\n"),
		RECORD(100, "Panic#1 Part1\nlast\n"),
		RECORD(99, "Panic#1 Part3\nfirst\n"),
	};

	(void)state;
	assert_int_equal(newest(records, ARRAY_SIZE(records)), PSTORE_PANIC);
	assert_string_equal(out, "first\nmiddle\nlast\n");
}

static void a_missing_part_leaves_a_gap_and_no_more(void **state)
{
	static const struct pstore_record records[] = {
		RECORD(100, "Panic#1 Part1\nlast\n"),
		RECORD(100, "Panic#1 Part3\nfirst\n"),
	};

	(void)state;
	assert_int_equal(newest(records, ARRAY_SIZE(records)), PSTORE_PANIC);
	assert_string_equal(out, "first\nlast\n");
}

static void only_the_newest_panic_is_told(void **state)
{
	static const struct pstore_record records[] = {
		RECORD(100, "Panic#1 Part1\nold\n"),  RECORD(100, "Panic#1 Part2\nold too\n"),
		RECORD(500, "Panic#1 Part1\nnew\n"),  RECORD(900, "Oops#1 Part1\nan oops later\n"),
		RECORD(500, "Oops#1 Part1\noops before\n"),
	};

	(void)state;
	assert_int_equal(newest(records, ARRAY_SIZE(records)), PSTORE_PANIC);
	assert_string_equal(out, "new\n");
}

static void parts_of_a_panic_seconds_earlier_do_not_replace_its_own(void **state)
{
	static const struct pstore_record records[] = {
		RECORD(100, "Panic#1 Part1\nold\n"),
		RECORD(105, "Panic#1 Part1\nnew\n"),
		RECORD(104, "Panic#1 Part2\nnew before\n"),
		RECORD(100, "Panic#1 Part2\nold before\n"),
	};

	(void)state;
	assert_int_equal(newest(records, ARRAY_SIZE(records)), PSTORE_PANIC);
	assert_string_equal(out, "new before\nnew\n");
}

static void without_a_panic_an_oops_is_told(void **state)
{
	static const struct pstore_record records[] = {
		RECORD(100, "Oops#1 Part1\nfirst\n"),
		RECORD(101, "Oops#2 Part1\nsecond\n"),
		RECORD(102, "Shutdown#3 Part1\nno dump\n"),
	};

	(void)state;
	assert_int_equal(newest(records, ARRAY_SIZE(records)), PSTORE_OOPS);
	assert_string_equal(out, "second\n");
}

static void too_long_a_log_keeps_its_end(void **state)
{
	static char big[6000] = "Panic#1 Part2\n";
	struct pstore_record records[] = {
		RECORD(100, "Panic#1 Part1\nlast\n"),
		{ .time_s = 100, .data = big, .len = sizeof(big) },
	};

	(void)state;
	memset(big + 14, 'x', sizeof(big) - 14);
	big[sizeof(big) - 1] = '\n';
	assert_int_equal(newest(records, ARRAY_SIZE(records)), PSTORE_PANIC);
	assert_int_equal(len, sizeof(out) - 1);
	assert_string_equal(out + len - 7, "x\nlast\n");
}

static void what_is_no_dump_is_not_one(void **state)
{
	static const char *const bad[] = {
		"", "\n", "Panic", "Panic#1 Part1", "Panic#1\n", "Panic#1 Part\n", "Panic#1 Part0\n",
		"Panic#1 Part100\n", "Panic#x Part1\n", "Panic# Part1\n", "Panic#1 Part1 \n",
		"Panic#4294967296 Part1\n", "Panic#1  Part1\n", "#\n", "Panic 1 Part1\n",
	};
	struct pstore_head h = { .count = 77 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct pstore_record one = { .data = bad[i], .len = strlen(bad[i]) };

		if (pstore_head_parse(bad[i], strlen(bad[i]), &h))
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(h.count, 77);
		assert_int_equal(newest(&one, 1), PSTORE_OTHER);
	}
	assert_int_equal(newest(NULL, 0), PSTORE_OTHER);
	assert_true(pstore_head_parse("panic#1 Part1\n", 14, &h));
	assert_int_equal(h.kind, PSTORE_OTHER);
	assert_int_equal(h.head_bytes, 14);
}

static void file_names_tell_dumps_in_plain_text(void **state)
{
	(void)state;
	assert_true(pstore_is_dump("dmesg-efi_pstore-176407702101001"));
	assert_true(pstore_is_dump("dmesg-erst-6634923"));
	assert_false(pstore_is_dump("dmesg-efi_pstore-176407702101001.enc.z"));
	assert_false(pstore_is_dump("console-ramoops-0"));
	assert_false(pstore_is_dump(""));
	assert_false(pstore_is_dump(".z"));
}

static void the_panic_line_says_what_it_was_about(void **state)
{
	static const struct {
		const char *text;
		enum bs_reason reason;
	} table[] = {
		{ "a\nKernel panic - not syncing: sysrq triggered crash\nb\n", BS_REASON_PANIC },
		{ "Kernel panic - not syncing: dm-verity device corrupted\n", BS_REASON_VERITY },
		{ "dm-verity device corrupted\nKernel panic - not syncing: x\n", BS_REASON_PANIC },
		{ "Kernel panic - not syncing: x\ndm-verity device corrupted\n", BS_REASON_PANIC },
		{ "Kernel panic - not syncing: System is deadlocked on memory", BS_REASON_MEMORY },
		{ "Kernel panic - not syncing: Out of memory: compulsory panic_on_oom is enabled\n",
		  BS_REASON_MEMORY },
		{ "kiln-init: gives up: no-device: x\n"
		  "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100\n",
		  BS_REASON_NO_DEVICE },
		{ "kiln-init: gives up: no-device: x\nKernel panic - not syncing: other\n",
		  BS_REASON_PANIC },
		{ "Kernel panic - not syncing: Attempted to kill init!\n", BS_REASON_PANIC },
		{ "", BS_REASON_PANIC },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		assert_int_equal(pstore_reason(table[i].text, strlen(table[i].text)), table[i].reason);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_are_put_together_oldest_line_first),
		cmocka_unit_test(a_missing_part_leaves_a_gap_and_no_more),
		cmocka_unit_test(only_the_newest_panic_is_told),
		cmocka_unit_test(parts_of_a_panic_seconds_earlier_do_not_replace_its_own),
		cmocka_unit_test(without_a_panic_an_oops_is_told),
		cmocka_unit_test(too_long_a_log_keeps_its_end),
		cmocka_unit_test(what_is_no_dump_is_not_one),
		cmocka_unit_test(file_names_tell_dumps_in_plain_text),
		cmocka_unit_test(the_panic_line_says_what_it_was_about),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

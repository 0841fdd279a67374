/* What a boot leaves behind, and what the next one finds out about it, on a real file. */
#include "bootloader/initramfs/record.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/io.h"
#include "lib/core/flight.h"

static struct record rec;
static int fd = -1;

static struct rawdisk_window window(void)
{
	return (struct rawdisk_window){ .fd = fd, .size_bytes = BS_PARTITION_BYTES };
}

/* A boot-state partition with one ready image in slot a. */
static int set_up(void **state)
{
	const struct slotdesc image = { .uki_bytes = 100, .name = "web", .version = "1",
					.root_hash = { 7 } };
	char path[] = "/tmp/kiln-record-XXXXXX";
	struct rawdisk_window w;
	static struct bs_disk disk;
	static struct bs bs;
	struct disk_ops ops;

	(void)state;
	fd = mkstemp(path);
	unlink(path);
	if (fd < 0 || ftruncate(fd, BS_PARTITION_BYTES))
		return -1;
	w = window();
	ops = rawdisk_ops(&w);
	if (bs_init_fresh(&image, 3, &bs) || bs_create(&disk, &ops, &bs))
		return -1;
	return record_open(&rec, &w);
}

static int tear_down(void **state)
{
	(void)state;
	return close(fd);
}

/* The selector starts slot a: the record is ours to write. */
static void start(void)
{
	struct rawdisk_window w = window();

	assert_int_equal(record_open(&rec, &w), 0);
	assert_int_equal(bs_count_start(&rec.bs, 0), 0);
	assert_int_equal(bs_set_stage(&rec.bs, BS_STAGE_LOADED), 0);
	assert_int_equal(bs_store(&rec.disk, &rec.bs), 0);
	rec.writable = true;
}

/* Read the state again, as the next program would. */
static void reload(void)
{
	struct rawdisk_window w = window();

	assert_int_equal(record_open(&rec, &w), 0);
	rec.writable = true;
}

static bool entry_of(uint64_t boot, struct flight *f, char *text, size_t size)
{
	static uint8_t entry[FLIGHT_ENTRY_BYTES];
	const char *t;

	assert_int_equal(io_pread_all(fd, entry, sizeof(entry), FLIGHT_OFFSET(boot)), 0);
	if (flight_decode(entry, f, &t) || f->boot != boot)
		return false;
	memset(text, 0, size);
	memcpy(text, t, f->text_bytes < size ? f->text_bytes : size - 1);
	return true;
}

static void a_failure_is_stored_once_the_boot_was_counted(void **state)
{
	(void)state;
	assert_false(record_failure(&rec, BS_REASON_VERITY, false));
	start();
	assert_true(record_failure(&rec, BS_REASON_MODULES, false));
	reload();
	assert_int_equal(rec.bs.ring[0].reason, BS_REASON_MODULES);
	assert_int_equal(rec.bs.slot[0].tries_left, 2);
	assert_true(record_failure(&rec, BS_REASON_SIGNATURE, true));
	reload();
	assert_int_equal(rec.bs.ring[0].reason, BS_REASON_SIGNATURE);
	assert_int_equal(rec.bs.slot[0].tries_left, 0);
}

static void a_disk_that_cannot_be_written_says_so(void **state)
{
	(void)state;
	start();
	rec.window.read_only = true;
	rec.ops = rawdisk_ops(&rec.window);
	assert_false(record_failure(&rec, BS_REASON_MODULES, false));
	assert_false(record_explain(&rec, BS_REASON_PANIC, "x", 1));
	assert_int_equal(record_set_promise(&rec, RECORD_PROMISE_FORMATTING), -EROFS);
}

static void a_panic_explains_the_boot_that_left_no_word(void **state)
{
	struct flight f;
	char text[64];

	(void)state;
	start();
	start();
	assert_true(record_explain(&rec, BS_REASON_PANIC, "Kernel panic", 12));
	reload();
	assert_int_equal(rec.bs.ring[1].reason, BS_REASON_PANIC);
	assert_int_equal(rec.bs.ring[0].reason, BS_REASON_NONE);
	assert_true(entry_of(1, &f, text, sizeof(text)));
	assert_int_equal(f.reason, BS_REASON_PANIC);
	assert_string_equal(text, "Kernel panic");
}

static void words_told_before_explain_nothing_more(void **state)
{
	(void)state;
	start();
	start();
	assert_true(record_explain(&rec, BS_REASON_PANIC, "Kernel panic", 12));
	start();
	assert_false(record_explain(&rec, BS_REASON_PANIC, "Kernel panic", 12));
	assert_int_equal(rec.bs.ring[1].reason, BS_REASON_NO_VERDICT);
	assert_true(record_explain(&rec, BS_REASON_PANIC, "Kernel panic!", 13));
	assert_int_equal(rec.bs.ring[1].reason, BS_REASON_PANIC);
}

static void a_boot_s_own_word_stands(void **state)
{
	struct flight f;
	char text[64];

	(void)state;
	start();
	assert_int_equal(bs_mark_failed(&rec.bs, 0, BS_REASON_HEALTH), 0);
	assert_int_equal(bs_store(&rec.disk, &rec.bs), 0);
	start();
	assert_false(record_explain(&rec, BS_REASON_PANIC, "Kernel panic", 12));
	assert_int_equal(rec.bs.ring[1].reason, BS_REASON_HEALTH);
	assert_false(entry_of(1, &f, text, sizeof(text)));
}

static void a_settled_boot_stays_a_success_but_its_panic_is_kept(void **state)
{
	struct flight f;
	char text[64];

	(void)state;
	start();
	assert_int_equal(bs_confirm(&rec.bs, 0), 0);
	assert_int_equal(bs_end_boot(&rec.bs, 0, BS_END_SETTLED), 0);
	assert_int_equal(bs_store(&rec.disk, &rec.bs), 0);
	start();
	assert_true(record_explain(&rec, BS_REASON_VERITY, "corrupted", 9));
	reload();
	assert_int_equal(rec.bs.ring[1].reason, BS_REASON_NONE);
	assert_true(entry_of(1, &f, text, sizeof(text)));
	assert_int_equal(f.reason, BS_REASON_VERITY);
	assert_string_equal(text, "corrupted");
}

static void an_oops_leaves_the_reason_as_it_is(void **state)
{
	struct flight f;
	char text[64];

	(void)state;
	start();
	start();
	assert_true(record_explain(&rec, BS_REASON_NONE, "BUG: oops", 9));
	reload();
	assert_int_equal(rec.bs.ring[1].reason, BS_REASON_NO_VERDICT);
	assert_true(entry_of(1, &f, text, sizeof(text)));
	assert_string_equal(text, "BUG: oops");
}

static void a_watchdog_has_no_words(void **state)
{
	struct flight f;
	char text[64];

	(void)state;
	start();
	start();
	assert_true(record_explain(&rec, BS_REASON_WATCHDOG, NULL, 0));
	reload();
	assert_int_equal(rec.bs.ring[1].reason, BS_REASON_WATCHDOG);
	assert_false(entry_of(1, &f, text, sizeof(text)));
	assert_false(record_explain(&rec, BS_REASON_WATCHDOG, NULL, 0));
}

static void nothing_is_explained_at_the_first_boot(void **state)
{
	(void)state;
	assert_false(record_explain(&rec, BS_REASON_PANIC, "x", 1));
	start();
	assert_false(record_explain(&rec, BS_REASON_PANIC, "x", 1));
}

static void a_promise_survives_and_is_taken_back(void **state)
{
	(void)state;
	assert_int_equal(record_promise(&rec), RECORD_PROMISE_NONE);
	assert_int_equal(record_set_promise(&rec, RECORD_PROMISE_FORMATTING), 0);
	reload();
	assert_int_equal(record_promise(&rec), RECORD_PROMISE_FORMATTING);
	assert_int_equal(record_set_promise(&rec, RECORD_PROMISE_RESET), 0);
	assert_int_equal(record_promise(&rec), RECORD_PROMISE_RESET);
	assert_int_equal(record_set_promise(&rec, RECORD_PROMISE_NONE), 0);
	reload();
	assert_int_equal(record_promise(&rec), RECORD_PROMISE_NONE);
	record_close(&rec);
	assert_int_equal(record_promise(&rec), RECORD_PROMISE_NONE);
	assert_int_equal(record_set_promise(&rec, RECORD_PROMISE_RESET), -EROFS);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_failure_is_stored_once_the_boot_was_counted),
		T(a_disk_that_cannot_be_written_says_so),
		T(a_panic_explains_the_boot_that_left_no_word),
		T(words_told_before_explain_nothing_more),
		T(a_boot_s_own_word_stands),
		T(a_settled_boot_stays_a_success_but_its_panic_is_kept),
		T(an_oops_leaves_the_reason_as_it_is),
		T(a_watchdog_has_no_words),
		T(nothing_is_explained_at_the_first_boot),
		T(a_promise_survives_and_is_taken_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The flight recorder as slotctl reads it. */
#include "update/flightlog.h"

#include "tests/unit/update/device_fixture.h"

static void write_entry(uint64_t boot, const char *text, size_t len)
{
	static uint8_t entry[FLIGHT_ENTRY_BYTES];
	struct flight f = { .boot = boot, .slot = 1, .stage = BS_STAGE_ROOT, .reason = BS_REASON_STATE,
			    .version = "1.1" };

	flight_encode(&f, text, len, entry);
	assert_int_equal(io_pwrite_all(dev.fd, entry, sizeof(entry), FLIGHT_OFFSET(boot)), 0);
}

static void what_is_written_is_read(void **state)
{
	struct flightlog log = { .text = NULL };

	(void)state;
	open_or_fail(true);
	assert_int_equal(flightlog_write(&dev, "one\ntwo\n"), 0);
	assert_int_equal(flightlog_read(&dev, 1, &log), 0);
	assert_string_equal(log.text, "one\ntwo\n");
	assert_int_equal(log.about.boot, 1);
	assert_int_equal(log.about.slot, 0);
	assert_string_equal(log.about.version, "1.0");
	flightlog_done(&log);
	assert_null(log.text);
	device_done(&dev);
}

static void a_kernels_log_reads_like_a_log(void **state)
{
	static const char raw[] = "<6>[    0.1] a\n<12>[    0.2] b <3>[x]\n<>[ no\n<4> no\n<4x>[ no\nz\0y";
	struct flightlog log = { .text = NULL };

	(void)state;
	open_or_fail(true);
	write_entry(6, raw, sizeof(raw) - 1);
	assert_int_equal(flightlog_read(&dev, 6, &log), 0);
	assert_string_equal(log.text, "[    0.1] a\n[    0.2] b <3>[x]\n<>[ no\n<4> no\n<4x>[ no\nz?y");
	assert_int_equal(log.about.text_bytes, strlen(log.text));
	flightlog_done(&log);
	/* A prefix that is cut off by the end. */
	write_entry(6, "<6", 2);
	assert_int_equal(flightlog_read(&dev, 6, &log), 0);
	assert_string_equal(log.text, "<6");
	flightlog_done(&log);
	device_done(&dev);
}

static void another_boots_entry_is_not_taken_for_this_ones(void **state)
{
	struct flightlog log = { .text = (char *)1 };

	(void)state;
	open_or_fail(true);
	assert_int_equal(flightlog_read(&dev, 5, &log), FLIGHT_E_MAGIC);
	write_entry(9, "nine", 4); /* where boot 5 would be */
	assert_int_equal(flightlog_read(&dev, 5, &log), FLIGHT_E_MAGIC);
	assert_ptr_equal(log.text, (char *)1);
	device_done(&dev);
}

static void the_list_is_newest_first_and_leaves_out_damage(void **state)
{
	struct flight heads[FLIGHT_ENTRIES];

	(void)state;
	open_or_fail(true);
	assert_int_equal(flightlog_list(&dev, heads), 0);
	write_entry(7, "seven", 5);
	write_entry(9, "nine", 4);
	write_entry(8, "eight", 5);
	write_entry(6, "six", 3);
	assert_int_equal(flightlog_list(&dev, heads), 4);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(heads[i].boot, 9 - i);
	assert_int_equal(io_pwrite_all(dev.fd, "?", 1, FLIGHT_OFFSET(8) + FLIGHT_TEXT_OFFSET), 0);
	assert_int_equal(flightlog_list(&dev, heads), 3);
	assert_int_equal(heads[1].boot, 7);
	device_done(&dev);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(what_is_written_is_read),
		T(a_kernels_log_reads_like_a_log),
		T(another_boots_entry_is_not_taken_for_this_ones),
		T(the_list_is_newest_first_and_leaves_out_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

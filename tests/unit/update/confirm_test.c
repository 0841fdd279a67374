/* The verdict on a boot, with a file as the boot-state partition. */
#include "update/confirm.h"

#include "lib/core/flight.h"
#include "tests/unit/update/device_fixture.h"

static const struct confirm_failure unit_x = { .reason = BS_REASON_HEALTH, .text = "unit x failed\n" };

static void a_confirmed_slot_is_good_after_reading_it_again(void **state)
{
	(void)state;
	open_or_fail(true);
	assert_true(dev.counted);
	assert_int_equal(dev.running, 0);
	assert_false(bs_boot_confirmed(&dev.bs));
	assert_int_equal(confirm_stage_userspace(&dev, &err), 0);
	assert_int_equal(confirm_running(&dev, false, &err), 0);
	device_done(&dev);
	open_or_fail(false);
	assert_true(bs_boot_confirmed(&dev.bs));
	assert_true(dev.bs.slot[0].good);
	assert_int_equal(dev.bs.ring[0].stage, BS_STAGE_CONFIRMED);
	device_done(&dev);
}

static void a_failure_is_recorded_with_its_text(void **state)
{
	static uint8_t entry[FLIGHT_ENTRY_BYTES];
	const char *text;
	struct flight f;

	(void)state;
	open_or_fail(true);
	assert_int_equal(confirm_failed(&dev, &unit_x, &err), 0);
	device_done(&dev);
	open_or_fail(false);
	assert_int_equal(dev.bs.slot[0].reason, BS_REASON_HEALTH);
	assert_int_equal(dev.bs.ring[0].reason, BS_REASON_HEALTH);
	assert_false(dev.bs.slot[0].good);
	assert_int_equal(io_pread_all(dev.fd, entry, sizeof(entry), FLIGHT_OFFSET(dev.bs.boots)), 0);
	assert_int_equal(flight_decode(entry, &f, &text), FLIGHT_OK);
	assert_int_equal(f.boot, dev.bs.boots);
	assert_int_equal(f.reason, BS_REASON_HEALTH);
	assert_int_equal(f.text_bytes, 14);
	assert_memory_equal(text, "unit x failed\n", 14);
	device_done(&dev);
}

/* A root that is corrupt will not get better: no try is left for it. */
static void a_hopeless_failure_ends_the_tries(void **state)
{
	const struct confirm_failure corrupt = { .reason = BS_REASON_VERITY, .hopeless = true, .text = "" };

	(void)state;
	open_or_fail(true);
	assert_int_equal(dev.bs.slot[0].tries_left, 2);
	assert_int_equal(confirm_failed(&dev, &unit_x, &err), 0);
	assert_int_equal(dev.bs.slot[0].tries_left, 2);
	assert_int_equal(confirm_failed(&dev, &corrupt, &err), 0);
	device_done(&dev);
	open_or_fail(false);
	assert_int_equal(dev.bs.slot[0].tries_left, 0);
	assert_int_equal(dev.bs.ring[0].reason, BS_REASON_VERITY);
	device_done(&dev);
}

static void a_boot_settles_only_when_it_is_confirmed(void **state)
{
	uint64_t sequence;

	(void)state;
	open_or_fail(true);
	sequence = dev.bs.sequence;
	assert_int_equal(confirm_ended(&dev, BS_END_SETTLED, &err), CONFIRM_NOT_YET);
	assert_int_equal(dev.bs.sequence, sequence);
	assert_int_equal(confirm_running(&dev, false, &err), 0);
	assert_int_equal(dev.bs.ring[0].end, BS_END_UNKNOWN);
	assert_int_equal(confirm_ended(&dev, BS_END_SETTLED, &err), 0);
	sequence = dev.bs.sequence;
	assert_int_equal(confirm_ended(&dev, BS_END_SETTLED, &err), 0);
	assert_int_equal(dev.bs.sequence, sequence); /* it is known: nothing is written */
	assert_int_equal(confirm_ended(&dev, BS_END_SHUT_DOWN, &err), 0);
	device_done(&dev);
	open_or_fail(false);
	assert_int_equal(dev.bs.ring[0].end, BS_END_SHUT_DOWN);
	device_done(&dev);
}

static void a_late_confirmation_settles_at_once(void **state)
{
	(void)state;
	open_or_fail(true);
	assert_int_equal(confirm_running(&dev, true, &err), 0);
	device_done(&dev);
	open_or_fail(false);
	assert_int_equal(dev.bs.ring[0].end, BS_END_SETTLED);
	device_done(&dev);
	assert_true(confirm_is_settled(0));
	assert_false(confirm_is_settled(2000000000u)); /* sixty years of uptime */
}

static void an_unconfirmed_boot_may_be_shut_down(void **state)
{
	(void)state;
	open_or_fail(true);
	assert_int_equal(confirm_ended(&dev, BS_END_SHUT_DOWN, &err), 0);
	device_done(&dev);
	open_or_fail(false);
	assert_int_equal(dev.bs.ring[0].end, BS_END_SHUT_DOWN);
	assert_false(dev.bs.slot[0].good);
	device_done(&dev);
}

static void nothing_is_said_in_the_name_of_a_slot_that_does_not_run(void **state)
{
	uint64_t sequence;

	(void)state;
	write_note("roothash", "2222222222222222222222222222222222222222222222222222222222222222\n");
	open_or_fail(true);
	assert_false(dev.counted);
	sequence = dev.bs.sequence;
	assert_int_equal(confirm_running(&dev, false, &err), -EINVAL);
	assert_non_null(strstr(err.text, "was not counted"));
	assert_int_equal(confirm_failed(&dev, &unit_x, &err), -EINVAL);
	assert_int_equal(confirm_stage_userspace(&dev, &err), -EINVAL);
	assert_int_equal(confirm_ended(&dev, BS_END_SHUT_DOWN, &err), -EINVAL);
	assert_int_equal(device_reload(&dev, &err), 0);
	assert_int_equal(dev.bs.sequence, sequence); /* nothing was written */
	device_done(&dev);
}

static void a_device_opened_for_reading_is_never_written(void **state)
{
	(void)state;
	open_or_fail(false);
	assert_int_equal(confirm_running(&dev, false, &err), DISK_READ_ONLY);
	device_done(&dev);
}

static void missing_or_wrong_notes_are_named(void **state)
{
	(void)state;
	assert_int_equal(device_open(&dev, "/nonexistent", false, &err), -ENOENT);
	assert_string_equal(err.text,
			    "/nonexistent/boot-state is missing: this system was not started by kiln");
	write_note("roothash", "11\n");
	assert_int_equal(device_open(&dev, dir, false, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "is no root hash"));
	write_note("boot-state", "\n");
	assert_int_equal(device_open(&dev, dir, false, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "is empty"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_confirmed_slot_is_good_after_reading_it_again),
		T(a_failure_is_recorded_with_its_text),
		T(a_hopeless_failure_ends_the_tries),
		T(a_boot_settles_only_when_it_is_confirmed),
		T(a_late_confirmation_settles_at_once),
		T(an_unconfirmed_boot_may_be_shut_down),
		T(nothing_is_said_in_the_name_of_a_slot_that_does_not_run),
		T(a_device_opened_for_reading_is_never_written),
		T(missing_or_wrong_notes_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

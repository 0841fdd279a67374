/* The verdict on a boot, with a file as the boot-state partition. */
#include "update/confirm.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "lib/core/flight.h"

static char dir[] = "/tmp/kiln-confirm.XXXXXX";
static struct device dev;
static struct err err;

static void write_note(const char *name, const char *text)
{
	_cleanup_free_ char *path = path_join(dir, name);

	assert_int_equal(atomic_file_write(path, text, strlen(text), 0644, &err), 0);
}

static struct slotdesc image(const char *version, uint8_t root)
{
	struct slotdesc d = { .uki_bytes = 1 << 20, .epoch = 1 };

	strcpy(d.name, "web");
	strcpy(d.version, version);
	memset(d.root_hash, root, sizeof(d.root_hash));
	memset(d.uki_sha256, 3, sizeof(d.uki_sha256));
	return d;
}

/* A fresh image, started once: slot a runs and has 2 of 3 tries left. */
static int setup(void **state)
{
	_cleanup_free_ char *path = NULL;
	struct slotdesc a = image("1.0", 0x11);
	struct bs bs;

	(void)state;
	strcpy(dir, "/tmp/kiln-confirm.XXXXXX");
	assert_non_null(mkdtemp(dir));
	path = path_join(dir, "partition");
	write_note("boot-state", path);
	write_note("disk", "/dev/vda\n");
	write_note("slot", "a\n");
	write_note("roothash", "1111111111111111111111111111111111111111111111111111111111111111\n");
	memset(&dev, 0, sizeof(dev));
	dev.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(dev.fd, BS_PARTITION_BYTES), 0);
	close(dev.fd);
	/* The first open finds nothing valid, but sets up the callbacks that bs_create() needs. */
	assert_int_equal(device_open(&dev, dir, true, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "the boot state on "));
	dev.fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(bs_init_fresh(&a, 3, &bs), BS_OK);
	assert_int_equal(bs_create(&dev.disk, &dev.ops, &bs), BS_OK);
	assert_int_equal(bs_count_start(&bs, 0), BS_OK);
	assert_int_equal(bs_store(&dev.disk, &bs), BS_OK);
	device_done(&dev);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return path_remove_tree(dir);
}

static void open_or_fail(bool write)
{
	if (device_open(&dev, dir, write, &err))
		fail_msg("%s", err.text);
}

static void a_confirmed_slot_is_good_after_reading_it_again(void **state)
{
	(void)state;
	open_or_fail(true);
	assert_true(dev.counted);
	assert_int_equal(dev.running, 0);
	assert_false(bs_boot_confirmed(&dev.bs));
	assert_int_equal(confirm_stage_userspace(&dev, &err), 0);
	assert_int_equal(confirm_running(&dev, &err), 0);
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
	assert_int_equal(confirm_failed(&dev, BS_REASON_HEALTH, "unit x failed\n", &err), 0);
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

static void nothing_is_said_in_the_name_of_a_slot_that_does_not_run(void **state)
{
	uint64_t sequence;

	(void)state;
	write_note("roothash", "2222222222222222222222222222222222222222222222222222222222222222\n");
	open_or_fail(true);
	assert_false(dev.counted);
	sequence = dev.bs.sequence;
	assert_int_equal(confirm_running(&dev, &err), -EINVAL);
	assert_non_null(strstr(err.text, "was not counted"));
	assert_int_equal(confirm_failed(&dev, BS_REASON_HEALTH, "", &err), -EINVAL);
	assert_int_equal(confirm_stage_userspace(&dev, &err), -EINVAL);
	assert_int_equal(device_reload(&dev, &err), 0);
	assert_int_equal(dev.bs.sequence, sequence); /* nothing was written */
	device_done(&dev);
}

static void a_device_opened_for_reading_is_never_written(void **state)
{
	(void)state;
	open_or_fail(false);
	assert_int_equal(confirm_running(&dev, &err), DISK_READ_ONLY);
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
		T(nothing_is_said_in_the_name_of_a_slot_that_does_not_run),
		T(a_device_opened_for_reading_is_never_written),
		T(missing_or_wrong_notes_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * A device for the tests of slotctl: a folder with early init's notes and a file as
 * the boot-state partition, on which a fresh image 1.0 in slot a was started once.
 */
#ifndef TESTS_UNIT_UPDATE_DEVICE_FIXTURE_H
#define TESTS_UNIT_UPDATE_DEVICE_FIXTURE_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "update/device.h"

static char dir[64];
static struct device dev;
static struct err err;

static __attribute__((unused)) void write_note(const char *name, const char *text)
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

static int setup(void **state)
{
	_cleanup_free_ char *path = NULL;
	struct slotdesc a = image("1.0", 0x11);
	struct bs bs;

	(void)state;
	strcpy(dir, "/tmp/kiln-device.XXXXXX");
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

#endif

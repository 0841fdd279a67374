/* A device around the page cache: any reads, whole blocks written. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/blk.h"
#include "lib/base/err.h"

#define BYTES (1u << 20)

static char path[] = "/tmp/kiln-direct.XXXXXX";
static uint8_t *want, *got;
static struct err err;

static void reads_are_of_any_alignment(void **state)
{
	static const struct { uint64_t offset; size_t len; unsigned shift; } cases[] = {
		{ 0, BYTES, 0 }, { 0, 1, 0 }, { 4095, 2, 1 }, { 5000, 600000, 3 }, { BYTES - 1, 1, 0 },
		{ BYTES - 5000, 5000, 7 }, { 4096, 8192, 0 }, { 4096, 8192, 512 }, { 262144 - 3, 262144 + 9, 5 },
	};
	_cleanup_blk_ struct blk *b = NULL;

	(void)state;
	assert_int_equal(blk_open_direct(path, false, &b, &err), 0);
	assert_int_equal(b->size_bytes, BYTES);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(got, 0, BYTES + 4096);
		assert_int_equal(blk_read(b, cases[i].offset, got + cases[i].shift, cases[i].len), 0);
		assert_memory_equal(got + cases[i].shift, want + cases[i].offset, cases[i].len);
		assert_int_equal(got[cases[i].shift + cases[i].len], 0);
	}
	assert_int_equal(blk_read(b, BYTES, got, 1), -ENXIO);
	assert_int_equal(blk_write(b, 0, want, 4096), -EROFS);
}

static void writes_are_whole_blocks(void **state)
{
	_cleanup_blk_ struct blk *b = NULL;
	int fd = open(path, O_RDONLY);

	(void)state;
	assert_int_equal(blk_open_direct(path, true, &b, &err), 0);
	memset(want + 8192, 0xab, 3 * 4096);
	assert_int_equal(blk_write(b, 8192, want + 8192, 3 * 4096), 0);
	/* From memory that is not aligned, and more than is bounced at once. */
	memcpy(got + 3, want, 600 * 1024);
	memset(got + 3, 0xcd, 1000);
	memset(want, 0xcd, 1000);
	assert_int_equal(blk_write(b, 0, got + 3, 600 * 1024), 0);
	assert_int_equal(blk_flush(b), 0);
	assert_int_equal(pread(fd, got, BYTES, 0), BYTES);
	assert_memory_equal(got, want, BYTES);
	close(fd);
}

static void what_cannot_be_opened_is_said(void **state)
{
	struct blk *b = (struct blk *)&err;

	(void)state;
	assert_int_equal(blk_open_direct("/nowhere/disk", false, &b, &err), -ENOENT);
	assert_ptr_equal(b, &err);
	assert_non_null(strstr(err.text, "/nowhere/disk"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_are_of_any_alignment),
		cmocka_unit_test(writes_are_whole_blocks),
		cmocka_unit_test(what_cannot_be_opened_is_said),
	};
	int fd = mkstemp(path), r;

	want = aligned_alloc(4096, BYTES);
	got = aligned_alloc(4096, BYTES + 4096);
	for (size_t i = 0; i < BYTES; i++)
		want[i] = (uint8_t)(i * 17 + i / 4096 + 1);
	if (fd < 0 || write(fd, want, BYTES) != BYTES)
		return 1;
	close(fd);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return r;
}

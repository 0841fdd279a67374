/* What the writer writes, and what it leaves. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "install/writer.h"
#include "lib/base/blk_record.h"

#define BLOCK 4096u
#define WINDOW (4 * BLOCK)
#define BYTES (16 * BLOCK)

static struct blk *blk;
static struct writer w;
static uint8_t expected[BYTES], data[BYTES];

static int setup(void **state)
{
	(void)state;
	assert_int_equal(blk_new_record(BYTES, &blk), 0);
	for (size_t i = 0; i < BYTES; i++) {
		blk_record_bytes(blk)[i] = (uint8_t)(i / BLOCK + 1);
		data[i] = (uint8_t)(i * 13 + i / 251);
	}
	blk_record_restart(blk);
	memcpy(expected, blk_record_bytes(blk), BYTES);
	assert_int_equal(writer_init(&w, WINDOW, false), 0);
	writer_begin(&w, blk, BYTES);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	writer_done(&w);
	blk = blk_free(blk);
	return 0;
}

static void put(uint64_t offset, size_t len)
{
	memcpy(expected + offset, data + offset, len);
	assert_int_equal(writer_put(&w, offset, data + offset, len), 0);
}

/* The writes were exactly these {offset, length} in blocks; ends with a length of 0. */
static void expect_writes(const unsigned (*want)[2])
{
	size_t n;
	const struct blk_event *e;

	assert_int_equal(writer_finish(&w), 0);
	assert_memory_equal(blk_record_bytes(blk), expected, BYTES);
	e = blk_record_events(blk, &n);
	for (size_t i = 0; i < n; i++) {
		assert_false(e[i].flush);
		assert_int_equal(e[i].offset_bytes, want[i][0] * BLOCK);
		assert_int_equal(e[i].len, want[i][1] * BLOCK);
	}
	assert_int_equal(want[n][1], 0);
}

static void pieces_of_any_length_become_whole_blocks(void **state)
{
	(void)state;
	put(10, 5000);
	put(5010, 2 * BLOCK);
	put(6 * BLOCK + 1, 3 * BLOCK);
	expect_writes((const unsigned[][2]){ { 0, 4 }, { 6, 2 }, { 8, 2 }, { 0, 0 } });
	assert_int_equal(w.written_bytes, 8 * BLOCK);
}

static void blocks_that_are_equal_in_a_window_put_in_part_are_not_written(void **state)
{
	(void)state;
	memcpy(data, expected, 3 * BLOCK);
	data[BLOCK + 7]++;
	put(0, 3 * BLOCK);
	memcpy(data + 9 * BLOCK, expected + 9 * BLOCK, 3 * BLOCK);
	put(9 * BLOCK, 3 * BLOCK);
	expect_writes((const unsigned[][2]){ { 1, 1 }, { 0, 0 } });
	assert_int_equal(w.written_bytes, BLOCK);
}

static void what_is_pending_can_be_read(void **state)
{
	uint8_t got[3 * WINDOW];

	(void)state;
	put(WINDOW - 100, 500);
	assert_int_equal(writer_get(&w, 0, got, sizeof(got)), 0);
	assert_memory_equal(got, expected, sizeof(got));
	/* Part of it was written, part of it was not. */
	assert_memory_not_equal(blk_record_bytes(blk), expected, sizeof(got));
	put(3 * WINDOW, 10);
	assert_int_equal(writer_get(&w, 2 * WINDOW + 5, got, 2 * WINDOW - 5), 0);
	assert_memory_equal(got, expected + 2 * WINDOW + 5, 2 * WINDOW - 5);
}

static void an_unreadable_place_is_written_only_as_a_whole(void **state)
{
	(void)state;
	blk_record_fail(blk, BLK_FAULT_READ, 0, false);
	put(0, 100);
	put(100, WINDOW - 100);
	assert_int_equal(writer_finish(&w), 0);
	blk_record_fail(blk, BLK_FAULT_READ, 0, false);
	assert_int_equal(writer_put(&w, WINDOW, data, WINDOW - 1), 0);
	assert_int_equal(writer_finish(&w), -EIO);
	assert_memory_equal(blk_record_bytes(blk), expected, BYTES);
}

/* A file, written by a thread: the same bytes, and a failure is told by the end at the latest. */
static void windows_are_written_aside(void **state)
{
	static uint8_t got[BYTES];
	int fd = memfd_create("device", MFD_CLOEXEC), again = dup(fd);
	struct blk *file, *read_only;
	struct writer aside;
	uint8_t *room;

	(void)state;
	assert_int_equal(ftruncate(fd, BYTES), 0);
	assert_int_equal(blk_from_fd(fd, true, &file, NULL), 0);
	assert_true(file->concurrent);
	assert_int_equal(writer_init(&aside, WINDOW, true), 0);
	writer_begin(&aside, file, BYTES);
	for (size_t at = 0, n; at < BYTES - BLOCK; at += n) {
		n = writer_left(&aside, at);
		n = at % 2 || n < 777 ? n : 777;
		assert_int_equal(writer_room(&aside, at, n, &room), 0);
		memcpy(room, data + at, n);
		writer_take(&aside, at, n);
		assert_int_equal(writer_get(&aside, 0, got, at + n), 0);
		assert_memory_equal(got, data, at + n);
	}
	assert_int_equal(writer_finish(&aside), 0);
	assert_int_equal(pread(again, got, BYTES, 0), BYTES);
	assert_memory_equal(got, data, BYTES);
	blk_free(file);

	assert_int_equal(blk_from_fd(again, false, &read_only, NULL), 0);
	writer_begin(&aside, read_only, BYTES);
	assert_int_equal(writer_put(&aside, 0, data, WINDOW + 1), 0);
	assert_int_equal(writer_wait(&aside), -EROFS);
	assert_int_equal(writer_put(&aside, WINDOW + 1, data, WINDOW - 1), 0);
	assert_int_equal(writer_finish(&aside), -EROFS);
	writer_done(&aside);
	blk_free(read_only);
}

/* Room that was not taken is as if it had never been asked for. */
static void what_is_not_taken_is_not_written(void **state)
{
	uint8_t *room;

	(void)state;
	put(0, 100);
	assert_int_equal(writer_room(&w, 100, 2 * BLOCK, &room), 0);
	memset(room, 0xee, 2 * BLOCK);
	writer_take(&w, 100, 0);
	put(2 * BLOCK, 10);
	expect_writes((const unsigned[][2]){ { 0, 1 }, { 2, 1 }, { 0, 0 } });
}

static void nothing_is_put_behind_the_end(void **state)
{
	uint8_t *room;

	(void)state;
	writer_begin(&w, blk, 5 * BLOCK);
	assert_int_equal(writer_put(&w, 5 * BLOCK - 1, data, 2), -ENXIO);
	assert_int_equal(writer_put(&w, UINT64_MAX, data, 2), -ENXIO);
	assert_int_equal(writer_room(&w, 5 * BLOCK, 1, &room), -ENXIO);
	assert_int_equal(writer_room(&w, BLOCK, 3 * BLOCK + 1, &room), -ENXIO);
	put(4 * BLOCK, BLOCK);
	expect_writes((const unsigned[][2]){ { 4, 1 }, { 0, 0 } });
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pieces_of_any_length_become_whole_blocks),
		TEST(blocks_that_are_equal_in_a_window_put_in_part_are_not_written),
		TEST(what_is_pending_can_be_read),
		TEST(an_unreadable_place_is_written_only_as_a_whole),
		TEST(windows_are_written_aside),
		TEST(what_is_not_taken_is_not_written),
		TEST(nothing_is_put_behind_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

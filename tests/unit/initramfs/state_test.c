/* What the state partition holds, and when it may be formatted: only when nothing can be lost. */
#include "bootloader/initramfs/state.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/base/io.h"
#include "lib/core/bytes.h"

#define SIZE_BYTES (UINT64_C(200) << 20)
#define GROUP_BYTES (UINT64_C(128) << 20)

static int sparse_file(void)
{
	char path[] = "/tmp/kiln-state-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(ftruncate(fd, (off_t)SIZE_BYTES), 0);
	return fd;
}

static enum state_content look(int fd)
{
	enum state_content content;

	assert_int_equal(state_look(fd, SIZE_BYTES, &content), 0);
	return content;
}

static void zeroes_are_blank(void **state)
{
	_cleanup_close_ int fd = sparse_file();

	(void)state;
	assert_int_equal(look(fd), STATE_BLANK);
}

static void one_byte_anywhere_near_the_start_is_not(void **state)
{
	static const uint64_t places[] = { 0, 1023, 1080, 65536, STATE_BLANK_BYTES - 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		_cleanup_close_ int fd = sparse_file();

		assert_int_equal(io_pwrite_all(fd, "x", 1, places[i]), 0);
		assert_int_equal(look(fd), STATE_OTHER);
	}
}

static void put_magic(int fd, uint64_t at)
{
	uint8_t magic[2];

	le16_store(magic, 0xef53);
	assert_int_equal(io_pwrite_all(fd, magic, 2, at + 0x38), 0);
}

static void a_file_system_says_what_it_is(void **state)
{
	_cleanup_close_ int ext4 = sparse_file(), headless = sparse_file(), luks = sparse_file();

	(void)state;
	put_magic(ext4, 1024);
	put_magic(ext4, GROUP_BYTES);
	assert_int_equal(look(ext4), STATE_EXT4);
	put_magic(headless, GROUP_BYTES); /* its head was wiped */
	assert_int_equal(look(headless), STATE_HEADLESS);
	assert_int_equal(io_pwrite_all(headless, "x", 1, 5000), 0);
	assert_int_equal(look(headless), STATE_HEADLESS);
	assert_int_equal(io_pwrite_all(luks, "LUKS\xba\xbe", 6, 0), 0);
	assert_int_equal(look(luks), STATE_LUKS);
}

static void a_read_error_is_no_answer(void **state)
{
	_cleanup_close_ int fd = sparse_file();
	enum state_content content = STATE_LUKS;

	(void)state;
	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(state_look(fd, SIZE_BYTES, &content), -ENODATA);
	assert_int_equal(state_look(fd, 4096, &content), -ENOSPC);
	assert_int_equal(content, STATE_LUKS);
}

static void only_blank_or_promised_partitions_are_formatted(void **state)
{
	static const enum state_content all[] = { STATE_BLANK, STATE_EXT4, STATE_HEADLESS,
						  STATE_LUKS, STATE_OTHER };
	static const enum state_plan alone[] = { STATE_FORMAT, STATE_CHECK, STATE_LEAVE,
						 STATE_LEAVE, STATE_LEAVE };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		assert_int_equal(state_plan(all[i], RECORD_PROMISE_NONE, false), alone[i]);
		assert_int_equal(state_plan(all[i], RECORD_PROMISE_FORMATTING, false), STATE_FORMAT);
		assert_int_equal(state_plan(all[i], RECORD_PROMISE_RESET, false), STATE_RESET);
		for (int p = RECORD_PROMISE_NONE; p <= RECORD_PROMISE_RESET; p++)
			assert_int_equal(state_plan(all[i], (enum record_promise)p, true),
					 STATE_LEAVE);
	}
}

static void the_superblock_tells_the_size(void **state)
{
	_cleanup_close_ int fd = sparse_file();
	uint8_t sb[1024] = { 0 };
	struct state_super super;

	(void)state;
	assert_int_equal(state_superblock(fd, &super), -EBADMSG);
	le16_store(sb + 0x38, 0xef53);
	le32_store(sb + 0x18, 2);
	le32_store(sb + 0x04, 16384);
	le32_store(sb + 0x150, 1);
	assert_int_equal(io_pwrite_all(fd, sb, sizeof(sb), 1024), 0);
	assert_int_equal(state_superblock(fd, &super), 0);
	assert_int_equal(super.blocks, 16384);
	le32_store(sb + 0x60, 0x80);
	assert_int_equal(io_pwrite_all(fd, sb, sizeof(sb), 1024), 0);
	assert_int_equal(state_superblock(fd, &super), 0);
	assert_true(super.blocks == (UINT64_C(1) << 32 | 16384));
	le32_store(sb + 0x18, 0);
	assert_int_equal(io_pwrite_all(fd, sb, sizeof(sb), 1024), 0);
	assert_int_equal(state_superblock(fd, &super), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zeroes_are_blank),
		cmocka_unit_test(one_byte_anywhere_near_the_start_is_not),
		cmocka_unit_test(a_file_system_says_what_it_is),
		cmocka_unit_test(a_read_error_is_no_answer),
		cmocka_unit_test(only_blank_or_promised_partitions_are_formatted),
		cmocka_unit_test(the_superblock_tells_the_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

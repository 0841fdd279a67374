/* When the state partition may be formatted: only when nothing can be lost. */
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

static bool blank(int fd)
{
	bool is_blank;

	assert_int_equal(state_is_blank(fd, SIZE_BYTES, &is_blank), 0);
	return is_blank;
}

static void zeroes_are_blank(void **state)
{
	_cleanup_close_ int fd = sparse_file();

	(void)state;
	assert_true(blank(fd));
}

static void one_byte_anywhere_near_the_start_is_not(void **state)
{
	static const uint64_t places[] = { 0, 1023, 1080, 65536, STATE_BLANK_BYTES - 1 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		_cleanup_close_ int fd = sparse_file();

		assert_int_equal(io_pwrite_all(fd, "x", 1, places[i]), 0);
		assert_false(blank(fd));
	}
}

static void a_file_system_with_a_wiped_head_is_not(void **state)
{
	_cleanup_close_ int fd = sparse_file();
	uint8_t magic[2];

	(void)state;
	le16_store(magic, 0xef53);
	assert_int_equal(io_pwrite_all(fd, magic, 2, GROUP_BYTES + 0x38), 0);
	assert_false(blank(fd));
}

static void a_read_error_is_no_answer(void **state)
{
	_cleanup_close_ int fd = sparse_file();
	bool is_blank = true;

	(void)state;
	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(state_is_blank(fd, SIZE_BYTES, &is_blank), -ENODATA);
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
		cmocka_unit_test(a_file_system_with_a_wiped_head_is_not),
		cmocka_unit_test(a_read_error_is_no_answer),
		cmocka_unit_test(the_superblock_tells_the_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

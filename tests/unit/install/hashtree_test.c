/* The tree that grows against the one of verity/, for every shape. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "install/hashtree.h"
#include "install/writer.h"
#include "lib/base/blk.h"
#include "lib/base/err.h"
#include "lib/base/io.h"

#define BLOCKS_MAX 16600u /* three levels begin beyond 128 * 128 */

static const uint8_t uuid[VERITY_UUID_BYTES] = { 1, 2, 3 };
static uint8_t *data;
static struct err err;

static void compare(uint64_t blocks, size_t salt_len, unsigned step)
{
	int fd = memfd_create("data", MFD_CLOEXEC), hash_fd = memfd_create("hash", MFD_CLOEXEC);
	uint8_t salt[64], root[32], want_root[32], *want;
	struct verity_layout l;
	struct hashtree t;
	struct writer w;
	struct blk *blk;

	memset(salt, 0x5a, sizeof(salt));
	assert_int_equal(verity_layout(blocks * 4096, &l), 0);
	assert_int_equal(io_pwrite_all(fd, data, blocks * 4096, 0), 0);
	assert_int_equal(verity_tree_write(fd, blocks * 4096, salt, salt_len, uuid, hash_fd, want_root, NULL, &err), 0);
	want = malloc(l.hash_blocks * 4096);
	assert_int_equal(io_pread_all(hash_fd, want, l.hash_blocks * 4096, 0), 0);

	assert_int_equal(writer_init(&w, 16 * 4096, false), 0);
	assert_int_equal(blk_new_memory(l.hash_blocks * 4096, &blk), 0);
	memset(blk_memory(blk), 0xee, l.hash_blocks * 4096);
	assert_int_equal(hashtree_init(&t, blocks * 4096, salt, salt_len, blk, &w), 0);
	for (uint64_t at = 0; at < blocks;) {
		uint64_t n = VERITY_FANOUT - at % VERITY_FANOUT;

		n = n < step ? n : step;
		n = n < blocks - at ? n : blocks - at;
		assert_int_equal(hashtree_add(&t, data + at * 4096, (unsigned)n), 0);
		at += n;
	}
	assert_int_equal(hashtree_add(&t, data, 1), -EINVAL);
	assert_int_equal(hashtree_finish(&t, salt, salt_len, uuid, root), 0);
	assert_memory_equal(root, want_root, 32);
	assert_memory_equal(blk_memory(blk), want, l.hash_blocks * 4096);
	hashtree_done(&t);
	writer_done(&w);
	blk_free(blk);
	free(want);
	close(fd);
	close(hash_fd);
}

static void it_is_the_tree_of_verity(void **state)
{
	static const uint64_t blocks[] = { 1, 2, 127, 128, 129, 256, 257, 16384, 16385, BLOCKS_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
		compare(blocks[i], 32, 128);
	compare(300, 0, 128);
	compare(300, 64, 7);
}

static void it_is_not_finished_too_early(void **state)
{
	uint8_t root[32] = { 9 };
	struct hashtree t;
	struct writer w;
	struct blk *blk;

	(void)state;
	assert_int_equal(writer_init(&w, 0, false), 0);
	assert_int_equal(blk_new_memory(16 * 4096, &blk), 0);
	assert_int_equal(hashtree_init(&t, 200 * 4096, NULL, 0, blk, &w), 0);
	assert_int_equal(hashtree_add(&t, data, 128), 0);
	assert_int_equal(hashtree_add(&t, data, 73), -EINVAL);
	assert_int_equal(hashtree_finish(&t, NULL, 0, uuid, root), -EINVAL);
	assert_int_equal(root[0], 9);
	hashtree_done(&t);
	assert_int_equal(hashtree_init(&t, 4097, NULL, 0, blk, &w), -EINVAL);
	hashtree_done(&t);
	writer_done(&w);
	blk_free(blk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_the_tree_of_verity),
		cmocka_unit_test(it_is_not_finished_too_early),
	};

	data = malloc(BLOCKS_MAX * 4096);
	for (size_t i = 0; i < BLOCKS_MAX * (size_t)4096; i++)
		data[i] = (uint8_t)(i * 31 + i / 4096 * 7);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

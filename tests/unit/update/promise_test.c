/* The promise of a factory reset: what counts as one, and that it is read back. */
#include "update/promise.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/blk.h"
#include "lib/base/cleanup.h"
#include "lib/core/bootstate.h"

static struct blk *disk;
static struct disk_ops ops;
static enum promise promise;

static int setup(void **state)
{
	(void)state;
	assert_int_equal(blk_new_memory(BS_PARTITION_BYTES, &disk), 0);
	ops = blk_disk_ops(disk);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	disk = blk_free(disk);
	return 0;
}

static void texts_are_told_apart(void **state)
{
	static const struct {
		const char *text;
		enum promise want;
	} cases[] = {
		{ "", PROMISE_NONE },
		{ BS_PROMISE_RESET, PROMISE_RESET },
		{ BS_PROMISE_FORMATTING, PROMISE_FORMATTING },
		{ "kiln: factory reset asked for", PROMISE_NONE }, /* without its newline: torn */
		{ "kiln: f", PROMISE_NONE },
		{ "something else\n", PROMISE_NONE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		memset(blk_memory(disk) + BS_PROMISE_OFFSET, 0, BS_PROMISE_BYTES);
		memcpy(blk_memory(disk) + BS_PROMISE_OFFSET, cases[i].text, strlen(cases[i].text));
		assert_int_equal(promise_read(&ops, &promise), 0);
		assert_int_equal(promise, cases[i].want);
	}
}

static void a_promise_is_made_and_taken_back(void **state)
{
	uint8_t *block = blk_memory(disk) + BS_PROMISE_OFFSET;

	(void)state;
	memset(block, 0xee, BS_PROMISE_BYTES);
	assert_int_equal(promise_store(&ops, PROMISE_RESET), 0);
	assert_memory_equal(block, BS_PROMISE_RESET, strlen(BS_PROMISE_RESET));
	for (size_t i = strlen(BS_PROMISE_RESET); i < BS_PROMISE_BYTES; i++)
		assert_int_equal(block[i], 0);
	assert_int_equal(promise_read(&ops, &promise), 0);
	assert_int_equal(promise, PROMISE_RESET);
	assert_int_equal(promise_store(&ops, PROMISE_NONE), 0);
	assert_int_equal(promise_read(&ops, &promise), 0);
	assert_int_equal(promise, PROMISE_NONE);
	/* Nothing beside the block was touched. */
	assert_int_equal(block[-1], 0);
	assert_int_equal(block[BS_PROMISE_BYTES], 0);
}

static int drop_write(void *ctx, uint64_t offset_bytes, const void *data, size_t len)
{
	(void)ctx, (void)offset_bytes, (void)data, (void)len;
	return 0;
}

static int broken(void *ctx)
{
	(void)ctx;
	return -5;
}

static int broken_read(void *ctx, uint64_t offset_bytes, void *data, size_t len)
{
	(void)ctx, (void)offset_bytes, (void)data, (void)len;
	return -6;
}

static void a_disk_that_lies_or_fails_is_noticed(void **state)
{
	struct disk_ops lies = ops, fails = ops, blind = ops, read_only = ops;

	(void)state;
	lies.write = drop_write;
	assert_int_equal(promise_store(&lies, PROMISE_RESET), BS_E_READBACK);
	fails.flush = broken;
	assert_int_equal(promise_store(&fails, PROMISE_RESET), -5);
	blind.read = broken_read;
	assert_int_equal(promise_store(&blind, PROMISE_RESET), -6);
	promise = PROMISE_FORMATTING;
	assert_int_equal(promise_read(&blind, &promise), -6);
	assert_int_equal(promise, PROMISE_FORMATTING); /* left alone */
	read_only.write = NULL;
	assert_int_equal(promise_store(&read_only, PROMISE_RESET), DISK_READ_ONLY);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(texts_are_told_apart),
		T(a_promise_is_made_and_taken_back),
		T(a_disk_that_lies_or_fails_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

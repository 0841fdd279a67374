/* The check of a whole root, on a disk with a table, a root and its tree. */
#include "update/scrub.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/core/gpt.h"
#include "verity/tree.h"

#define MIB (1u << 20)
#define SECTORS (16u * MIB / 512)
#define BLOCKS 400u
/* Where make_disk() puts them. */
#define ROOT_B_BYTES (1u * MIB)
#define HASH_B_BYTES (4u * MIB)

static char path[64];
static struct verity_params params;
static struct scrub s;
static struct err err;

static void add_partition(struct gpt *gpt, unsigned idx, const char *name, uint64_t mib, uint64_t size_mib)
{
	struct gpt_partition p = { .idx = idx, .first_lba = mib * MIB / 512,
				   .last_lba = (mib + size_mib) * MIB / 512 - 1 };

	memset(&p.type, 7, sizeof(p.type));
	memset(&p.unique, 8 + (int)idx, sizeof(p.unique));
	snprintf(p.name, sizeof(p.name), "%s", name);
	assert_int_equal(gpt_set_partition(gpt, &p), 0);
}

static void make_table(int fd)
{
	static uint8_t head[GPT_HEAD_BYTES(512)], tail[GPT_TAIL_BYTES(512)];
	static struct gpt gpt;
	struct guid disk;

	memset(&disk, 6, sizeof(disk));
	assert_int_equal(gpt_init(&gpt, 512, SECTORS, &disk), 0);
	add_partition(&gpt, 0, "root-b", 1, 2);
	add_partition(&gpt, 1, "verity-b", 4, 1);
	gpt_encode(&gpt, head, tail);
	assert_int_equal(io_pwrite_all(fd, head, sizeof(head), 0), 0);
	assert_int_equal(io_pwrite_all(fd, tail, sizeof(tail), SECTORS * 512ull - sizeof(tail)), 0);
}

static int setup(void **state)
{
	struct verity_options opts = { .data_start_bytes = ROOT_B_BYTES, .hash_start_bytes = HASH_B_BYTES };
	static const uint8_t uuid[VERITY_UUID_BYTES];
	static uint8_t block[4096];
	int fd;

	(void)state;
	strcpy(path, "/tmp/kiln-scrub.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, SECTORS * 512), 0);
	make_table(fd);
	for (unsigned i = 0; i < BLOCKS; i++) {
		memset(block, (int)i, sizeof(block));
		assert_int_equal(io_pwrite_all(fd, block, sizeof(block), ROOT_B_BYTES + i * 4096ull), 0);
	}
	params = (struct verity_params){ .data_blocks = BLOCKS, .hash_start_block = VERITY_HASH_START_BLOCK,
					 .salt_bytes = 32 };
	memset(params.salt, 5, params.salt_bytes);
	assert_int_equal(verity_tree_write(fd, BLOCKS * 4096, params.salt, params.salt_bytes, uuid, fd,
					   params.root_hash, &opts, &err), 0);
	close(fd);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scrub_stop(&s);
	return unlink(path);
}

static void flip(uint64_t offset_bytes)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);
	uint8_t byte;

	assert_int_equal(io_pread_all(fd, &byte, 1, offset_bytes), 0);
	byte ^= 1;
	assert_int_equal(io_pwrite_all(fd, &byte, 1, offset_bytes), 0);
}

static enum scrub_state verdict(void)
{
	enum scrub_state state;
	int waited = 0;

	if (scrub_start(path, 1, &params, &s, &err))
		fail_msg("%s", err.text);
	while ((state = scrub_poll(&s, &err)) == SCRUB_RUNNING) {
		assert_true(waited++ < 2000);
		poll(NULL, 0, 5);
	}
	assert_int_equal(scrub_poll(&s, &err), state); /* and it stays so */
	return state;
}

static void a_whole_root_is_done(void **state)
{
	(void)state;
	assert_int_equal(verdict(), SCRUB_DONE);
	assert_int_equal(scrub_percent(&s), 100);
}

static void one_flipped_bit_anywhere_is_found(void **state)
{
	static const struct {
		uint64_t offset_bytes;
		const char *why;
	} cases[] = {
		{ ROOT_B_BYTES + 17, "the root is damaged: data block 0 of 400 is corrupt" },
		{ ROOT_B_BYTES + 399 * 4096 + 4095, "the root is damaged: data block 399 of 400 is corrupt" },
		/* The hash of data block 200: level 0 begins behind superblock and top. */
		{ HASH_B_BYTES + 3 * 4096 + (200 % 128) * 32, "the root is damaged: hash block 3" },
		{ HASH_B_BYTES + 4096, "the root is damaged: hash block 1" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		flip(cases[i].offset_bytes);
		assert_int_equal(verdict(), SCRUB_CORRUPT);
		if (strncmp(err.text, cases[i].why, strlen(cases[i].why)) != 0)
			fail_msg("'%s' does not begin with '%s'", err.text, cases[i].why);
		scrub_stop(&s);
		flip(cases[i].offset_bytes);
	}
	/* Beside the data nothing matters. */
	flip(ROOT_B_BYTES + BLOCKS * 4096);
	assert_int_equal(verdict(), SCRUB_DONE);
}

static void what_cannot_be_found_is_refused(void **state)
{
	(void)state;
	assert_int_equal(scrub_start(path, 0, &params, &s, &err), -ENOENT);
	assert_non_null(strstr(err.text, "the root of slot a on "));
	params.data_blocks = 1000;
	assert_int_equal(scrub_start(path, 1, &params, &s, &err), -EINVAL);
	params.data_blocks = BLOCKS;
	params.hash_start_block = 0;
	assert_int_equal(scrub_start(path, 1, &params, &s, &err), -EINVAL);
	assert_int_equal(scrub_start("/nonexistent", 1, &params, &s, &err), -ENOENT);
	assert_int_equal(s.pid, 0);
	assert_null(s.board);
}

static void another_root_hash_is_corrupt(void **state)
{
	(void)state;
	params.root_hash[31] ^= 1;
	assert_int_equal(verdict(), SCRUB_CORRUPT);
	assert_non_null(strstr(err.text, "or the root hash belongs to another tree"));
}

/* The check takes milliseconds, the signal microseconds; now and then the check may win. */
static void a_check_that_was_killed_proves_nothing(void **state)
{
	enum scrub_state verdict = SCRUB_DONE;

	(void)state;
	for (int i = 0; i < 100 && verdict == SCRUB_DONE; i++) {
		scrub_stop(&s);
		assert_int_equal(scrub_start(path, 1, &params, &s, &err), 0);
		scrub_hurry(&s);
		kill(s.pid, SIGKILL);
		while ((verdict = scrub_poll(&s, &err)) == SCRUB_RUNNING)
			poll(NULL, 0, 1);
	}
	assert_int_equal(verdict, SCRUB_BROKEN);
	assert_string_equal(err.text, "the root could not be checked: it was ended by signal 9");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_whole_root_is_done),
		T(one_flipped_bit_anywhere_is_found),
		T(what_cannot_be_found_is_refused),
		T(another_root_hash_is_corrupt),
		T(a_check_that_was_killed_proves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Where the chunks of a bundle come from, as the plan has it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "install/chunkplan.h"
#include "install/slot.h"
#include "install/slotindex.h"
#include "lib/base/blk_record.h"
#include "lib/base/err.h"

#define CHUNKS 8
#define LEN 1000u /* of each chunk: nothing is aligned */

static struct err err;
static struct bundle_chunk chunks[CHUNKS];
/* One chunk of UKI, five of the root, one of the signature, one of the selector. */
static struct bundle_index idx = { .n_chunks = CHUNKS, .start = { 0, 1, 6, 7, 8 }, .chunks = chunks };
static struct slot target, running;
static struct slotindex_chunk held[2];
static struct slotindex held_index = { .chunks = held };

static void content(unsigned id, uint8_t *to)
{
	for (size_t i = 0; i < LEN; i++)
		to[i] = (uint8_t)(i * 7 + id * 31);
}

static void put(struct blk *blk, uint64_t offset, unsigned id)
{
	uint8_t bytes[LEN];

	content(id, bytes);
	assert_int_equal(blk_write(blk, offset, bytes, LEN), 0);
}

/* Every chunk is another one, but for number 4, which is number 2 again. */
static int setup(void **state)
{
	uint8_t bytes[LEN];

	(void)state;
	for (uint32_t i = 0; i < CHUNKS; i++) {
		uint32_t part_start = idx.start[bundle_part_of(&idx, i)];

		content(i == 4 ? 2 : i, bytes);
		chunks[i] = (struct bundle_chunk){ .length = LEN, .first = i == 4 ? 2 : i,
						   .part_offset = (i - part_start) * LEN };
		bundle_hash(bytes, LEN, chunks[i].hash);
	}
	for (unsigned p = 0; p < BUNDLE_IN_SLOT; p++) {
		assert_int_equal(blk_new_record(64 * 4096, &target.part[p]), 0);
		assert_int_equal(blk_new_record(64 * 4096, &running.part[p]), 0);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	slot_close(&target);
	slot_close(&running);
	held_index.n_chunks = 0;
	return 0;
}

static void hold(uint32_t chunk, unsigned part, uint64_t offset)
{
	struct slotindex_chunk *c = &held[held_index.n_chunks++];

	*c = (struct slotindex_chunk){ .part_offset = offset, .length = LEN, .part = part };
	memcpy(c->hash, chunks[chunk].hash, sizeof(c->hash));
}

struct expected {
	enum chunkplan_from from[CHUNKS];
};

static void expect_plan(const struct expected *want)
{
	struct chunkplan_input in = { .index = &idx, .target = &target, .running = &running,
				      .running_index = &held_index };
	uint64_t sums[CHUNK_FROMS] = { 0 };
	struct chunkplan plan;

	assert_int_equal(chunkplan_make(&in, &plan, &err), 0);
	for (unsigned i = 0; i < CHUNKS; i++) {
		if (plan.chunk[i].from != want->from[i])
			fail_msg("chunk %u: %u, not %u", i, plan.chunk[i].from, want->from[i]);
		sums[want->from[i]] += LEN;
	}
	assert_memory_equal(plan.bytes, sums, sizeof(sums));
	assert_int_equal(chunkplan_write_bytes(&plan),
			 sums[CHUNK_SLOT] + sums[CHUNK_EARLIER] + sums[CHUNK_FETCH]);
	chunkplan_done(&plan);
}

#define P CHUNK_IN_PLACE
#define S CHUNK_SLOT
#define E CHUNK_EARLIER
#define F CHUNK_FETCH
#define L CHUNK_LEFT_OUT
#define EXPECT(...) expect_plan(&(const struct expected){ { __VA_ARGS__ } })

static void an_empty_machine_fetches_everything_once(void **state)
{
	(void)state;
	EXPECT(F, F, F, F, E, F, F, L);
}

static void what_stands_in_its_place_is_left_there(void **state)
{
	(void)state;
	put(target.part[BUNDLE_ROOT], 2 * LEN, 3);
	put(target.part[BUNDLE_SIG], 0, 6);
	/* At another place it is nothing. */
	put(target.part[BUNDLE_ROOT], 20000, 1);
	EXPECT(F, F, F, P, E, F, P, L);
}

static void a_copy_in_its_place_needs_no_first_one(void **state)
{
	(void)state;
	put(target.part[BUNDLE_ROOT], 3 * LEN, 2); /* chunk 4 */
	EXPECT(F, F, F, F, P, F, F, L);
}

static void the_running_slot_gives_what_its_index_names(void **state)
{
	(void)state;
	put(running.part[BUNDLE_ROOT], 7777, 2);
	put(running.part[BUNDLE_UKI], 12345, 5);
	hold(2, BUNDLE_ROOT, 7777);
	hold(5, BUNDLE_UKI, 12345);
	if (memcmp(held[0].hash, held[1].hash, sizeof(held[0].hash)) > 0) {
		struct slotindex_chunk c = held[0];

		held[0] = held[1];
		held[1] = c;
	}
	/* A copy of it is taken from there as well, not from what was written. */
	EXPECT(F, F, S, F, S, S, F, L);
}

static void an_index_that_lies_is_not_believed(void **state)
{
	(void)state;
	put(running.part[BUNDLE_ROOT], 7777, 3);
	hold(2, BUNDLE_ROOT, 7777);
	hold(2, BUNDLE_ROOT, UINT64_MAX - 10);
	held_index.n_chunks = 1;
	EXPECT(F, F, F, F, E, F, F, L);
	held[0].part_offset = UINT64_MAX - 10;
	EXPECT(F, F, F, F, E, F, F, L);
}

static void what_cannot_be_read_is_not_there(void **state)
{
	(void)state;
	put(target.part[BUNDLE_ROOT], 2 * LEN, 3);
	put(running.part[BUNDLE_ROOT], 7777, 2);
	hold(2, BUNDLE_ROOT, 7777);
	blk_record_fail(target.part[BUNDLE_ROOT], BLK_FAULT_READ, 0, true);
	blk_record_fail(running.part[BUNDLE_ROOT], BLK_FAULT_READ, 0, true);
	EXPECT(F, F, F, F, E, F, F, L);
}

static void a_part_with_a_place_is_taken_like_any_other(void **state)
{
	(void)state;
	assert_int_equal(blk_new_memory(4096, &target.part[BUNDLE_SELECTOR]), 0);
	EXPECT(F, F, F, F, E, F, F, F);
}

static void a_blank_slot_is_not_looked_at(void **state)
{
	struct chunkplan_input in = { .index = &idx, .target = &target, .blank = true };
	struct chunkplan plan;

	(void)state;
	put(target.part[BUNDLE_ROOT], 2 * LEN, 3);
	assert_int_equal(blk_new_memory(4096, &target.part[BUNDLE_SELECTOR]), 0);
	put(target.part[BUNDLE_SELECTOR], 0, 7);
	assert_int_equal(chunkplan_make(&in, &plan, &err), 0);
	assert_int_equal(plan.chunk[3].from, CHUNK_FETCH);
	/* It is no part of the slot. */
	assert_int_equal(plan.chunk[7].from, CHUNK_IN_PLACE);
	chunkplan_done(&plan);
}

static int say_stop(void *ctx, uint64_t done, uint64_t total)
{
	(void)total;
	*(uint64_t *)ctx = done;
	return done >= 3 * LEN ? -EINTR : 0;
}

static void progress_can_end_it(void **state)
{
	uint64_t done = 0;
	struct chunkplan_input in = { .index = &idx, .target = &target, .progress = say_stop, .ctx = &done };
	struct chunkplan plan = { .n_chunks = 99 };

	(void)state;
	assert_int_equal(chunkplan_make(&in, &plan, &err), -EINTR);
	assert_int_equal(plan.n_chunks, 99);
	assert_int_equal(done, 3 * LEN);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_empty_machine_fetches_everything_once),
		TEST(what_stands_in_its_place_is_left_there),
		TEST(a_copy_in_its_place_needs_no_first_one),
		TEST(the_running_slot_gives_what_its_index_names),
		TEST(an_index_that_lies_is_not_believed),
		TEST(what_cannot_be_read_is_not_there),
		TEST(a_part_with_a_place_is_taken_like_any_other),
		TEST(a_blank_slot_is_not_looked_at),
		TEST(progress_can_end_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

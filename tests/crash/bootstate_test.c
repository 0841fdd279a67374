/*
 * The boot state through the real storing code over a recording device: an
 * update from install to confirm, cut at every event with every subset of what
 * was not flushed, the last write torn in many places (the model tears at each).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/blk_record.h"
#include "lib/core/bootstate.h"

#define STATES_MAX 16

static struct bs states[STATES_MAX];
static size_t stored_at[STATES_MAX]; /* events in the log when the store returned */
static unsigned int n_states;
static struct bs_disk disk;

static struct slotdesc image(unsigned int id)
{
	struct slotdesc d = { .uki_bytes = 1000, .name = "demo" };

	memset(d.root_hash, (int)id, sizeof(d.root_hash));
	d.version[0] = (char)('A' + id);
	return d;
}

static void store(struct blk *b, struct bs *bs)
{
	assert_int_equal(bs_store(&disk, bs), BS_OK);
	blk_record_events(b, &stored_at[n_states]);
	states[n_states++] = *bs;
}

/* Boot a, confirm, install b, boot b, confirm: each step stored. */
static void update(struct blk *b, struct bs *bs)
{
	struct slotdesc next = image(2);

	for (unsigned int slot = 0; slot < 2; slot++) {
		assert_int_equal(bs_count_start(bs, slot), BS_OK);
		store(b, bs);
		assert_int_equal(bs_set_stage(bs, BS_STAGE_ROOT), BS_OK);
		store(b, bs);
		assert_int_equal(bs_confirm(bs, slot), BS_OK);
		store(b, bs);
		if (slot)
			break;
		assert_int_equal(bs_install_begin(bs, 1, 0, &next, false), BS_OK);
		store(b, bs);
		assert_int_equal(bs_install_commit(bs, 1, &next, 3), BS_OK);
		store(b, bs);
	}
}

/* After @n events the state is the last one stored, or the one being stored. */
static void check_cut(const uint8_t *bytes, size_t n)
{
	struct blk *after;
	struct disk_ops ops;
	struct bs bs;
	unsigned int last = 0;

	while (last + 1 < n_states && stored_at[last + 1] <= n)
		last++;
	assert_int_equal(blk_new_memory(BS_PARTITION_BYTES, &after), 0);
	memcpy(blk_memory(after), bytes, BS_PARTITION_BYTES);
	ops = blk_disk_ops(after);
	assert_int_equal(bs_load(&disk, &ops, &bs), BS_OK);
	assert_true(!memcmp(&bs, &states[last], sizeof(bs)) ||
		    (last + 1 < n_states && !memcmp(&bs, &states[last + 1], sizeof(bs))));
	blk_free(after);
}

static void a_cut_leaves_the_state_before_or_after(void **state)
{
	uint8_t *bytes = malloc(BS_PARTITION_BYTES);
	_cleanup_blk_ struct blk *b = NULL;
	struct slotdesc first = image(1);
	const struct blk_event *events;
	struct disk_ops ops;
	struct bs bs;
	size_t n_events;

	(void)state;
	assert_non_null(bytes);
	assert_int_equal(blk_new_record(BS_PARTITION_BYTES, &b), 0);
	ops = blk_disk_ops(b);
	assert_int_equal(bs_init_fresh(&first, 3, &bs), BS_OK);
	assert_int_equal(bs_create(&disk, &ops, &bs), BS_OK);
	blk_record_restart(b);
	n_states = 1;
	states[0] = bs;
	stored_at[0] = 0;
	update(b, &bs);

	events = blk_record_events(b, &n_events);
	assert_int_equal(n_events, 2 * (n_states - 1)); /* one write, one flush each */
	for (size_t n = 0; n <= n_events; n++) {
		size_t pending = blk_record_unflushed(b, n);

		for (uint64_t kept = 0; kept < UINT64_C(1) << pending; kept++) {
			blk_record_cut(b, n, kept, SIZE_MAX, bytes);
			check_cut(bytes, n);
		}
		for (size_t torn = 0; pending && torn < events[n - 1].len; torn += 61) {
			blk_record_cut(b, n, UINT64_MAX, torn, bytes);
			check_cut(bytes, n);
		}
	}
	free(bytes);
}

static void every_failing_operation_leaves_a_state_that_can_go_on(void **state)
{
	static const enum blk_fault faults[] = { BLK_FAULT_READ, BLK_FAULT_WRITE, BLK_FAULT_FLUSH };
	struct slotdesc first = image(1);
	struct bs start, bs, back;
	struct disk_ops ops;
	unsigned int slot;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (unsigned int nth = 0; nth < 8; nth++) {
			_cleanup_blk_ struct blk *b = NULL;

			assert_int_equal(blk_new_record(BS_PARTITION_BYTES, &b), 0);
			ops = blk_disk_ops(b);
			assert_int_equal(bs_init_fresh(&first, 3, &start), BS_OK);
			assert_int_equal(bs_create(&disk, &ops, &start), BS_OK);
			bs = start;
			blk_record_fail(b, faults[i], nth, false);
			for (unsigned int boots = 0; boots < 3; boots++) {
				assert_int_equal(bs_count_start(&bs, 0), BS_OK);
				bs_store(&disk, &bs);
			}
			blk_record_fail(b, BLK_FAULT_NONE, 0, false);
			assert_int_equal(bs_load(&disk, &ops, &back), BS_OK);
			/* At most the last, failed store is missing. */
			assert_in_range(back.boots, 2, 3);
			assert_int_equal(bs_choose(&back, 0, 0, &slot), BS_OK);
			assert_int_equal(bs_count_start(&back, slot), BS_OK);
			assert_int_equal(bs_store(&disk, &back), BS_OK);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cut_leaves_the_state_before_or_after),
		cmocka_unit_test(every_failing_operation_leaves_a_state_that_can_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

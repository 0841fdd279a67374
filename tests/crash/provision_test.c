/*
 * Provisioning a disk through power cuts: cut after each write and flush, with subsets of
 * what was not flushed yet and the last write torn. Whatever is left has no partition table or is
 * the whole system; over a disk that held another system, it may also still be that one.
 */
#include "tests/unit/install/provision_fixture.h"

#define TARGET_BYTES (20 * MIB)
#define SUBSETS 8

static struct gpt table;
static uint8_t disk[TARGET_BYTES];

enum left { LEFT_NOTHING, LEFT_OLD, LEFT_NEW, LEFT_KINDS };

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* @old: what the target held before, or NULL when it was blank. */
static enum left judge(const uint8_t *old, const char *about, size_t n)
{
	static const char *const kept[] = { "boot-state", "boot-a", "root-a", "verity-a", "sig-a", "esp" };
	const char *wrong;

	if (f_table(disk, TARGET_BYTES, 512, &table) != GPT_OK)
		return LEFT_NOTHING;
	wrong = f_judge(disk, &table, 0);
	if (!wrong)
		return LEFT_NEW;
	if (!old)
		fail_msg("%s, %zu events: a table, but of %s not all", about, n, wrong);
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		if (memcmp(old + f_offset(kept[i]), disk + f_offset(kept[i]), f_bytes(kept[i])))
			fail_msg("%s, %zu events: a table, but the old %s was touched", about, n, kept[i]);
	return LEFT_OLD;
}

/* Cut the recorded provisioning everywhere; how often it left what. */
static void cut_everywhere(struct blk *record, const uint8_t *old, unsigned count[LEFT_KINDS])
{
	uint64_t seed = 88172645463325252u;
	size_t n_events;
	const struct blk_event *e = blk_record_events(record, &n_events);

	for (size_t n = 0; n <= n_events; n++) {
		size_t last = n ? e[n - 1].len : 0;

		blk_record_cut(record, n, UINT64_MAX, SIZE_MAX, disk);
		count[judge(old, "all of them", n)]++;
		if (n == 0 || e[n - 1].flush)
			continue;
		for (unsigned i = 0; i < SUBSETS; i++) {
			size_t torn = i % 2 ? next_random(&seed) % (last + 1) / 512 * 512 : SIZE_MAX;

			blk_record_cut(record, n, next_random(&seed), torn, disk);
			count[judge(old, "a subset", n)]++;
		}
	}
}

static void a_blank_disk_never_boots_half_a_system(void **state)
{
	struct f_target *t = ft_new(TARGET_BYTES, 512);
	unsigned count[LEFT_KINDS] = { 0 };

	(void)state;
	assert_int_equal(ft_provision(t, NULL, NULL), 0);
	cut_everywhere(t->record, NULL, count);
	assert_true(count[LEFT_NOTHING] > 100);
	assert_true(count[LEFT_NEW] > 2);
	assert_int_equal(count[LEFT_OLD], 0);
	blk_free(&t->blk);
}

/* The disk held another version of the same layout, so that every old byte could pass for a new one. */
static void an_old_system_is_whole_or_gone(void **state)
{
	static uint8_t old[TARGET_BYTES];
	struct f_target *t = ft_new(TARGET_BYTES, 512);
	unsigned count[LEFT_KINDS] = { 0 };
	uint8_t line[] = "another";

	(void)state;
	assert_int_equal(ft_provision(t, NULL, NULL), 0);
	/* Its root, and so all that names it, is another one. */
	assert_int_equal(blk_write(&t->blk, f_offset("root-a") + 4096, line, sizeof(line)), 0);
	assert_int_equal(blk_write(&t->blk, f_offset("sig-a"), line, sizeof(line)), 0);
	blk_record_restart(t->record);
	memcpy(old, blk_record_bytes(t->record), sizeof(old));
	assert_int_equal(ft_provision(t, NULL, NULL), 0);
	cut_everywhere(t->record, old, count);
	assert_true(count[LEFT_OLD] > 0);
	assert_true(count[LEFT_NOTHING] > 100);
	assert_true(count[LEFT_NEW] > 2);
	blk_free(&t->blk);
}

/* A cut, and then the same command again: it ends well from wherever it was left. */
static void it_can_be_done_again(void **state)
{
	struct f_target *first = ft_new(TARGET_BYTES, 512);
	size_t n_events;

	(void)state;
	assert_int_equal(ft_provision(first, NULL, NULL), 0);
	blk_record_events(first->record, &n_events);
	for (size_t n = 0; n <= n_events; n += n_events / 7) {
		struct f_target *t = ft_new(TARGET_BYTES, 512);

		blk_record_cut(first->record, n, 0x5555555555555555, SIZE_MAX, blk_record_bytes(t->record));
		assert_int_equal(io_pwrite_all(t->fd, blk_record_bytes(t->record), TARGET_BYTES, 0), 0);
		blk_record_restart(t->record);
		assert_int_equal(ft_provision(t, NULL, NULL), 0);
		assert_int_equal(f_table(blk_record_bytes(t->record), TARGET_BYTES, 512, &table), GPT_OK);
		assert_null(f_judge(blk_record_bytes(t->record), &table, 0));
		blk_free(&t->blk);
	}
	blk_free(&first->blk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_blank_disk_never_boots_half_a_system),
		cmocka_unit_test(an_old_system_is_whole_or_gone),
		cmocka_unit_test(it_can_be_done_again),
	};

	return cmocka_run_group_tests(tests, f_setup, f_teardown);
}

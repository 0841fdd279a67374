/*
 * The installer with everything that can fail failing: each read, write, flush and
 * allocation in turn, once and from then on; the source too, and a source that lies. It
 * says so, the machine boots what it did before, and the same call does it afterwards.
 */
#include "tests/crash/install_world.h"
#include "tests/failing_malloc.h"

#define WINDOW (4 * BLOCK)

static uint8_t fresh[DISK_BYTES];

static struct blk *device(void)
{
	struct blk *b;

	assert_int_equal(blk_new_record(DISK_BYTES, &b), 0);
	memcpy(blk_record_bytes(b), fresh, DISK_BYTES);
	blk_record_restart(b);
	return b;
}

/* @r came back while something failed: the disk keeps its promises, and another attempt succeeds. */
static void check_after(struct blk *disk, int r, const char *what, unsigned nth)
{
	struct update u = { .window_bytes = WINDOW };
	const char *wrong;
	int v;

	if (r && !err.text[0])
		fail_msg("%s %u: %d without a word", what, nth, r);
	wrong = disk_breaks(blk_record_bytes(disk), &v);
	if (wrong)
		fail_msg("%s %u: %s", what, nth, wrong);
	if (r == 0 && v != 2)
		fail_msg("%s %u: said to be done, and it is not", what, nth);
	if (v != 2)
		r = update(disk, 0, &u);
	if (v != 2 && r)
		fail_msg("%s %u: afterwards: %s", what, nth, err.text);
	assert_null(disk_breaks(blk_record_bytes(disk), &v));
	assert_int_equal(v, 2);
}

/* Fail the n-th operation for every n there is; returns how many runs said that they failed. */
static unsigned fail_each(enum blk_fault fault, bool on, const char *what)
{
	unsigned failed = 0, unhurt = 0;

	/* A store that fails may not be repeated: a few runs without harm are not the end. */
	for (unsigned nth = 0; unhurt < 8; nth++) {
		struct update u = { .window_bytes = WINDOW };
		struct blk *disk = device();
		int r;

		blk_record_fail(disk, fault, nth, on);
		r = update(disk, 0, &u);
		blk_record_fail(disk, BLK_FAULT_NONE, 0, false);
		check_after(disk, r, what, nth);
		blk_free(disk);
		failed += r != 0;
		unhurt = r ? 0 : unhurt + 1;
	}
	return failed;
}

static void a_write_fails(void **state)
{
	(void)state;
	assert_true(fail_each(BLK_FAULT_WRITE, false, "write") > 20);
	assert_true(fail_each(BLK_FAULT_WRITE, true, "writes from") > 20);
}

static void a_flush_fails(void **state)
{
	(void)state;
	/* Begin, descriptor, UKI, root (it takes three), signature, tree, descriptor, commit. */
	assert_int_equal(fail_each(BLK_FAULT_FLUSH, false, "flush"), 10);
	assert_int_equal(fail_each(BLK_FAULT_FLUSH, true, "flushes from"), 10);
}

/* What cannot be read while it is planned is fetched; later on a read that fails is a failure. */
static void a_read_fails(void **state)
{
	unsigned failed = 0;

	(void)state;
	for (unsigned nth = 0; nth < 250; nth++) {
		for (unsigned on = 0; on < 2; on++) {
			struct update u = { .window_bytes = WINDOW };
			struct blk *disk = device();
			int r;

			blk_record_fail(disk, BLK_FAULT_READ, nth, on);
			r = update(disk, 0, &u);
			blk_record_fail(disk, BLK_FAULT_NONE, 0, false);
			check_after(disk, r, "read", nth);
			blk_free(disk);
			failed += r != 0;
		}
	}
	assert_true(failed > 60);
}

static void an_allocation_fails(void **state)
{
	unsigned failed = 0;

	(void)state;
	if (!FAILING_MALLOC) {
		print_message("not under a sanitizer that has its own malloc\n");
		return;
	}
	for (unsigned on = 0; on < 2; on++) {
		for (long nth = 0;; nth++) {
			struct update u = { .window_bytes = WINDOW };
			struct blk *disk = device();
			bool over;
			int r;

			sticky = on;
			countdown = nth;
			r = update(disk, 0, &u);
			over = countdown > 0;
			countdown = -1;
			check_after(disk, r, "allocation", (unsigned)nth);
			blk_free(disk);
			failed += r != 0;
			if (over)
				break;
		}
	}
	assert_true(failed > 20);
}

static void the_source_fails(void **state)
{
	static const int expected[] = { INSTALL_E_SOURCE, INSTALL_E_DAMAGED };
	unsigned nth = 1;

	(void)state;
	for (unsigned lies = 0; lies < 2; lies++) {
		for (nth = 1;; nth++) {
			struct update u = { .window_bytes = WINDOW, .fail_at = nth, .lies = lies };
			struct blk *disk = device();
			int r = update(disk, 0, &u);

			check_after(disk, r, lies ? "lie" : "source", nth);
			blk_free(disk);
			if (r == 0)
				break;
			assert_int_equal(r, expected[lies]);
		}
		assert_true(nth > 10);
	}
}

/* ---- a medium that lies ------------------------------------------------------------ */

/* In front of the disk: one write is said to be done, and is lost or comes out with a wrong bit. */
struct liar {
	struct blk blk;
	struct blk *disk;
	unsigned lie_at; /* which write, from 0 */
	bool lose;
	bool lied;
};

static int liar_read(struct blk *b, uint64_t offset_bytes, void *data, size_t len)
{
	return blk_read(((struct liar *)b)->disk, offset_bytes, data, len);
}

static int liar_write(struct blk *b, uint64_t offset_bytes, const void *data, size_t len)
{
	struct liar *l = (struct liar *)b;
	uint8_t byte;
	int r;

	if (l->lied || l->lie_at--)
		return blk_write(l->disk, offset_bytes, data, len);
	l->lied = true;
	if (l->lose)
		return 0;
	r = blk_write(l->disk, offset_bytes, data, len);
	byte = ((const uint8_t *)data)[len / 3] ^ 4;
	return r ? r : blk_write(l->disk, offset_bytes + len / 3, &byte, 1);
}

static int liar_flush(struct blk *b)
{
	return blk_flush(((struct liar *)b)->disk);
}

static const struct blk_class liar_class = {
	.read = liar_read,
	.write = liar_write,
	.flush = liar_flush,
};

/* Every lie is noticed before the commit; one about the slot index costs only what it could save. */
static void a_medium_that_lies_is_found_out(void **state)
{
	(void)state;
	for (unsigned lose = 0; lose < 2; lose++) {
		unsigned found = 0, harmless = 0;

		for (unsigned nth = 0;; nth++) {
			struct update u = { .window_bytes = WINDOW };
			struct liar liar = { .lie_at = nth, .lose = lose };
			struct blk *disk = device();
			int r;

			liar.blk = *disk;
			liar.blk.class = &liar_class;
			liar.disk = disk;
			r = update(&liar.blk, 0, &u);
			check_after(disk, r, "lie about write", nth);
			blk_free(disk);
			if (!liar.lied)
				break;
			found += r != 0;
			harmless += r == 0;
		}
		assert_true(found > 20);
		/* The zeroed descriptor that was lost, and the index. */
		assert_in_range(harmless, 0, 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_write_fails),
		cmocka_unit_test(a_flush_fails),
		cmocka_unit_test(a_read_fails),
		cmocka_unit_test(an_allocation_fails),
		cmocka_unit_test(the_source_fails),
		cmocka_unit_test(a_medium_that_lies_is_found_out),
	};
	struct blk *disk;

	for (unsigned v = 0; v < VERSIONS; v++)
		make_version(v);
	disk = new_machine(true);
	memcpy(fresh, blk_record_bytes(disk), DISK_BYTES);
	blk_free(disk);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

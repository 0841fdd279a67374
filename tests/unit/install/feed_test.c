/* The feed: every byte of the plan's parts, in their order, whoever reads them and however slowly. */
#include "tests/unit/install/provision_fixture.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>

#include "install/feed.h"
#include "install/readback.h"
#include "lib/core/bytes.h"

static struct provision_source *source;
static struct plan plan;

static bool no_threads;

/* In front of the C library's. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

	if (no_threads)
		return EAGAIN;
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
	return real(thread, attr, fn, arg);
}

static void threads_can_be_had(bool can)
{
	no_threads = !can;
}

static void begin(void)
{
	static const uint8_t seed[GUID_BYTES] = { 3 };

	assert_int_equal(provision_source_open(fx.path, NULL, &source, &f_err), 0);
	assert_int_equal(plan_make(source, F_IMAGE_BYTES, 512, seed, &plan, &f_err), 0);
}

static void end(void)
{
	source = provision_source_free(source);
	threads_can_be_had(true);
}

static void check_piece(const struct feed_piece *p, size_t piece_bytes)
{
	static uint8_t want[F_BOOT_BYTES];

	assert_true(p->len_bytes > 0 && p->len_bytes <= sizeof(want));
	assert_int_equal(io_pread_all(fx.fd, want, p->len_bytes,
				      plan.copy[p->part].from_bytes + p->offset_bytes), 0);
	if (!p->data) {
		assert_true(bytes_are_zero(want, p->len_bytes));
		return;
	}
	assert_true(p->len_bytes <= piece_bytes);
	assert_int_equal((uintptr_t)p->data % 4096, 0);
	assert_memory_equal(want, p->data, p->len_bytes);
}

/* All of it; how many pieces were not moved. @slow: the reader has time to get ahead. */
static unsigned read_all(size_t piece_bytes, bool slow, uint8_t sums[PLAN_PARTS][DIGEST_BYTES])
{
	_cleanup_feed_ struct feed *f = feed_new(source, &plan, piece_bytes);
	unsigned part = 0, holes = 0;
	uint64_t at = 0;
	struct feed_piece p;
	int r;

	assert_non_null(f);
	while ((r = feed_next(f, &p)) == 0) {
		assert_int_equal(p.part, part);
		assert_int_equal(p.offset_bytes, at);
		if (slow)
			usleep(300);
		check_piece(&p, piece_bytes);
		holes += !p.data;
		at += p.len_bytes;
		if (at == plan.copy[part].len_bytes) {
			at = 0;
			part++;
		}
	}
	assert_int_equal(r, FEED_END);
	assert_int_equal(part, PLAN_PARTS);
	feed_sums(f, sums);
	return holes;
}

static void every_byte_comes_once_and_in_order(void **state)
{
	static uint8_t first[PLAN_PARTS][DIGEST_BYTES], sums[PLAN_PARTS][DIGEST_BYTES];
	static const uint8_t none[DIGEST_BYTES];

	(void)state;
	begin();
	read_all(FEED_PIECE_BYTES, false, first);
	for (unsigned part = 0; part < PLAN_PARTS; part++)
		assert_int_equal(memcmp(first[part], none, sizeof(none)) == 0,
				 part == PLAN_ROOT || part == PLAN_VERITY);
	for (unsigned i = 0; i < 4; i++) {
		threads_can_be_had(i % 2 == 0);
		assert_true(read_all(READBACK_GRAIN_BYTES, i < 2, sums) > 0);
		/* The same in whichever pieces it came. */
		assert_memory_equal(first, sums, sizeof(sums));
	}
	end();
}

static void it_can_be_left_at_any_piece(void **state)
{
	struct feed_piece p;

	(void)state;
	begin();
	for (unsigned n = 0; n < 40; n++) {
		_cleanup_feed_ struct feed *f = NULL;

		threads_can_be_had(n % 4 != 3);
		f = feed_new(source, &plan, READBACK_GRAIN_BYTES);
		for (unsigned i = 0; i < n; i++)
			if (feed_next(f, &p))
				break;
	}
	end();
}

static void what_cannot_be_read_has_a_name(void **state)
{
	_cleanup_feed_ struct feed *f = NULL;
	struct feed_piece p;
	int r;

	(void)state;
	begin();
	/* The hash tree is whole, and the signature behind it is not there. */
	assert_int_equal(ftruncate(fx.fd, (off_t)f_offset("sig-a") + 100), 0);
	f = feed_new(source, &plan, 0);
	while ((r = feed_next(f, &p)) == 0)
		assert_true(p.part <= PLAN_SIG);
	assert_int_equal(r, -ENODATA);
	assert_int_equal(p.part, PLAN_SIG);
	assert_int_equal(ftruncate(fx.fd, F_IMAGE_BYTES), 0);
	f_make_image(0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_comes_once_and_in_order),
		cmocka_unit_test(it_can_be_left_at_any_piece),
		cmocka_unit_test(what_cannot_be_read_has_a_name),
	};

	return cmocka_run_group_tests(tests, f_setup, f_teardown);
}

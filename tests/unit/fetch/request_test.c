/* Requests: what is one, and how those that wait are joined and served. */
#include "fetch/request.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"

static struct requests q;

static int parse(const char *line, struct request *ret)
{
	return request_parse(line, strlen(line), ret);
}

static void a_line_is_strict(void **state)
{
	static const char *const wrong[] = {
		"", "GET", "GET ", "GET 1", "GET 1 ", "GET 1 0", "GET 1 01", "GET 01 1", "GET 1 1 ", "GET  1 1",
		"GET 1  1", "get 1 1", "GET +1 1", "GET -1 1", "GET 1 1\r", "GET 0x1 1", "GET 1 1 1", "PUT 1 1",
		"GET 18446744073709551616 1", "GET 18446744073709551615 1", "GET 9223372036854775807 1",
		"GET 9223372036854775806 2", "GET 0 9223372036854775808",
		"GET 00000000000000000000000000000000000000 1",
	};
	struct request r = { 7, 8 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		if (parse(wrong[i], &r) != -EINVAL)
			fail_msg("taken: %s", wrong[i]);
	assert_int_equal(request_parse("GET 1 1\0", 8, &r), -EINVAL);
	assert_true(r.offset_bytes == 7 && r.length_bytes == 8);
	assert_int_equal(parse("GET 0 1", &r), 0);
	assert_true(r.offset_bytes == 0 && r.length_bytes == 1);
	assert_int_equal(parse("GET 9223372036854775806 1", &r), 0);
	assert_int_equal(parse("GET 0 9223372036854775807", &r), 0);
	assert_true(r.length_bytes == REQUEST_END_MAX);
	/* The longest there is. */
	assert_true(strlen("GET 9223372036854775806 ") + 19 == REQUEST_LINE_MAX);
}

static void ask(uint64_t offset, uint64_t length)
{
	requests_add(&q, (struct request){ offset, length });
}

static int clean(void **state)
{
	(void)state;
	memset(&q, 0, sizeof(q));
	return 0;
}

static void neighbours_are_joined(void **state)
{
	(void)state;
	ask(100, 50);
	assert_true(requests_next(&q) == 100 && requests_run_end(&q) == 150);
	ask(150, 50);
	assert_true(requests_run_end(&q) == 200);
	ask(200 + REQUEST_GAP_MAX_BYTES, 1);
	assert_true(requests_run_end(&q) == 201 + REQUEST_GAP_MAX_BYTES);
	/* Too far, although what comes then would be near again. */
	ask(202 + 2 * REQUEST_GAP_MAX_BYTES, 1);
	ask(201 + REQUEST_GAP_MAX_BYTES, 1);
	assert_true(requests_run_end(&q) == 201 + REQUEST_GAP_MAX_BYTES);
}

static void what_overlaps_or_goes_back_is_not_joined(void **state)
{
	(void)state;
	ask(100, 50);
	ask(149, 10);
	assert_true(requests_run_end(&q) == 150);
	requests_delivered(&q, 50);
	ask(0, 10);
	assert_true(requests_run_end(&q) == 159);
}

static void a_block_is_cut_to_the_request(void **state)
{
	size_t skip, take;

	(void)state;
	ask(100, 50);
	requests_cut(&q, 0, 10, &skip, &take);
	assert_true(skip == 10 && take == 0);
	requests_cut(&q, 90, 20, &skip, &take);
	assert_true(skip == 10 && take == 10);
	requests_cut(&q, 90, 1000, &skip, &take);
	assert_true(skip == 10 && take == 50);
	requests_delivered(&q, 20);
	assert_true(requests_next(&q) == 120 && requests_run_end(&q) == 150);
	requests_cut(&q, 120, 1000, &skip, &take);
	assert_true(skip == 0 && take == 30);
	requests_delivered(&q, 30);
	assert_true(q.n == 0);
}

static void the_queue_goes_round(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < REQUESTS_MAX; i++)
		ask(i, 1);
	assert_true(requests_full(&q) && requests_run_end(&q) == REQUESTS_MAX);
	for (uint64_t i = 0; i < 3 * REQUESTS_MAX; i++) {
		assert_true(requests_next(&q) == i);
		requests_delivered(&q, 1);
		assert_false(requests_full(&q));
		ask(REQUESTS_MAX + i, 1);
	}
	assert_true(requests_run_end(&q) == 4 * REQUESTS_MAX);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, clean)
	const struct CMUnitTest tests[] = {
		T(a_line_is_strict),
		T(neighbours_are_joined),
		T(what_overlaps_or_goes_back_is_not_joined),
		T(a_block_is_cut_to_the_request),
		T(the_queue_goes_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

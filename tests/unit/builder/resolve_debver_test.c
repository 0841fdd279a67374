/* Debian versions are ordered as dpkg orders them. */
#include "builder/resolve/debver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/proc.h"

static int compare(const char *a, const char *b)
{
	int c = debver_compare(a, strlen(a), b, strlen(b));

	return c < 0 ? -1 : c > 0;
}

/* Each is older than the next. */
static const char *const ascending[] = {
	"0~~", "0~", "0", "0.0~rc1", "0.0", "1.0~beta1~svc", "1.0~beta1", "1.0", "1.0-1",
	"1.0-1+b1", "1.0-1+deb12u1", "1.0-1.1", "1.0a", "1.0b", "1.0+dfsg", "1.1", "1.9",
	"1.10", "1.10.1", "2a", "2.0", "20240101", "1:0.1", "1:1~", "2:0",
};

static void versions_are_ordered(void **state)
{
	size_t n = sizeof(ascending) / sizeof(ascending[0]);

	(void)state;
	for (size_t i = 0; i + 1 < n; i++) {
		assert_int_equal(compare(ascending[i], ascending[i]), 0);
		assert_int_equal(compare(ascending[i], ascending[i + 1]), -1);
		assert_int_equal(compare(ascending[i + 1], ascending[i]), 1);
	}
}

static void zeroes_and_absent_parts_are_equal(void **state)
{
	(void)state;
	assert_int_equal(compare("1.0", "1.00"), 0);
	assert_int_equal(compare("0:1.0", "1.0"), 0);
	assert_int_equal(compare("1.0-0", "1.0"), 0);
	assert_int_equal(compare("1.01", "1.1"), 0);
	assert_int_equal(compare("00000000000000000000000000000000001", "1"), 0);
	assert_int_equal(compare("99999999999999999999999999", "100000000000000000000000000"), -1);
}

static void dpkg_agrees(void **state)
{
	size_t n = sizeof(ascending) / sizeof(ascending[0]);

	(void)state;
	if (!proc_exists("dpkg"))
		skip();
	for (size_t i = 0; i + 1 < n; i++) {
		int c = compare(ascending[i], ascending[i + 1]);
		char *argv[] = { "dpkg", "--compare-versions", (char *)ascending[i],
				 c < 0 ? "lt" : c > 0 ? "gt" : "eq", (char *)ascending[i + 1], NULL };

		assert_int_equal(proc_run(argv, NULL, NULL), 0);
	}
}

static void relations_hold(void **state)
{
	(void)state;
	assert_true(debver_satisfies("1.0~rc1", 7, DEBVER_LT, "1.0", 3));
	assert_false(debver_satisfies("1.0~rc1", 7, DEBVER_GE, "1.0", 3));
	assert_true(debver_satisfies("1:1", 3, DEBVER_GT, "2", 1));
	assert_true(debver_satisfies("1", 1, DEBVER_EQ, "1-0", 3));
	assert_true(debver_satisfies("1", 1, DEBVER_LE, "1", 1));
	assert_true(debver_satisfies("anything", 8, DEBVER_ANY, "", 0));
}

static void nonsense_is_no_version(void **state)
{
	static const char *const bad[] = { "", "a", ":1", "x:1", "1 2", "1_2", "-1", "1:", "1-1_", "1.0-",
					   "1234567890:1" };
	static const char *const good[] = { "1", "1:2-3", "1.0~a+b-1~c", "1-2-3", "1:2:3" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(debver_valid(bad[i], strlen(bad[i])));
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(debver_valid(good[i], strlen(good[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_are_ordered),
		cmocka_unit_test(zeroes_and_absent_parts_are_equal),
		cmocka_unit_test(dpkg_agrees),
		cmocka_unit_test(relations_hold),
		cmocka_unit_test(nonsense_is_no_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Every allocation of a load fails once: each time the answer is "out of
 * memory", nothing is handed out, and the next load succeeds. Extremes of
 * input stay within bounded memory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "builder/recipe/load.h"
#include "builder/recipe/recipe.h"
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "tests/failing_malloc.h"

static struct err err;

static const char text[] =
	"name: web\nversion: 1.10\ndistribution: {suite: bookworm, components: [main]}\n"
	"packages: [aa, bb, cc]\nfiles:\n  - {path: /a, content: x}\n  - {path: /b, link: y}\n"
	"users: [{name: u, uid: 1000, groups: [a, b]}]\n"
	"services: {enable: [a.service], mask: [b.service]}\n"
	"health: {checks: [{unit: a.service}, {port: 80}]}\n";

static int load(const char *data, size_t len, struct recipe **ret)
{
	struct recipe_options opt = { .version = "2.0" };

	return recipe_load_text("r.yaml", data, len, &opt, ret, &err);
}

#if FAILING_MALLOC
static void every_failed_allocation_is_reported(void **state)
{
	long n = 0;

	(void)state;
	for (;; n++) {
		struct recipe *r = NULL;
		int rc;

		countdown = n;
		rc = load(text, sizeof(text) - 1, &r);
		if (countdown >= 0) {
			countdown = -1;
			assert_int_equal(rc, 0);
			recipe_free(r);
			break;
		}
		countdown = -1;
		if (rc != -ENOMEM)
			fail_msg("allocation %ld: %d, %s", n, rc, err.text);
		assert_null(r);
		assert_string_equal(err.text, "out of memory");
	}
	assert_true(n > 100);
}

static void every_failed_allocation_of_a_refusal_is_reported(void **state)
{
	static const char bad[] = "nam: web\npackages: [Bad]\n";

	(void)state;
	for (long n = 0;; n++) {
		struct recipe *r = NULL;
		int rc;

		countdown = n;
		rc = load(bad, sizeof(bad) - 1, &r);
		if (countdown >= 0) {
			countdown = -1;
			assert_int_equal(rc, -EINVAL);
			break;
		}
		countdown = -1;
		assert_true(rc == -ENOMEM);
		assert_null(r);
	}
}
#else
static void every_failed_allocation_is_reported(void **state)
{
	(void)state;
	print_message("SKIP: the address sanitizer owns malloc\n");
	skip();
}

static void every_failed_allocation_of_a_refusal_is_reported(void **state)
{
	every_failed_allocation_is_reported(state);
}
#endif

/* The largest text allowed, made of @unit over and over. */
static void refuse_repeated(const char *head, const char *unit)
{
	struct buf b = BUF_INIT;
	struct recipe *r = NULL;

	buf_adds(&b, head);
	while (b.len + strlen(unit) < RECIPE_FILE_MAX_BYTES)
		buf_adds(&b, unit);
	assert_true(buf_ok(&b));
	assert_int_equal(load(b.data, b.len, &r), -EINVAL);
	assert_null(r);
	buf_done(&b);
}

static void extremes_are_refused_in_bounded_memory(void **state)
{
	struct rusage u;

	(void)state;
	refuse_repeated("", "[");
	refuse_repeated("", "{a: ");
	refuse_repeated("", "- ");
	refuse_repeated("packages: [", "aa,");
	refuse_repeated("packages: [", "a\n");
	refuse_repeated("name: ", "a");
	refuse_repeated("name: \"", "\\u00e4");
	refuse_repeated("", "k: v\n");
	refuse_repeated("", "# comment\n");
	refuse_repeated("files:\n", "  - {path: /a, content: x}\n");
	refuse_repeated("files:\n", "  - {}\n");
	refuse_repeated("", "\n");
	refuse_repeated("", "? ");
	assert_int_equal(getrusage(RUSAGE_SELF, &u), 0);
	if (FAILING_MALLOC && u.ru_maxrss > 64 * 1024)
		fail_msg("%ld KiB of memory", u.ru_maxrss);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_failed_allocation_is_reported),
		cmocka_unit_test(every_failed_allocation_of_a_refusal_is_reported),
		cmocka_unit_test(extremes_are_refused_in_bounded_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

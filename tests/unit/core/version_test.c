/* Version order: the examples of UAPI.10, more of our own, and systemd as a stranger. */
#include "lib/core/version.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct vector {
	const char *a;
	char order;
	const char *b;
} vectors[] = {
	{ "11", '=', "11" }, { "systemd-123", '=', "systemd-123" }, { "bar-123", '<', "foo-123" },
	{ "123a", '>', "123" }, { "123.a", '>', "123" }, { "123.a", '<', "123.b" },
	{ "123a", '>', "123.a" }, { "11α", '=', "11β" }, { "B", '<', "a" }, { "", '<', "0" },
	{ "0.", '>', "0" }, { "0.0", '>', "0" }, { "0", '>', "~" }, { "", '>', "~" },
	{ "1_", '=', "1" }, { "_1", '=', "1" }, { "1_", '<', "1.2" }, { "1_2_3", '>', "1.3.3" },
	{ "1+", '=', "1" }, { "+1", '=', "1" }, { "1+", '<', "1.2" }, { "1+2+3", '>', "1.3.3" },
	{ "1.01", '=', "1.1" }, { "1.001", '=', "1.1" }, { "00", '=', "0" }, { "1.10", '>', "1.9" },
	{ "1.0~rc1", '<', "1.0" }, { "1.0^1", '>', "1.0" }, { "1.0^1", '<', "1.0.1" },
	{ "1.0-1", '>', "1.0" }, { "1.0-1", '<', "1.0.1" }, { "1.0-1", '<', "1.0^1" },
	{ "1~1-1", '>', "1~1" }, { "2024.10.1", '>', "2024.9.30" }, { "1.2.3+4-0", '>', "1.2.3" },
	{ "18446744073709551616", '>', "18446744073709551615" }, { "1a1", '=', "1a01" },
	{ "a1", '<', "1a" }, { "1..2", '<', "1.2" }, { "~~", '>', "~" }, { "^", '>', "~" },
	{ "-", '<', "." }, { "1.A", '<', "1.a" }, { "v1.2", '<', "1.2" }, { "1:2", '>', "1.2" },
	{ "1a0", '>', "1a" }, { "a0", '<', "aa" }, { "1.0", '>', "1." }, { "1-~", '<', "1-" },
	{ "1-_~", '<', "1-" }, { "0", '<', "00000000000000000000000001" },
};

/* Each is older than every one after it. */
static const char *const chain[] = {
	"122.1", "123~rc1-1", "123", "123-a", "123-a.1", "123-1", "123-1.1", "123^post1",
	"123.a-1", "123.1-1", "123a-1", "124-1",
};

#define N(a) (sizeof(a) / sizeof((a)[0]))

static char order(const char *a, const char *b)
{
	int r = version_compare(a, b);

	return r < 0 ? '<' : r > 0 ? '>' : '=';
}

static void vectors_hold_in_both_directions(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(vectors); i++) {
		const struct vector *v = &vectors[i];
		char back = v->order == '<' ? '>' : v->order == '>' ? '<' : '=';

		if (order(v->a, v->b) != v->order || order(v->b, v->a) != back)
			fail_msg("'%s' %c '%s', not %c", v->a, order(v->a, v->b), v->b, v->order);
	}
}

static void the_chain_is_a_total_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(chain); i++)
		for (size_t j = 0; j < N(chain); j++)
			assert_int_equal(order(chain[i], chain[j]), i < j ? '<' : i > j ? '>' : '=');
}

/* What systemd says: '<', '=', '>', or 0 without systemd-analyze. */
static char systemd_order(const char *a, const char *b)
{
	int status, fds[2];
	pid_t pid;

	if (pipe(fds) < 0)
		return 0;
	pid = fork();
	if (!pid) {
		dup2(fds[1], 1);
		dup2(fds[1], 2);
		execlp("systemd-analyze", "systemd-analyze", "compare-versions", "--", a, b, NULL);
		_exit(127);
	}
	close(fds[1]);
	close(fds[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 0;
	switch (WEXITSTATUS(status)) {
	case 0:
		return '=';
	case 11:
		return '>';
	case 12:
		return '<';
	}
	return 0;
}

static void systemd_agrees(void **state)
{
	(void)state;
	if (systemd_order("1", "2") != '<') {
		print_message("SKIP: no systemd-analyze compare-versions here\n");
		skip();
	}
	for (size_t i = 0; i < N(vectors); i++) {
		const struct vector *v = &vectors[i];
		char theirs = systemd_order(v->a, v->b);

		if (theirs != v->order)
			fail_msg("systemd says '%s' %c '%s'", v->a, theirs, v->b);
	}
}

static void versions_of_images_are_safe_words(void **state)
{
	static const char *const bad[] = { "", ".1", "1 2", "1/2", "1\n", "a\"b", "1:2", "é", "a=b" };
	char longest[VERSION_TEXT_SIZE + 1];

	(void)state;
	for (size_t i = 0; i < N(bad); i++)
		assert_false(version_valid(bad[i], true));
	assert_true(version_valid("1.4.0~rc1^2+g1-3", false));
	assert_false(version_valid("1_2", false));
	assert_true(version_valid("1_2", true));
	memset(longest, '1', sizeof(longest));
	longest[VERSION_TEXT_SIZE - 1] = '\0';
	assert_true(version_valid(longest, true));
	longest[VERSION_TEXT_SIZE - 1] = '1';
	longest[VERSION_TEXT_SIZE] = '\0';
	assert_false(version_valid(longest, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_hold_in_both_directions),
		cmocka_unit_test(the_chain_is_a_total_order),
		cmocka_unit_test(systemd_agrees),
		cmocka_unit_test(versions_of_images_are_safe_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

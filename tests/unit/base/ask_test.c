/* lib/base/ask.c: the only yes is "yes" and Enter, at a terminal. */
#include "lib/base/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/args.h"
#include "lib/base/err.h"

static struct err err;

/* Type @keys into a new terminal whose other end is standard input, and ask there. */
static int ask_at_terminal(const char *keys, char *rest, size_t rest_size)
{
	int keyboard, terminal, saved = dup(STDIN_FILENO), r;
	ssize_t n;

	assert_int_equal(openpty(&keyboard, &terminal, NULL, NULL, NULL), 0);
	assert_int_equal(dup2(terminal, STDIN_FILENO), STDIN_FILENO);
	assert_int_equal(write(keyboard, keys, strlen(keys)), strlen(keys));
	err.text[0] = '\0';
	r = ask_yes("wipe", "All is lost.", &err);
	fcntl(terminal, F_SETFL, O_NONBLOCK);
	n = read(terminal, rest, rest_size - 1);
	rest[n > 0 ? n : 0] = '\0';
	dup2(saved, STDIN_FILENO);
	close(saved);
	close(terminal);
	close(keyboard);
	return r;
}

static void only_yes_and_enter_is_yes(void **state)
{
	static const char *const no[] = { "\n", "y\n", "Yes\n", "YES\n", " yes\n", "yes \n", "no\n", "yesyes\n",
					  "yes please\n", "\004", "yes\004\004", "y\004es\n" };
	char rest[64];

	(void)state;
	assert_int_equal(ask_at_terminal("yes\n", rest, sizeof(rest)), EXIT_OK);
	assert_string_equal(err.text, "");
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		if (ask_at_terminal(no[i], rest, sizeof(rest)) != EXIT_FAILED)
			fail_msg("taken for yes: %s", no[i]);
		assert_string_equal(err.text, "nothing was done");
	}
}

/* What a shell would take for a command. */
static void of_a_long_answer_nothing_is_left_for_the_shell(void **state)
{
	char keys[2000], rest[64];

	(void)state;
	memset(keys, 'x', sizeof(keys));
	memcpy(keys, "yes", 3);
	memcpy(keys + sizeof(keys) - 2, "\n", 2);
	assert_int_equal(ask_at_terminal(keys, rest, sizeof(rest)), EXIT_FAILED);
	assert_string_equal(rest, "");
}

static void a_file_is_nobody(void **state)
{
	int saved = dup(STDIN_FILENO), p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], "yes\n", 4), 4);
	dup2(p[0], STDIN_FILENO);
	assert_int_equal(ask_yes("wipe", "All is lost.", &err), EXIT_USAGE);
	dup2(saved, STDIN_FILENO);
	assert_string_equal(err.text, "wipe: there is nobody to ask; say --yes to mean it");
	close(saved);
	close(p[0]);
	close(p[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_yes_and_enter_is_yes),
		cmocka_unit_test(of_a_long_answer_nothing_is_left_for_the_shell),
		cmocka_unit_test(a_file_is_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

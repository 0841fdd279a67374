/* Reading what systemctl says, and what is made of its silence. */
#include "update/systemd.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/path.h"

static char dir[64];
static struct err err;
static struct unit_state s[4];

static void put_systemctl(const char *text)
{
	_cleanup_free_ char *path = path_join(dir, "systemctl");

	assert_int_equal(atomic_file_write(path, text, strlen(text), 0755, &err), 0);
}

static int setup(void **state)
{
	_cleanup_free_ char *path = NULL;

	(void)state;
	strcpy(dir, "/tmp/kiln-systemd.XXXXXX");
	assert_non_null(mkdtemp(dir));
	path = str_printf("%s:/usr/bin:/bin", dir);
	setenv("PATH", path, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return path_remove_tree(dir);
}

static bool parse(const char *text, size_t n)
{
	return systemd_parse(text, strlen(text), n, s);
}

static void blocks_come_in_the_order_of_the_question(void **state)
{
	(void)state;
	assert_true(parse("LoadState=loaded\nActiveState=active\nSubState=running\nResult=success\n"
			  "InvocationID=0123456789abcdef0123456789abcdef\nNRestarts=3\nJob=77\n"
			  "ExecMainStartTimestampMonotonic=5\n\n"
			  "LoadState=not-found\nActiveState=inactive\n", 2));
	assert_string_equal(s[0].load, "loaded");
	assert_string_equal(s[0].active, "active");
	assert_string_equal(s[0].sub, "running");
	assert_string_equal(s[0].result, "success");
	assert_string_equal(s[0].invocation, "0123456789abcdef0123456789abcdef");
	assert_int_equal(s[0].restarts, 3);
	assert_true(s[0].job);
	assert_true(s[0].started);
	assert_string_equal(s[1].load, "not-found");
	assert_string_equal(s[1].result, "");
	assert_int_equal(s[1].restarts, 0);
	assert_false(s[1].job);
	assert_false(s[1].started);
}

static void odd_answers_are_survived(void **state)
{
	(void)state;
	/* Blank lines in front and behind, no newline at the end, a line without '='. */
	assert_true(parse("\n\nActiveState=active\n\n\nwarning\nActiveState=failed", 2));
	assert_string_equal(s[0].active, "active");
	assert_string_equal(s[1].active, "failed");
	/* Longer than its field, or not a number. */
	assert_true(parse("ActiveState=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"
			  "NRestarts=4294967299999\nJob=x\nExecMainStartTimestampMonotonic=0\n", 1));
	assert_int_equal(strlen(s[0].active), sizeof(s[0].active) - 1);
	assert_in_range(s[0].restarts, 1000000, 9999999); /* no wrap to a small number */
	assert_false(s[0].job);
	assert_false(s[0].started);
	/* A name that only begins like one we know. */
	assert_true(parse("ActiveStateX=active\nActive=active\n", 1));
	assert_string_equal(s[0].active, "");
}

static void too_few_or_too_many_blocks_are_no_answer(void **state)
{
	(void)state;
	assert_false(parse("", 1));
	assert_false(parse("\n\n", 1));
	assert_false(parse("ActiveState=active\n", 2));
	assert_false(parse("ActiveState=active\n\nActiveState=active\n", 1));
	assert_true(parse("", 0));
}

static void silence_is_not_an_answer(void **state)
{
	static const char *const unit[] = { "a.service" };
	_cleanup_buf_ struct buf names = BUF_INIT;

	(void)state;
	put_systemctl("#!/bin/sh\necho ActiveState=active\nexit 1\n");
	assert_int_equal(systemd_show(unit, 1, s), -EAGAIN);
	assert_int_equal(systemd_broken_units(&names), -EAGAIN);
	put_systemctl("#!/bin/sh\nexit 0\n");
	assert_int_equal(systemd_show(unit, 1, s), -EAGAIN);
	assert_int_equal(systemd_broken_units(&names), 0);
	assert_int_equal(names.len, 0);
	setenv("PATH", "/nonexistent", 1);
	assert_int_equal(systemd_show(unit, 1, s), -ENOENT);
	assert_int_equal(systemd_broken_units(&names), -ENOENT);
}

static void broken_units_are_named(void **state)
{
	_cleanup_buf_ struct buf names = BUF_INIT;

	(void)state;
	put_systemctl("#!/bin/sh\ncase $* in *--state=failed,auto-restart*) ;; *) exit 1 ;; esac\n"
		      "echo 'a.service loaded failed failed A thing'\n"
		      "echo 'b.service loaded activating auto-restart B'\n");
	assert_int_equal(systemd_broken_units(&names), 0);
	assert_string_equal(names.data, "a.service\nb.service\n");
}

/* Whoever runs the tests keeps the machine: without kiln's notes nothing is forced. */
static void a_machine_of_somebody_else_is_not_reset(void **state)
{
	(void)state;
	put_systemctl("#!/bin/sh\n[ \"$*\" = '--no-block reboot' ] && exit 0\nexit 1\n");
	assert_int_equal(systemd_reboot(&err), 0);
	if (access("/run/kiln/boot-state", F_OK) == 0)
		return; /* on a kiln machine the rest would be meant */
	put_systemctl("#!/bin/sh\nexit 1\n");
	assert_int_equal(systemd_reboot(&err), -EPERM);
	assert_string_equal(err.text, "this system was not started by kiln: no reboot");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(blocks_come_in_the_order_of_the_question),
		T(odd_answers_are_survived),
		T(too_few_or_too_many_blocks_are_no_answer),
		T(silence_is_not_an_answer),
		T(broken_units_are_named),
		T(a_machine_of_somebody_else_is_not_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

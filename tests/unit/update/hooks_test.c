/* update/hooks.c: programs that end, that do not, and what they leave behind. */
#include "update/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "update/run.h"

#define DEADLINE_MS 400
#define SOON_MS 8000 /* a loaded machine is slow; what is tested would take 60 s */

static char dir[64];
static const char *const dirs[] = { dir, NULL };
static struct bundle_manifest manifest = { .name = "demo", .version = "1.1.0" };
static struct err err;

static void write_hook(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\ncd %s\n%s\n", dir, text);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0755), 0);
}

static int ask(const volatile sig_atomic_t *stop, int64_t deadline_ms)
{
	const struct hooks hooks = { .dirs = dirs, .deadline_ms = deadline_ms, .stop = stop,
				     .manifest = &manifest, .slot = "b", .running_version = "1.0.0" };
	int64_t start = run_now_ms();
	int r = hooks_run(&hooks, &err);

	assert_in_range(run_now_ms() - start, 0, SOON_MS);
	return r;
}

static void expect_text(const char *format)
{
	char text[512];

	snprintf(text, sizeof(text), format, dir);
	assert_string_equal(err.text, text);
}

static int exists(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

/* Nobody who had @fd's other end lives. */
static int all_gone(int fd)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, SOON_MS) == 1 && p.revents & POLLHUP;
}

/* A reader of the pipe "alive", which the hooks open to write. */
static int make_pipe(void)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/.alive", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/kiln-hooks.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void one_that_never_ends_is_killed_and_says_so(void **state)
{
	(void)state;
	write_hook("10-hangs", "echo waiting for the database\nexec sleep 60");
	write_hook("20-next", ": >asked");
	assert_int_equal(ask(NULL, DEADLINE_MS), HOOKS_REFUSED);
	expect_text("%s/10-hangs did not end within 0.4 s and was killed: waiting for the database");
	assert_false(exists("asked"));
}

static void one_that_ignores_signals_is_killed_with_its_children(void **state)
{
	int fd = make_pipe();

	(void)state;
	write_hook("hangs", "trap '' TERM INT HUP\nexec 9>.alive\nsleep 60 &\nwhile :; do sleep 1; done");
	assert_int_equal(ask(NULL, DEADLINE_MS), HOOKS_REFUSED);
	expect_text("%s/hangs did not end within 0.4 s and was killed");
	assert_true(all_gone(fd));
	close(fd);
}

static void a_grandchild_with_the_output_open_holds_nothing_up(void **state)
{
	(void)state;
	write_hook("10-yes", "sleep 60 &\necho $! >.pid1");
	write_hook("20-no", "sleep 60 &\necho $! >.pid2\necho no snapshot\nexit 3");
	assert_int_equal(ask(NULL, 60000), HOOKS_REFUSED);
	expect_text("%s/20-no says no (exit status 3): no snapshot");
	write_hook("20-no", "kill $(cat .pid1 .pid2)");
	assert_int_equal(ask(NULL, 60000), 0);
}

static void a_signal_ends_the_one_that_runs(void **state)
{
	volatile sig_atomic_t stop = 1;

	(void)state;
	write_hook("hangs", "exec sleep 60");
	assert_int_equal(ask(&stop, 60000), -EINTR);
	expect_text("interrupted while %s/hangs ran");
}

static void one_that_cannot_be_run_says_why(void **state)
{
	char path[256];
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "%s/broken", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("#!/nonexistent/shell\n", f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0755), 0);
	assert_int_equal(ask(NULL, 60000), HOOKS_REFUSED);
	expect_text("%s/broken says no (exit status 127): cannot be run: No such file or directory");
}

static void each_has_the_deadline_for_itself(void **state)
{
	(void)state;
	write_hook("10-slow", "sleep 1");
	write_hook("20-slow", "sleep 1");
	write_hook("30-slow", "sleep 1; : >asked");
	assert_int_equal(ask(NULL, 2500), 0);
	assert_true(exists("asked"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_that_never_ends_is_killed_and_says_so, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_ignores_signals_is_killed_with_its_children, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_grandchild_with_the_output_open_holds_nothing_up, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_signal_ends_the_one_that_runs, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_cannot_be_run_says_why, setup, teardown),
		cmocka_unit_test_setup_teardown(each_has_the_deadline_for_itself, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

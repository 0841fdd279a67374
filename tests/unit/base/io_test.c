/* Whole files: what is promised about their ends. */
#include "lib/base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"

static char path[64];
static struct err err;

static int setup(void **state)
{
	int fd;

	(void)state;
	strcpy(path, "/tmp/kiln-io.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return unlink(path);
}

/* The allocator hands out what others left: an empty file must not show it. */
static void an_empty_file_is_the_empty_string(void **state)
{
	_cleanup_free_ char *data = NULL;
	size_t len = 77;

	(void)state;
	for (int i = 0; i < 3; i++) { /* the first ones only teach malloc not to map fresh pages */
		char *junk = malloc(140000);

		memset(junk, 'j', 140000);
		__asm__ volatile("" : : "r"(junk) : "memory"); /* or the compiler drops the writes */
		free(junk);
	}
	assert_int_equal(io_read_file(path, 10, &data, &len, &err), 0);
	assert_int_equal(len, 0);
	assert_string_equal(data, "");
}

static void a_file_ends_in_a_nul_and_has_a_limit(void **state)
{
	_cleanup_free_ char *data = NULL;
	char *untouched = path;
	size_t len;

	(void)state;
	assert_int_equal(truncate(path, 70000), 0);
	assert_int_equal(io_read_file(path, 70000, &data, &len, &err), 0);
	assert_int_equal(len, 70000);
	assert_int_equal(data[len], 0);
	assert_int_equal(io_read_file(path, 69999, &untouched, &len, &err), -EFBIG);
	assert_ptr_equal(untouched, path);
	assert_int_equal(io_read_file("/nonexistent", 10, &untouched, NULL, &err), -ENOENT);
}

static void a_closed_standard_output_is_no_file_that_is_opened_next(void **state)
{
	int saved[3], fd, got = -1, r;
	ssize_t n = 0, m = 0;

	(void)state;
	for (int i = 0; i < 3; i++) {
		saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
		close(i);
	}
	r = io_keep_standard();
	fd = open(path, O_RDWR | O_CLOEXEC);
	n = write(STDOUT_FILENO, "x", 1);
	m = read(STDIN_FILENO, &got, 1);
	/* What is open stays as it is. */
	dup2(saved[1], STDOUT_FILENO);
	r = r ? r : io_keep_standard();
	for (int i = 0; i < 3; i++) {
		dup2(saved[i], i);
		close(saved[i]);
	}
	assert_int_equal(r, 0);
	assert_true(fd > STDERR_FILENO);
	assert_int_equal(n, -1);
	assert_int_equal(m, -1);
	close(fd);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(an_empty_file_is_the_empty_string),
		T(a_file_ends_in_a_nul_and_has_a_limit),
		T(a_closed_standard_output_is_no_file_that_is_opened_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

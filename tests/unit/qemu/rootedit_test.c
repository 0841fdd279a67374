/* Changed roots, looked at with unsquashfs. */
#include "qemu/rootedit.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "lib/base/proc.h"

static struct err err;
static char work[] = "/tmp/rootedit-test.XXXXXX";
static char image[64], out[64];

static void run(char *const *argv, struct buf *output)
{
	struct proc_options o = { .output = output };

	if (proc_run(argv, &o, &err))
		fail_msg("%s", err.text);
}

static int setup(void **state)
{
	_cleanup_buf_ struct buf said = BUF_INIT;
	char *make[] = { "mksquashfs", "-", image, "-quiet", "-no-progress", "-noappend",
			 "-p", "/ d 755 0 0", "-p", "etc d 755 0 0", "-p", "etc/owned f 4750 7 8 echo owned",
			 "-p", "etc/hosts f 644 0 0 echo before", "-p", "sbin d 755 0 0",
			 "-p", "sbin/init s 777 0 0 ../lib/init", NULL };

	(void)state;
	assert_non_null(mkdtemp(work));
	snprintf(image, sizeof(image), "%s/image", work);
	snprintf(out, sizeof(out), "%s/out", work);
	run(make, &said);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return path_remove_tree(work);
}

/* What unsquashfs lists of @out, a line a path. */
static void list(struct buf *ret)
{
	char *argv[] = { "unsquashfs", "-llnumeric", out, NULL };

	run(argv, ret);
}

static void cat(const char *path, struct buf *ret)
{
	char *argv[] = { "unsquashfs", "-cat", out, (char *)path, NULL };

	run(argv, ret);
}

static void files_are_added_replaced_and_taken_away(void **state)
{
	static const struct root_edit edits[] = {
		{ .path = "etc/hosts", .content = "after's \"text\"\n" },
		{ .path = "usr/lib/x/run.sh", .content = "#!/bin/sh\n", .mode = 0755 },
		{ .path = "usr/lib/x/link", .link = "run.sh" },
		{ .path = "sbin/init" },
	};
	_cleanup_buf_ struct buf paths = BUF_INIT, text = BUF_INIT;

	(void)state;
	if (rootedit(image, 0, edits, 4, work, out, 1 << 20, &err))
		fail_msg("%s", err.text);
	list(&paths);
	assert_non_null(strstr(paths.data, "-rwsr-x--- 7/8"));
	assert_non_null(strstr(paths.data, "-rwxr-xr-x 0/0"));
	assert_non_null(strstr(paths.data, "squashfs-root/usr/lib/x/link -> run.sh"));
	assert_null(strstr(paths.data, "squashfs-root/sbin/init"));
	assert_non_null(strstr(paths.data, "squashfs-root/sbin"));
	cat("etc/hosts", &text);
	assert_string_equal(text.data, "after's \"text\"\n");
	cat("etc/owned", &text);
	assert_non_null(strstr(text.data, "owned\n"));
}

/* What the lab installs twice must be the same image, or a refused one would not be known again. */
static void the_same_edits_are_the_same_bytes_later(void **state)
{
	static const struct root_edit edits[] = {
		{ .path = "usr/lib/x/run.sh", .content = "#!/bin/sh\n", .mode = 0755 },
		{ .path = "usr/lib/x/link", .link = "run.sh" },
	};
	_cleanup_free_ char *first = NULL, *second = NULL;
	size_t first_len, second_len;

	(void)state;
	assert_int_equal(rootedit(image, 0, edits, 2, work, out, 1 << 20, &err), 0);
	assert_int_equal(io_read_file(out, 1 << 20, &first, &first_len, &err), 0);
	usleep(1100 * 1000);
	assert_int_equal(rootedit(image, 0, edits, 2, work, out, 1 << 20, &err), 0);
	assert_int_equal(io_read_file(out, 1 << 20, &second, &second_len, &err), 0);
	assert_int_equal(first_len, second_len);
	assert_memory_equal(first, second, first_len);
}

static void what_cannot_be_is_refused(void **state)
{
	static const struct root_edit gone = { .path = "sbin/nothing" };
	struct root_edit big = { .path = "etc/big" };
	_cleanup_free_ char *noise = malloc(1 << 20);

	(void)state;
	assert_int_equal(rootedit(image, 0, &gone, 1, work, out, 1 << 20, &err), -ENOENT);
	assert_string_equal(err.text, "the root has no sbin/nothing");
	srand(1);
	for (unsigned i = 0; i < (1 << 20) - 1; i++)
		noise[i] = (char)(1 + rand() % 255);
	noise[(1 << 20) - 1] = '\0';
	big.content = noise;
	assert_int_equal(rootedit(image, 0, &big, 1, work, out, 1 << 19, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "the slot has 524288"));
	assert_int_equal(rootedit("/dev/null", 0, &gone, 1, work, out, 1 << 20, &err), -EIO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_added_replaced_and_taken_away),
		cmocka_unit_test(the_same_edits_are_the_same_bytes_later),
		cmocka_unit_test(what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

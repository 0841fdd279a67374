/* Differences between two small trees, and which of them are kept. */
#include "update/diff.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/path.h"

static char dir[64];
static struct diff diff;
static struct kept kept;
static struct err err;

/* "image/etc/x" and the like, below the test's folder. */
static char *at(const char *name)
{
	static char path[4][512];
	static unsigned i;

	i = (i + 1) % 4;
	snprintf(path[i], sizeof(path[i]), "%s/%s", dir, name);
	return path[i];
}

static void put(const char *name, const char *text, mode_t mode)
{
	_cleanup_free_ char *parent = strdup(at(name));

	*strrchr(parent, '/') = '\0';
	assert_int_equal(path_mkdirs(parent), 0);
	assert_int_equal(atomic_file_write(at(name), text, strlen(text), mode, &err), 0);
}

/* The same file on both sides. */
static void both(const char *name, const char *text)
{
	char path[512];

	snprintf(path, sizeof(path), "image%s", name);
	put(path, text, 0644);
	snprintf(path, sizeof(path), "live%s", name);
	put(path, text, 0644);
}

static int setup(void **state)
{
	(void)state;
	umask(022);
	strcpy(dir, "/tmp/kiln-diff.XXXXXX");
	assert_non_null(mkdtemp(dir));
	both("/etc/hosts", "127.0.0.1 localhost\n");
	both("/etc/ssh/sshd_config", "Port 22\n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	diff_done(&diff);
	kept_done(&kept);
	return path_remove_tree(dir);
}

static void keep(const char *text)
{
	assert_int_equal(kept_parse(text, strlen(text), &kept, &err), 0);
}

static int compare(void)
{
	_cleanup_close_ int image = open(at("image"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int live = open(at("live"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	diff_done(&diff);
	return diff_roots(image, live, &kept, &diff, &err);
}

/* The differences as "M- /etc/hosts cmo\n": kind, k for kept, path, what is modified. */
static void expect(const char *want)
{
	_cleanup_buf_ struct buf got = BUF_INIT;

	if (compare())
		fail_msg("%s", err.text);
	for (size_t i = 0; i < diff.n; i++) {
		const struct diff_item *d = &diff.item[i];

		buf_addf(&got, "%c%c %s%s%s%s%s%s\n", d->kind, d->kept ? 'k' : '-', d->path,
			 d->directory ? "/" : "", d->content || d->mode || d->owner ? " " : "",
			 d->content ? "c" : "", d->mode ? "m" : "", d->owner ? "o" : "");
	}
	assert_string_equal(got.data ? got.data : "", want);
}

static void equal_trees_do_not_differ(void **state)
{
	(void)state;
	expect("");
	/* Times are no difference. */
	put("live/etc/hosts", "127.0.0.1 localhost\n", 0644);
	expect("");
}

static void every_kind_of_difference_is_told(void **state)
{
	(void)state;
	put("live/etc/hosts", "127.0.0.1 localhosT\n", 0644);
	put("live/etc/new", "x", 0644);
	put("image/etc/old", "x", 0644);
	both("/etc/mode", "x");
	assert_int_equal(chmod(at("live/etc/mode"), 0600), 0);
	put("image/etc/kind", "x", 0644);
	assert_int_equal(symlink("hosts", at("live/etc/kind")), 0);
	assert_int_equal(symlink("a", at("image/etc/link")), 0);
	assert_int_equal(symlink("b", at("live/etc/link")), 0);
	put("image/etc/grown", "x", 0644);
	put("live/etc/grown", "xx", 0600);
	expect("M- /etc/grown cm\n"
	       "M- /etc/hosts c\n"
	       "T- /etc/kind\n"
	       "M- /etc/link c\n"
	       "M- /etc/mode m\n"
	       "A- /etc/new\n"
	       "D- /etc/old\n");
}

static void directories_are_told_once(void **state)
{
	(void)state;
	put("live/etc/new.d/sub/file", "x", 0644);
	put("image/etc/old.d/file", "x", 0644);
	assert_int_equal(chmod(at("live/etc/ssh"), 0700), 0);
	put("live/etc/ssh/sshd_config", "Port 23\n", 0644);
	expect("A- /etc/new.d/\n"
	       "D- /etc/old.d/\n"
	       "M- /etc/ssh/ m\n"
	       "M- /etc/ssh/sshd_config c\n");
}

static void a_late_difference_of_a_long_file_is_found(void **state)
{
	static char text[200001];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	both("/etc/long", text);
	expect("");
	text[sizeof(text) - 2] = 'b';
	put("live/etc/long", text, 0644);
	expect("M- /etc/long c\n");
}

static void what_is_kept_is_said_to_be(void **state)
{
	(void)state;
	keep("STATE_GROW=yes\nPERSIST=/srv/data\nPERSIST=/etc/ssh\nPERSIST=/opt/none\n");
	put("live/etc/ssh/host_key", "x", 0600);
	put("live/etc/sshd", "x", 0644);
	put("image/srv/data/a", "x", 0644);
	put("live/srv/data/a", "y", 0644);
	put("live/srv/other", "y", 0644); /* neither in /etc nor kept: cannot be, and is not looked for */
	expect("Ak /etc/ssh/host_key\n"
	       "A- /etc/sshd\n"
	       "Mk /srv/data/a c\n");
}

static void links_on_the_way_stay_inside_their_root(void **state)
{
	(void)state;
	keep("PERSIST=/data/x\n");
	put("image/srv/x", "x", 0644);
	put("live/srv/x", "y", 0644);
	assert_int_equal(symlink("/srv", at("image/data")), 0);
	assert_int_equal(symlink("../../srv", at("live/data")), 0);
	expect("Mk /data/x c\n");
}

static void owners_are_compared(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("SKIP: only root can give files away\n");
		skip();
	}
	assert_int_equal(chown(at("live/etc/hosts"), 0, 12345), 0);
	expect("M- /etc/hosts o\n");
}

static void a_tree_too_deep_is_refused(void **state)
{
	_cleanup_buf_ struct buf deep = BUF_INIT;

	(void)state;
	buf_adds(&deep, "/etc");
	for (int i = 0; i < 70; i++)
		buf_adds(&deep, "/d");
	buf_adds(&deep, "/file");
	both(deep.data, "x");
	memset(&diff, 0, sizeof(diff));
	assert_int_equal(compare(), -ELOOP);
	assert_non_null(strstr(err.text, "cannot compare /etc/d/d/"));
	assert_null(diff.item);
}

static void kept_paths_are_checked(void **state)
{
	static const char *const bad[] = { "PERSIST=\n", "PERSIST=etc\n", "PERSIST=/\n", "PERSIST=/a//b\n",
					   "PERSIST=/a/\n", "PERSIST=/a/../b\n", "PERSIST=/./a\n" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(kept_parse(bad[i], strlen(bad[i]), &kept, &err), -EINVAL);
		assert_string_equal(err.text, "image.conf:1: no absolute path");
	}
	assert_int_equal(kept_parse("PERSIST=/a\0b\n", 13, &kept, &err), -EINVAL);
	assert_null(kept.path);
	keep("TRIES=3\n#PERSIST=/no\nPERSIST=/b/..c\nPERSIST=/a");
	assert_int_equal(kept.n, 2);
	assert_string_equal(kept.path[0], "/a");
	assert_true(kept_has(&kept, "/a"));
	assert_true(kept_has(&kept, "/a/x"));
	assert_false(kept_has(&kept, "/ab"));
	assert_false(kept_has(&kept, "/"));
}

static void image_conf_is_read_inside_the_image(void **state)
{
	_cleanup_close_ int image = -1;

	(void)state;
	put("image/usr/lib/kiln/image.conf", "PERSIST=/etc/ssh\n", 0644);
	image = open(at("image"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(kept_read(image, &kept, &err), 0);
	assert_int_equal(kept.n, 1);
	kept_done(&kept);
	assert_int_equal(unlink(at("image/usr/lib/kiln/image.conf")), 0);
	assert_int_equal(kept_read(image, &kept, &err), -ENOENT);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(equal_trees_do_not_differ),
		T(every_kind_of_difference_is_told),
		T(directories_are_told_once),
		T(a_late_difference_of_a_long_file_is_found),
		T(what_is_kept_is_said_to_be),
		T(links_on_the_way_stay_inside_their_root),
		T(owners_are_compared),
		T(a_tree_too_deep_is_refused),
		T(kept_paths_are_checked),
		T(image_conf_is_read_inside_the_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

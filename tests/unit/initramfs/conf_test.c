/* image.conf: what is kept, and what no image may ask to keep. */
#include "bootloader/initramfs/conf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"

static struct err err;

static void a_whole_file_is_read(void **state)
{
	static const char text[] = "# what the recipe said\n\nSTATE_GROW=yes\nPERSIST=/srv/b\n"
				   "PERSIST=/etc/machine-id\nPERSIST=/srv\nTRIES=3\n"
				   "HEALTH_TIMEOUT_S=120\n";
	struct conf c;

	(void)state;
	assert_int_equal(conf_parse(text, strlen(text), &c, &err), 0);
	assert_true(c.state_grow);
	assert_int_equal(c.n_persist, 3);
	assert_string_equal(c.persist[0], "/etc/machine-id");
	assert_string_equal(c.persist[1], "/srv");
	assert_string_equal(c.persist[2], "/srv/b");
	conf_done(&c);
}

static void refusals_name_the_line_and_leave_the_result_alone(void **state)
{
	static const struct {
		const char *text, *why;
	} table[] = {
		{ "STATE_GROW=maybe\n", "image.conf:1: STATE_GROW: 'maybe' is not yes or no" },
		{ "TRIES=3\nTRIES=-1\n", "image.conf:2: TRIES: '-1' is not a number" },
		{ "SHELL=/bin/sh\n", "image.conf:1: unknown key 'SHELL'" },
		{ "\nPERSIST\n", "image.conf:2: no '=' in 'PERSIST'" },
		{ "PERSIST=/a\nPERSIST=/a\n", "image.conf:2: PERSIST: '/a' is there twice" },
		{ "PERSIST=/a/../b\n", "image.conf:1: PERSIST: '/a/../b' cannot be kept" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct conf c = { .n_persist = 77 };

		assert_int_equal(conf_parse(table[i].text, strlen(table[i].text), &c, &err),
				 -EINVAL);
		assert_string_equal(err.text, table[i].why);
		assert_int_equal(c.n_persist, 77);
	}
}

static void a_nul_byte_is_refused(void **state)
{
	struct conf c;

	(void)state;
	assert_int_equal(conf_parse("TRIES=3\n\0", 9, &c, &err), -EINVAL);
}

static void only_plain_absolute_paths_are_kept(void **state)
{
	static const char *const good[] = {
		"/etc/machine-id", "/srv", "/home", "/etc/ssh",
		"/opt/a.b", "/var/lib/x", "/states", "/usr/lib/kilns",
	};
	static const char *const bad[] = {
		"", "/", "etc", "/etc/", "//etc", "/a//b", "/a/./b", "/a/..", "/..",
		"/a b", "/a\nb", "/a\x7f", "/proc", "/dev/x", "/run/a/b", "/state",
		"/state/var", "/tmp/x", "/sys", "/usr/lib/kiln", "/usr/lib/kiln/image.conf",
	};
	char name[CONF_PATH_MAX + 2];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(conf_persist_valid(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(conf_persist_valid(bad[i]));
	memset(name, 'a', sizeof(name));
	name[0] = '/';
	name[CONF_PATH_MAX] = 0;
	assert_false(conf_persist_valid(name));
	name[CONF_PATH_MAX - 1] = 0;
	assert_true(conf_persist_valid(name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_file_is_read),
		cmocka_unit_test(refusals_name_the_line_and_leave_the_result_alone),
		cmocka_unit_test(a_nul_byte_is_refused),
		cmocka_unit_test(only_plain_absolute_paths_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

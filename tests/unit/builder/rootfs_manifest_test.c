/* Walking, printing, reading back and comparing trees; owners by the dpkg database. */
#include "builder/rootfs/manifest.h"

#include <errno.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/path.h"
#include "tests/unit/builder/rootfs_fixture.h"

static char dir[] = "/tmp/kiln-manifest-XXXXXX";
static struct err err;

static void make(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(path_mkdirs(path), 0);
}

static void text_reads_back_to_the_same_tree(void **state)
{
	struct manifest a = { 0 }, b = { 0 };
	struct buf text = BUF_INIT, diff = BUF_INIT;
	char path[256];

	(void)state;
	make("sub dir");
	write_text(dir, "sub dir/new\nline", "content");
	write_text(dir, "back\\slash", "");
	snprintf(path, sizeof(path), "%s/link -> x", dir);
	assert_int_equal(symlink("tar get -> y", path), 0);
	assert_int_equal(manifest_walk(dir, &a, &err), 0);
	manifest_print(&a, &text);
	assert_int_equal(manifest_parse(text.data, &b, &err), 0);
	assert_int_equal(manifest_compare(&a, &b, 10, &diff), 0);
	assert_string_equal(manifest_find(&b, "link -> x")->link, "tar get -> y");
	assert_int_equal(manifest_find(&b, "sub dir/new\nline")->size_bytes, 7);
	assert_int_equal(manifest_find(&b, "")->type, 'd');
	assert_null(manifest_find(&b, "nothing"));
	manifest_done(&a);
	manifest_done(&b);
	buf_done(&text);
	buf_done(&diff);
}

static void every_difference_is_named(void **state)
{
	struct manifest a = { 0 }, b = { 0 };
	struct buf diff = BUF_INIT;
	char path[256];

	(void)state;
	write_text(dir, "changed", "one");
	write_text(dir, "gone", "x");
	write_text(dir, "mode", "x");
	assert_int_equal(manifest_walk(dir, &a, &err), 0);
	write_text(dir, "changed", "two");
	snprintf(path, sizeof(path), "%s/gone", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/mode", dir);
	chmod(path, 04711);
	write_text(dir, "more", "x");
	assert_int_equal(manifest_walk(dir, &b, &err), 0);
	for (size_t i = 0; i < b.n; i++)
		b.entry[i].mtime_s = 0;
	for (size_t i = 0; i < a.n; i++)
		a.entry[i].mtime_s = 0;
	assert_int_equal(manifest_compare(&a, &b, 10, &diff), 4);
	assert_string_equal(diff.data, "/changed content differs\n"
				       "-/gone missing\n"
				       "/mode mode 0644 -> 4711\n"
				       "+/more extra\n");
	manifest_done(&a);
	manifest_done(&b);
	buf_done(&diff);
}

static void broken_text_is_refused_with_its_line(void **state)
{
	static const char *const texts[] = {
		"x 0755 0 0 0 0 - - - /\n",
		"d 0755 0 0 0 0 - - -\n",
		"d 99999 0 0 0 0 - - - /\n",
		"d 0755 -1 0 0 0 - - - /\n",
		"f 0644 0 0 0 1 abc - - /a\n",
		"l 0777 0 0 0 0 - - - /a\n",
		"d 0755 0 0 0 0 - - - /a -> b\n",
		"d 0755 0 0 0 0 - - - /a\\x0\n",
		"d 0755 0 0 0 0 - - - /b\nd 0755 0 0 0 0 - - - /a\n",
		"d 0755 0 0 0 0 - - - /a\nd 0755 0 0",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct manifest m = { .n = 5 };

		err_init(&err);
		assert_int_equal(manifest_parse(texts[i], &m, &err), -EINVAL);
		assert_int_equal(m.n, 5);
		assert_true(err.text[0] != '\0');
	}
}

static void owners_know_the_merged_usr(void **state)
{
	struct owners *o = NULL;

	(void)state;
	make("var/lib/dpkg/info");
	write_text(dir, "var/lib/dpkg/info/bash.list", "/.\n/bin\n/bin/bash\n");
	write_text(dir, "var/lib/dpkg/info/libc6:amd64.list", "/usr\n/usr/lib/libc.so.6\n");
	assert_int_equal(owners_load(dir, &o, &err), 0);
	assert_string_equal(owners_find(o, "usr/bin/bash"), "bash");
	assert_string_equal(owners_find(o, "usr/lib/libc.so.6"), "libc6");
	assert_null(owners_find(o, "usr/bin/other"));
	owners_free(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_reads_back_to_the_same_tree),
		cmocka_unit_test(every_difference_is_named),
		cmocka_unit_test(broken_text_is_refused_with_its_line),
		cmocka_unit_test(owners_know_the_merged_usr),
	};
	int r;

	umask(022);
	if (!mkdtemp(dir))
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	path_remove_tree(dir);
	return r;
}

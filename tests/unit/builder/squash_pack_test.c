/*
 * Real trees through mksquashfs and back through sqfs2tar. Needs both programs;
 * without them the tests say so and are skipped.
 */
#include "builder/squash/squash.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "builder/rootfs/manifest.h"
#include "builder/squash/sort_file.h"
#include "builder/squash/usage.h"
#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "lib/base/proc.h"

#define EPOCH 1700000000

static struct err err;
static char dir[64];
static char *tree, *image;

static char *in_tree(const char *name)
{
	char *p = path_join(tree, name);

	assert_non_null(p);
	return p;
}

static void put(const char *name, const char *text, mode_t mode)
{
	_cleanup_free_ char *p = in_tree(name);

	assert_int_equal(atomic_file_write(p, text, strlen(text), 0600, NULL), 0);
	assert_int_equal(chmod(p, mode), 0);
}

static void put_dir(const char *name)
{
	_cleanup_free_ char *p = in_tree(name);

	assert_int_equal(path_mkdirs(p), 0);
}

static void put_big(const char *name, size_t len)
{
	_cleanup_free_ char *p = in_tree(name), *data = malloc(len);
	uint32_t x = 1;

	for (size_t i = 0; i < len; i++)
		data[i] = (char)((x = x * 1664525 + 1013904223) >> 24);
	assert_int_equal(atomic_file_write(p, data, len, 0644, NULL), 0);
}

static int setup(void **state)
{
	_cleanup_free_ char *a = NULL, *b = NULL, *l = NULL;

	(void)state;
	strcpy(dir, "/tmp/kiln-squash-XXXXXX");
	assert_non_null(mkdtemp(dir));
	tree = path_join(dir, "tree");
	image = path_join(dir, "root.squashfs");
	put_dir("usr/bin");
	put_dir("etc/empty");
	put_dir("var/lib/dpkg/info");
	put("usr/bin/tool", "#!/bin/sh\n", 0755);
	put("usr/bin/su", "setuid", 04755);
	put("etc/with blank", "x", 0600);
	put("etc/zero", "", 0644);
	put("etc/\xc3\xa4.conf", "umlaut", 0644);
	put_big("usr/bin/large", 300 * 1024 + 17);
	put("var/lib/dpkg/info/small.list", "/.\n/etc\n/etc/zero\n/usr\n/usr/bin\n/usr/bin/tool\n",
	    0644);
	put("var/lib/dpkg/info/large.list", "/.\n/usr\n/usr/bin\n/usr/bin/large\n", 0644);
	a = in_tree("usr/bin/tool");
	b = in_tree("usr/bin/tool2");
	l = in_tree("usr/bin/link");
	assert_int_equal(link(a, b), 0);
	assert_int_equal(symlink("/usr/bin/tool", l), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(tree);
	free(image);
	return path_remove_tree(dir);
}

static void need_programs(void)
{
	if (proc_exists("mksquashfs") && proc_exists("sqfs2tar"))
		return;
	print_message("SKIP: mksquashfs and sqfs2tar are needed\n");
	skip();
}

static uint64_t pack(const struct manifest *m, unsigned processors)
{
	struct squash_options o = { .tree = tree, .output = image, .manifest = m,
				    .epoch_s = EPOCH, .processors = processors };
	uint64_t bytes = 0;

	err_init(&err);
	if (squash_pack(&o, &bytes, &err))
		fail_msg("%s", err.text);
	return bytes;
}

static void walk(struct manifest *m)
{
	err_init(&err);
	if (manifest_walk(tree, m, &err))
		fail_msg("%s", err.text);
	/* The image's root directory gets the epoch; a finished tree has it already. */
	m->entry[0].mtime_s = EPOCH;
}

static void a_packed_tree_reads_back_as_its_manifest(void **state)
{
	__attribute__((cleanup(manifest_done))) struct manifest m = { 0 };

	(void)state;
	need_programs();
	walk(&m);
	assert_int_equal(pack(&m, 0) % SQUASH_PAD_BYTES, 0);
	if (squash_read_back(image, &m, &err))
		fail_msg("%s", err.text);
}

static void the_bytes_depend_on_the_tree_alone(void **state)
{
	__attribute__((cleanup(manifest_done))) struct manifest m = { 0 };
	uint8_t one[DIGEST_BYTES], two[DIGEST_BYTES];

	(void)state;
	need_programs();
	walk(&m);
	pack(&m, 1);
	assert_int_equal(digest_file(image, one, NULL, NULL), 0);
	setenv("SOURCE_DATE_EPOCH", "77", 1);
	setenv("TZ", "Asia/Kolkata", 1);
	pack(&m, 2);
	unsetenv("SOURCE_DATE_EPOCH");
	unsetenv("TZ");
	assert_int_equal(digest_file(image, two, NULL, NULL), 0);
	assert_memory_equal(one, two, sizeof(one));
}

static void a_difference_names_the_file(void **state)
{
	__attribute__((cleanup(manifest_done))) struct manifest m = { 0 };

	(void)state;
	need_programs();
	put("etc/zero", "changed", 0644);
	walk(&m);
	put("etc/zero", "Changed", 0644);
	pack(NULL, 0);
	assert_int_equal(squash_read_back(image, &m, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "differs from its tree"));
	assert_non_null(strstr(err.text, "etc/zero"));
	put("etc/zero", "", 0644);
}

static void a_broken_image_is_refused(void **state)
{
	__attribute__((cleanup(manifest_done))) struct manifest m = { 0 };
	_cleanup_close_ int fd = -1;

	(void)state;
	need_programs();
	walk(&m);
	pack(&m, 0);
	fd = open(image, O_RDWR | O_CLOEXEC);
	assert_int_equal(io_pwrite_all(fd, "flipped", 7, 100000), 0);
	assert_int_equal(squash_read_back(image, &m, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "usr/bin/large")); /* stored as it is: random */
	assert_int_equal(io_pwrite_all(fd, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, 64), 0);
	assert_int_equal(squash_read_back(image, &m, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "does not read back: sqfs2tar failed"));
	assert_int_equal(squash_read_back("/nonexistent", &m, &err), -EBADMSG);
}

static void bad_options_are_named(void **state)
{
	struct squash_options o = { .tree = tree, .output = image, .zstd_level = 23 };
	uint64_t bytes = 5;

	(void)state;
	assert_int_equal(squash_pack(&o, &bytes, &err), -EINVAL);
	assert_non_null(strstr(err.text, "zstd level 23"));
	o.zstd_level = 0;
	o.block_bytes = 5000;
	assert_int_equal(squash_pack(&o, &bytes, &err), -EINVAL);
	assert_non_null(strstr(err.text, "power of two"));
	o.block_bytes = 0;
	o.tree = "/nonexistent";
	if (proc_exists("mksquashfs")) {
		assert_int_equal(squash_pack(&o, &bytes, &err), -EIO);
		assert_non_null(strstr(err.text, "/nonexistent"));
	}
	assert_int_equal(bytes, 5);
}

static void files_are_ordered_by_package_then_path(void **state)
{
	__attribute__((cleanup(manifest_done))) struct manifest m = { 0 };
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct owners *owners = NULL;

	(void)state;
	walk(&m);
	assert_int_equal(owners_load(tree, &owners, &err), 0);
	assert_int_equal(sort_file_print(&m, owners, &out, &err), 0);
	owners_free(owners);
	assert_string_equal(out.data, "etc/\xc3\xa4.conf 32767\n"
				      "usr/bin/su 32766\n"
				      "usr/bin/tool2 32765\n"
				      "var/lib/dpkg/info/large.list 32764\n"
				      "var/lib/dpkg/info/small.list 32763\n"
				      "usr/bin/large 32762\n"
				      "etc/zero 32761\n"
				      "usr/bin/tool 32760\n");
}

static void a_root_too_large_names_the_largest_packages(void **state)
{
	__attribute__((cleanup(manifest_done))) struct manifest m = { 0 };
	const char *large, *small;

	(void)state;
	walk(&m);
	assert_int_equal(squash_check_fit(tree, &m, 4096, 4096, &err), 0);
	assert_int_equal(squash_check_fit(tree, &m, 3 << 20, 2 << 20, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "1.0 MiB more than its slot holds"));
	assert_non_null(strstr(err.text, "at least 3M"));
	large = strstr(err.text, "0.3 MiB  large");
	small = strstr(err.text, "MiB  small");
	assert_non_null(large);
	assert_true(small > large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packed_tree_reads_back_as_its_manifest),
		cmocka_unit_test(the_bytes_depend_on_the_tree_alone),
		cmocka_unit_test(a_difference_names_the_file),
		cmocka_unit_test(a_broken_image_is_refused),
		cmocka_unit_test(bad_options_are_named),
		cmocka_unit_test(files_are_ordered_by_package_then_path),
		cmocka_unit_test(a_root_too_large_names_the_largest_packages),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

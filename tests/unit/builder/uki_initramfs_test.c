/* The archive byte by byte, and through libarchive's reader. */
#include "uki/initramfs.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "uki/cpio.h"
#include "lib/base/atomic_file.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/path.h"

static const char pem[] = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n";

static void a_file_is_header_name_and_data_padded_to_four(void **state)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct cpio c = CPIO_INIT(&b, 0x5f000000);
	static const char header[] = "070701"
				     "00000001" /* inode */
				     "000081A4" /* regular file, 0644 */
				     "00000000" "00000000" /* root:root */
				     "00000001" /* links */
				     "5F000000" /* mtime */
				     "00000005" /* bytes */
				     "00000000" "00000000" "00000000" "00000000"
				     "00000003" /* of the name with its NUL */
				     "00000000";

	(void)state;
	cpio_file(&c, "ab", 0644, "hello", 5);
	assert_int_equal(b.len, 124);
	assert_memory_equal(b.data, header, 110);
	assert_memory_equal(b.data + 110, "ab\0\0\0\0", 6);
	assert_memory_equal(b.data + 116, "hello\0\0\0", 8);
}

static void the_end_is_a_trailer_at_512(void **state)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct cpio c = CPIO_INIT(&b, 7);

	(void)state;
	cpio_dir(&c, "dev", 0755);
	cpio_symlink(&c, "dev/fd", "/proc/self/fd");
	cpio_end(&c);
	assert_int_equal(b.len % 512, 0);
	assert_non_null(memmem(b.data, b.len, "TRAILER!!!", 11));
	assert_int_equal(c.next_ino, 3);
}

struct expect {
	const char *path;
	unsigned mode;
	const char *data;
};

static const struct expect expected[] = {
	{ ".", S_IFDIR | 0755, NULL },
	{ "proc", S_IFDIR | 0755, NULL },
	{ "sys", S_IFDIR | 0755, NULL },
	{ "dev", S_IFDIR | 0755, NULL },
	{ "sysroot", S_IFDIR | 0755, NULL },
	{ "run", S_IFDIR | 0755, NULL },
	{ "keys", S_IFDIR | 0755, NULL },
	{ "init", S_IFREG | 0755, "early" },
	{ "keys/image.pem", S_IFREG | 0644, pem },
	{ "modules.list", S_IFREG | 0644, "/lib/modules/6/k/b.ko\n/lib/modules/6/k/a.ko\n" },
	{ "lib", S_IFDIR | 0755, NULL },
	{ "lib/modules", S_IFDIR | 0755, NULL },
	{ "lib/modules/6", S_IFDIR | 0755, NULL },
	{ "lib/modules/6/k", S_IFDIR | 0755, NULL },
	{ "lib/modules/6/k/b.ko", S_IFREG | 0644, "module b" },
	{ "lib/modules/6/k/a.ko", S_IFREG | 0644, "module a" },
};

static char dir[64];

static char *in_dir(const char *name)
{
	char *p = path_join(dir, name);

	assert_non_null(p);
	return p;
}

static void put(const char *name, const char *text)
{
	_cleanup_free_ char *p = in_dir(name);

	assert_int_equal(atomic_file_write(p, text, strlen(text), 0600, NULL), 0);
}

static int setup(void **state)
{
	_cleanup_free_ char *modules = NULL;

	(void)state;
	strcpy(dir, "/tmp/kiln-initramfs-XXXXXX");
	assert_non_null(mkdtemp(dir));
	modules = in_dir("lib/modules/6/k");
	assert_int_equal(path_mkdirs(modules), 0);
	put("early", "early");
	put("lib/modules/6/k/a.ko", "module a");
	put("lib/modules/6/k/b.ko", "module b");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return path_remove_tree(dir);
}

static int build(struct buf *out, uint64_t *bytes, struct err *err)
{
	static const char *const modules[] = { "lib/modules/6/k/b.ko", "lib/modules/6/k/a.ko" };
	_cleanup_free_ char *init = in_dir("early");
	struct initramfs_options o = {
		.init = init, .modules_dir = dir, .modules = modules, .n_modules = 2,
		.certificates = pem, .epoch_s = 1700000000,
	};

	return initramfs_build(&o, out, bytes, err);
}

static void an_initramfs_unpacks_to_what_went_in(void **state)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	static struct err err;
	char data[4096];

	(void)state;
	err_init(&err);
	if (build(&out, NULL, &err))
		fail_msg("%s", err.text);
	assert_memory_equal(out.data, "\x28\xb5\x2f\xfd", 4);
	archive_read_support_filter_zstd(a);
	archive_read_support_format_cpio(a);
	assert_int_equal(archive_read_open_memory(a, out.data, out.len), ARCHIVE_OK);
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		la_ssize_t n;

		assert_int_equal(archive_read_next_header(a, &e), ARCHIVE_OK);
		assert_string_equal(archive_entry_pathname(e), expected[i].path);
		assert_int_equal(archive_entry_mode(e), expected[i].mode);
		assert_int_equal(archive_entry_mtime(e), 1700000000);
		assert_int_equal(archive_entry_uid(e) + archive_entry_gid(e), 0);
		n = archive_read_data(a, data, sizeof(data));
		assert_int_equal(n, expected[i].data ? strlen(expected[i].data) : 0);
		if (n)
			assert_memory_equal(data, expected[i].data, n);
	}
	assert_int_equal(archive_read_next_header(a, &e), ARCHIVE_EOF);
	archive_read_free(a);
}

static void two_builds_are_the_same_bytes(void **state)
{
	_cleanup_buf_ struct buf one = BUF_INIT, two = BUF_INIT;
	uint64_t bytes = 0;

	(void)state;
	assert_int_equal(build(&one, &bytes, NULL), 0);
	assert_int_equal(build(&two, NULL, NULL), 0);
	assert_int_equal(one.len, two.len);
	assert_memory_equal(one.data, two.data, one.len);
	assert_int_equal(bytes % 512, 0);
}

static void refusals_name_the_culprit(void **state)
{
	static const struct {
		const char *module, *certificates, *says;
		int rc;
	} cases[] = {
		{ "lib/modules/6/../../x.ko", pem, "is not lib/modules/", -EINVAL },
		{ "etc/shadow", pem, "'etc/shadow' is not lib/modules/", -EINVAL },
		{ "lib/modules/6/k/none.ko", pem, "none.ko", -ENOENT },
		{ "lib/modules/6/k/a.ko", "", "certificates", -EINVAL },
		{ "lib/modules/6/k/a.ko",
		  "-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n", "private key",
		  -EINVAL },
	};
	_cleanup_free_ char *init = in_dir("early");
	static struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_buf_ struct buf out = BUF_INIT;
		struct initramfs_options o = {
			.init = init, .modules_dir = dir, .modules = &cases[i].module,
			.n_modules = 1, .certificates = cases[i].certificates,
		};

		err_init(&err);
		assert_int_equal(initramfs_build(&o, &out, NULL, &err), cases[i].rc);
		if (!strstr(err.text, cases[i].says))
			fail_msg("'%s' does not say '%s'", err.text, cases[i].says);
		assert_int_equal(out.len, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_header_name_and_data_padded_to_four),
		cmocka_unit_test(the_end_is_a_trailer_at_512),
		cmocka_unit_test_setup_teardown(an_initramfs_unpacks_to_what_went_in, setup,
						teardown),
		cmocka_unit_test_setup_teardown(two_builds_are_the_same_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(refusals_name_the_culprit, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

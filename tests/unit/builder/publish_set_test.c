/*
 * Publishing: what a reader sees at each moment, what a killed build leaves to the
 * next, and that the documents depend on their inputs alone.
 */
#include "builder/publish/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"

#define STEM "web_1.0_amd64"
#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static struct err err;
static char dir[64];

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/kiln-publish-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return path_remove_tree(dir);
}

static struct publish *begin(void)
{
	struct publish *p = NULL;

	err_init(&err);
	if (publish_open(&p, dir, "web", "1.0", "amd64", &err))
		fail_msg("%s", err.text);
	return p;
}

static const struct publish_package packages[] = {
	{ "zlib1g", "1:1.2.13.dfsg-1", "amd64", HEX64, "zlib" },
	{ "libstdc++6", "12.2.0-14+deb12u1", "amd64", HEX64, NULL },
};
static const struct publish_input inputs[] = { { "kiln", "0.1", NULL }, { "lock", NULL, HEX64 } };
static const struct publish_info info = {
	.suite = "bookworm", .epoch_s = 1700000000, .root_hash = HEX64, .salt = "07",
	.data_blocks = 200, .hash_start_block = 1, .kernel = "6.1", .cmdline = "ro \"x\"",
	.credentials = true,
	.packages = packages, .n_packages = 2, .inputs = inputs, .n_inputs = 2,
};

static void publish_set(const char *content)
{
	struct publish *p = begin();
	const char *final = NULL;

	assert_int_equal(publish_write(p, PUBLISH_ROOT, content, strlen(content), &err), 0);
	assert_int_equal(publish_write(p, PUBLISH_UKI, "uki", 3, &err), 0);
	assert_int_equal(publish_manifest(p, &info, &err), 0);
	if (publish_commit(p, &final, &err))
		fail_msg("%s", err.text);
	assert_non_null(strstr(final, "/" STEM));
	publish_free(p);
}

static char *read_out(const char *name)
{
	_cleanup_free_ char *path = str_printf("%s/%s", dir, name);
	char *data = NULL;

	assert_int_equal(io_read_file(path, 1 << 20, &data, NULL, &err), 0);
	return data;
}

/* The set is whole: each line of SHA256SUMS is right and names @content's root. */
static void expect_set(const char *content)
{
	_cleanup_free_ char *sums = read_out(STEM "/SHA256SUMS");
	_cleanup_free_ char *root = read_out(STEM "/" STEM ".root.squashfs");
	unsigned n = 0;
	char *save = NULL;

	assert_string_equal(root, content);
	for (char *l = strtok_r(sums, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		_cleanup_free_ char *path = str_printf("%s/%s/%s", dir, STEM, l + 66);
		uint8_t sum[DIGEST_BYTES];
		char hex[DIGEST_HEX_SIZE];

		assert_int_equal(digest_file(path, sum, NULL, &err), 0);
		digest_hex(sum, sizeof(sum), hex);
		assert_memory_equal(l, hex, 64);
		n++;
	}
	assert_int_equal(n, 4);
}

static unsigned count_entries(void)
{
	_cleanup_closedir_ DIR *d = opendir(dir);
	unsigned n = 0;

	while (readdir(d))
		n++;
	return n - 2;
}

static void a_set_appears_whole_and_replaces_the_old_one(void **state)
{
	(void)state;
	publish_set("first");
	expect_set("first");
	publish_set("second");
	expect_set("second");
	assert_int_equal(count_entries(), 1);
}

static void an_abandoned_build_leaves_the_old_set(void **state)
{
	struct publish *p;

	(void)state;
	publish_set("old");
	p = begin();
	assert_int_equal(publish_write(p, PUBLISH_ROOT, "new", 3, &err), 0);
	publish_free(p);
	expect_set("old");
	assert_int_equal(count_entries(), 1);
}

/* Killed after @steps steps of a publication. */
static void publish_and_die(int steps)
{
	struct publish *p = begin();

	if (steps-- == 0)
		raise(SIGKILL);
	publish_write(p, PUBLISH_ROOT, "new", 3, &err);
	publish_write(p, PUBLISH_UKI, "uki", 3, &err);
	publish_write(p, "left-over", "x", 1, &err);
	if (steps-- == 0)
		raise(SIGKILL);
	publish_manifest(p, &info, &err);
	if (steps-- == 0)
		raise(SIGKILL);
}

static void a_killed_build_is_as_if_it_never_ran(void **state)
{
	(void)state;
	for (int steps = 0; steps < 3; steps++) {
		pid_t pid = fork();
		int status;

		assert_true(pid >= 0);
		if (pid == 0) {
			publish_and_die(steps);
			_exit(1);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		publish_set("after");
		expect_set("after");
		assert_int_equal(count_entries(), 1);
	}
}

/* What readers see while sets are exchanged under their eyes: always a whole one. */
static void a_reader_never_sees_a_mixture(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	publish_set("even");
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		for (int i = 0; i < 40; i++)
			publish_set(i % 2 ? "even" : "odd!");
		_exit(0);
	}
	while (waitpid(pid, &status, WNOHANG) == 0) {
		_cleanup_free_ char *path = str_printf("%s/%s", dir, STEM);
		_cleanup_close_ int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

		/* The name is never absent. */
		assert_true(fd >= 0);
	}
	assert_int_equal(status, 0);
	expect_set("even");
}

static void two_builds_of_one_image_do_not_mix(void **state)
{
	struct publish *one = begin(), *two = NULL;

	(void)state;
	assert_int_equal(publish_open(&two, dir, "web", "1.0", "amd64", &err), -EBUSY);
	assert_non_null(strstr(err.text, "another build of " STEM));
	assert_null(two);
	assert_int_equal(publish_open(&two, dir, "web", "1.1", "amd64", &err), 0);
	publish_free(two);
	publish_free(one);
	assert_int_equal(count_entries(), 0);
}

static void what_a_killed_build_of_another_version_left_is_removed(void **state)
{
	struct publish *other = NULL;
	_cleanup_free_ char *stale = path_join(dir, ".web_0.9_amd64.new/x");
	_cleanup_free_ char *foreign = path_join(dir, "notes.new");

	(void)state;
	assert_int_equal(path_mkdirs(stale), 0);
	assert_int_equal(path_mkdirs(foreign), 0);
	assert_int_equal(publish_open(&other, dir, "web", "2.0", "amd64", &err), 0);
	assert_int_equal(count_entries(), 2); /* its own staging and what is not ours */
	publish_set("new");
	assert_int_equal(access(publish_path(other, PUBLISH_ROOT), F_OK), -1);
	assert_int_equal(publish_write(other, PUBLISH_ROOT, "still there", 11, &err), 0);
	publish_free(other);
	assert_int_equal(count_entries(), 2);
}

static void names_that_leave_the_directory_are_refused(void **state)
{
	static const char *const bad[] = { "",	      "..",  "../x", "a/b",
					   ".hidden", "-rf", "a b",  "a\n" };
	struct publish *p = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(publish_open(&p, dir, "web", bad[i], "amd64", &err), -EINVAL);
		assert_int_equal(publish_open(&p, dir, bad[i], "1.0", "amd64", &err), -EINVAL);
		assert_null(p);
	}
}

static void the_documents_depend_on_their_inputs_alone(void **state)
{
	_cleanup_free_ char *one = NULL, *two = NULL, *spdx = NULL, *spdx2 = NULL;

	(void)state;
	publish_set("same");
	one = read_out(STEM "/" STEM ".manifest.json");
	spdx = read_out(STEM "/" STEM ".spdx.json");
	setenv("TZ", "Asia/Tokyo", 1);
	publish_set("same");
	unsetenv("TZ");
	two = read_out(STEM "/" STEM ".manifest.json");
	spdx2 = read_out(STEM "/" STEM ".spdx.json");
	assert_string_equal(one, two);
	assert_string_equal(spdx, spdx2);
	assert_non_null(strstr(one, "\"root_hash\": \"" HEX64 "\""));
	assert_non_null(strstr(one, "\"cmdline\": \"ro \\\"x\\\"\""));
	assert_non_null(strstr(one, "\"credentials\": true,"));
	assert_true(strstr(one, "libstdc++6") < strstr(one, "zlib1g")); /* sorted */
	assert_non_null(strstr(spdx, "\"created\": \"2023-11-14T22:13:20Z\""));
	assert_non_null(strstr(spdx, "\"SPDXRef-Package-libstdc.x2b.x2b6-amd64\""));
	assert_non_null(
		strstr(spdx, "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1?arch=amd64"));
	assert_non_null(strstr(spdx, "pkg:deb/debian/zlib1g@1%3A1.2.13.dfsg-1?arch=amd64"));
}

static void holes_are_hashed_as_zeroes(void **state)
{
	struct publish *p = begin();
	const char *raw = publish_path(p, PUBLISH_RAW);
	_cleanup_close_ int fd = open(raw, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	_cleanup_free_ char *sums = NULL;
	uint8_t sum[DIGEST_BYTES];
	char hex[DIGEST_HEX_SIZE];

	(void)state;
	assert_int_equal(ftruncate(fd, (3 << 20) + 7), 0);
	assert_int_equal(io_pwrite_all(fd, "middle", 6, 1 << 20), 0);
	assert_int_equal(digest_file(raw, sum, NULL, &err), 0);
	digest_hex(sum, sizeof(sum), hex);
	assert_int_equal(publish_commit(p, NULL, &err), 0);
	publish_free(p);
	sums = read_out(STEM "/SHA256SUMS");
	assert_memory_equal(sums, hex, 64);
	assert_string_equal(sums + 64, "  " STEM ".raw\n");
}

static void a_copy_stays_sparse(void **state)
{
	struct publish *p = begin();
	_cleanup_free_ char *source = path_join(dir, "source");
	_cleanup_close_ int fd = open(source, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	struct stat st;

	(void)state;
	assert_int_equal(ftruncate(fd, 8 << 20), 0);
	assert_int_equal(io_pwrite_all(fd, "end", 3, (8 << 20) - 3), 0);
	assert_int_equal(publish_copy(p, PUBLISH_RAW, source, &err), 0);
	assert_int_equal(stat(publish_path(p, PUBLISH_RAW), &st), 0);
	assert_int_equal(st.st_size, 8 << 20);
	assert_true(st.st_blocks * 512 < 1 << 20);
	assert_int_equal(publish_copy(p, PUBLISH_RAW, "/nonexistent", &err), -ENOENT);
	publish_free(p);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_set_appears_whole_and_replaces_the_old_one),
		TEST(an_abandoned_build_leaves_the_old_set),
		TEST(a_killed_build_is_as_if_it_never_ran),
		TEST(a_reader_never_sees_a_mixture),
		TEST(two_builds_of_one_image_do_not_mix),
		TEST(what_a_killed_build_of_another_version_left_is_removed),
		TEST(names_that_leave_the_directory_are_refused),
		TEST(the_documents_depend_on_their_inputs_alone),
		TEST(holes_are_hashed_as_zeroes),
		TEST(a_copy_stays_sparse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Does kiln-fetch start with the libraries of an image? For real: kiln-fetch is this program here,
 * which needs libcurl, and the image's libraries are this machine's, less what a case takes away.
 * Needs user namespaces (or root) and is skipped loudly without.
 */
#include "builder/rootfs/build.h"

#include <errno.h>

#include <curl/curl.h>

#include "tests/unit/builder/sandbox_tree.h"

#define FETCHER "/usr/lib/kiln/kiln-fetch"

static char self[4096], libcurl[256];

static void link_in(const char *target, const char *name)
{
	_cleanup_free_ char *at = path_join(root, name);

	assert_int_equal(symlink(target, at), 0);
}

/* To /usr, where the links of the tree lead. */
static void take_library(const char *path)
{
	_cleanup_free_ char *dest = str_printf("%s%s", strncmp(path, "/usr/", 5) ? "/usr" : "", path);

	copy_in(path, dest, NULL, NULL);
	if (strstr(path, "/libcurl.so.4"))
		snprintf(libcurl, sizeof(libcurl), "%s%s", root, dest);
}

static int setup(void **state)
{
	(void)state;
	if (begin_tree())
		return -1;
	link_in("usr/lib", "lib");
	link_in("usr/lib64", "lib64");
	copy_in(self, FETCHER, NULL, NULL);
	for_libraries(self, take_library);
	assert_true(libcurl[0]);
	return 0;
}

static int inside(void *arg, struct err *e)
{
	struct build b = { .root = root, .tree = TREE_INIT, .cage = { .tree = root, .log_fd = -1 } };
	int r = tree_open(&b.tree, root, e);

	(void)arg;
	r = r ? r : build_check_fetcher(&b, e);
	tree_close(&b.tree);
	return r;
}

static int check(void)
{
	if (!sb)
		skip();
	err_init(&err);
	return sandbox_run(sb, inside, NULL, &err);
}

static void says(const char *what)
{
	if (!strstr(err.text, what))
		fail_msg("it does not say '%s': %s", what, err.text);
}

static void one_that_starts_is_content(void **state)
{
	(void)state;
	assert_int_equal(check(), 0);
}

static void a_version_that_libc_lacks_is_named(void **state)
{
	(void)state;
	copy_in(self, FETCHER, "GLIBC_2.34", "GLIBC_9.34");
	assert_int_equal(check(), -EINVAL);
	says("kiln-fetch, tried with the libraries of this image, failed (exit 1):\n");
	says("version `GLIBC_9.34' not found (required by " FETCHER ")");
	says("use one that was built on the image's Debian or an older one");
	copy_in(self, FETCHER, NULL, NULL);
}

static void a_symbol_that_libcurl_lacks_is_named(void **state)
{
	(void)state;
	/* This program wants it of libcurl; it is looked for when it starts, not when it is called. */
	copy_in(self, FETCHER, "curl_version_info", "curl_version_9999");
	assert_int_equal(check(), -EINVAL);
	says("undefined symbol: curl_version_9999");
	copy_in(self, FETCHER, NULL, NULL);
}

static void a_library_of_libcurls_that_is_missing_is_named(void **state)
{
	_cleanup_free_ char *libz = strdup(libcurl), *away = path_join(dir, "away");

	(void)state;
	strcpy(strrchr(libz, '/'), "/libz.so.1");
	assert_int_equal(rename(libz, away), 0);
	assert_int_equal(check(), -EINVAL);
	says("libz.so.1: cannot open shared object file");
	assert_int_equal(rename(away, libz), 0);
}

static void without_libcurl_it_need_not_start(void **state)
{
	_cleanup_free_ char *away = path_join(dir, "away");

	(void)state;
	assert_int_equal(rename(libcurl, away), 0);
	assert_int_equal(check(), 0);
	assert_int_equal(rename(away, libcurl), 0);
	assert_int_equal(check(), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_starts_is_content),
		cmocka_unit_test(a_version_that_libc_lacks_is_named),
		cmocka_unit_test(a_symbol_that_libcurl_lacks_is_named),
		cmocka_unit_test(a_library_of_libcurls_that_is_missing_is_named),
		cmocka_unit_test(without_libcurl_it_need_not_start),
	};

	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return curl_version_info(CURLVERSION_NOW) ? 0 : 1;
	return realpath(argv[0], self) ? cmocka_run_group_tests(tests, setup, teardown) : 1;
}

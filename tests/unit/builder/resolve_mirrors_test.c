/* Where the archives are: options, environment, and the host's apt sources. */
#include "builder/resolve/mirrors.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

/* "main: a b; security: c" */
static char *show(const struct mirrors *m)
{
	struct buf out = BUF_INIT;

	for (size_t a = 0; a < ARCHIVE_N; a++) {
		buf_addf(&out, "%s%s:", a ? "; " : "", archive_names[a]);
		for (size_t i = 0; i < m->n[a]; i++)
			buf_addf(&out, " %s", m->url[a][i]);
	}
	return buf_take(&out);
}

static void given_mirrors_are_taken_as_written(void **state)
{
	static const struct {
		const char *given[3], *want;
	} table[] = {
		{ { "http://m.example/debian/" },
		  "main: http://m.example/debian; security: http://m.example/debian-security" },
		{ { "http://m.example/debian", "security=https://s.example/sec" },
		  "main: http://m.example/debian; security: https://s.example/sec" },
		{ { "main=http://m.example/d" }, "main: http://m.example/d; security:" },
		{ { "file:///srv/a", "http://m.example/b", "file:///srv/a" },
		  "main: file:///srv/a http://m.example/b; "
		  "security: file:///srv/a-security http://m.example/b-security" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct mirrors m = { 0 };
		struct err err;
		size_t n = 0;
		char *got;

		while (n < 3 && table[i].given[n])
			n++;
		assert_int_equal(mirrors_find(&m, table[i].given, n, &err), 0);
		got = show(&m);
		assert_string_equal(got, table[i].want);
		free(got);
		mirrors_done(&m);
	}
}

static void the_environment_names_mirrors_too(void **state)
{
	struct mirrors m = { 0 };
	char *got;

	(void)state;
	setenv("KILN_MIRROR", "http://a.example/x main=http://b.example/y", 1);
	assert_int_equal(mirrors_find(&m, NULL, 0, NULL), 0);
	unsetenv("KILN_MIRROR");
	got = show(&m);
	assert_string_equal(got, "main: http://a.example/x http://b.example/y; security: http://a.example/x-security");
	free(got);
	mirrors_done(&m);
}

static void what_is_no_url_is_refused(void **state)
{
	static const char *const bad[] = { "m.example/debian", "ftp://m.example/", "file://x", "main=",
					   "http://" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mirrors m = { 0 };
		struct err err;

		assert_int_equal(mirrors_find(&m, &bad[i], 1, &err), -EINVAL);
		assert_non_null(strstr(err.text, "is not a URL: write "));
		mirrors_done(&m);
	}
}

static void apt_sources_are_read(void **state)
{
	static const struct {
		int deb822;
		const char *text, *want;
	} table[] = {
		{ 0, "# deb http://no.example/debian bookworm main\n"
		     "deb http://m.example/debian/ bookworm main contrib\n"
		     "deb [arch=amd64 signed-by=/k] http://m.example/debian bookworm-updates main\n"
		     "deb-src http://src.example/debian bookworm main\n"
		     "deb http://s.example/sec bookworm-security main\n"
		     "deb http://third.example/ cloud-tool-bookworm main\n"
		     "deb cdrom:[x]/ bookworm main\n",
		  "main: http://m.example/debian; security: http://s.example/sec" },
		{ 0, "deb http://old.example/sec bullseye/updates main",
		  "main:; security: http://old.example/sec" },
		{ 1, "Types: deb deb-src\n# note\nURIs: http://m.example/debian\n https://n.example/debian\n"
		     "Suites: bookworm bookworm-updates\nComponents: main\n\n"
		     "Types: deb\nURIs: http://s.example/sec\nSuites: bookworm-security\n\n"
		     "Types: deb\nURIs: http://off.example/\nSuites: bookworm\nEnabled: no\n\n"
		     "Types: deb\nURIs: http://third.example/\nSuites: nodistro\n",
		  "main: http://m.example/debian https://n.example/debian; security: http://s.example/sec" },
		{ 1, "Types: deb-src\nURIs: http://m.example/\nSuites: bookworm\n", "main:; security:" },
		{ 1, "", "main:; security:" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct mirrors m = { 0 };
		char *got;

		assert_int_equal(mirrors_read_apt(&m, table[i].text, table[i].deb822, NULL), 0);
		got = show(&m);
		assert_string_equal(got, table[i].want);
		free(got);
		mirrors_done(&m);
	}
}

static void the_hosts_own_release_counts_as_debian(void **state)
{
	struct mirrors m = { 0 };

	(void)state;
	assert_int_equal(mirrors_read_apt(&m, "deb http://m.example/d zebra main\n", 0, NULL), 0);
	assert_int_equal(m.n[ARCHIVE_MAIN], 0);
	assert_int_equal(mirrors_read_apt(&m, "deb http://m.example/d zebra main\n", 0, "zebra"), 0);
	assert_int_equal(m.n[ARCHIVE_MAIN], 1);
	mirrors_done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(given_mirrors_are_taken_as_written),
		cmocka_unit_test(the_environment_names_mirrors_too),
		cmocka_unit_test(what_is_no_url_is_refused),
		cmocka_unit_test(apt_sources_are_read),
		cmocka_unit_test(the_hosts_own_release_counts_as_debian),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

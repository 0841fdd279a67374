/* Release files: dates, rows, and the shape of what gpgv is given. */
#include "builder/resolve/release.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/err.h"

#define H "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DATE "Date: Sat, 11 Jul 2026 10:16:37 UTC\n"

static void a_release_is_read(void **state)
{
	static const char text[] = "Suite: stable\nCodename: trixie\n" DATE
		"Valid-Until: Sat, 1 Aug 2026 00:00:00 UTC\nAcquire-By-Hash: yes\n"
		"Architectures: all amd64\nComponents: main contrib\nMD5Sum:\n abc 1 main/x\n"
		"SHA256:\n " H "  123 main/binary-amd64/Packages\n " H " 0 a b\n";
	struct release *r;
	struct err err;

	(void)state;
	assert_int_equal(release_parse(text, strlen(text), "t", &r, &err), 0);
	assert_string_equal(r->codename, "trixie");
	assert_int_equal(r->date, 1783764997);
	assert_int_equal(r->valid_until, 1785542400);
	assert_true(r->by_hash);
	assert_int_equal(r->n_files, 2);
	assert_int_equal(release_find(r, "main/binary-amd64/Packages")->size_bytes, 123);
	assert_null(release_find(r, "main/x"));
	assert_true(release_lists(r->architectures, "amd64"));
	assert_false(release_lists(r->architectures, "amd"));
	release_free(r);
}

static void malformed_releases_are_refused_with_the_line(void **state)
{
	static const struct {
		const char *text, *error;
	} table[] = {
		{ "", "t: has no Date" },
		{ DATE, "t: has no SHA256 list" },
		{ "no colon\n", "t:1: expected 'Field: value'" },
		{ "Date: yesterday\n", "t:1: not a date" },
		{ "Date: Sat, 11 Jul 2026 10:16:37 GMT\n", "t:1: not a date" },
		{ "Date: Sat, 11 Foo 2026 10:16:37 UTC\n", "t:1: not a date" },
		{ DATE DATE, "t:2: the field appears twice" },
		{ "Suite: a\nSuite: b\n", "t:2: the field appears twice" },
		{ "SHA256:\n " H " 1 a\nSHA256:\n", "t:3: the field appears twice" },
		{ "SHA256:\n abc 1 x\n", "t:2: expected a SHA-256, a size and a path" },
		{ "SHA256:\n " H " x y\n", "t:2: expected a size and a path" },
		{ "SHA256:\n " H " 99999999999999999999 y\n", "t:2: size too large" },
		{ "SHA256:\n z" H " 1 y\n", "t:2: not a SHA-256" },
	};
	struct release *r = (struct release *)&table;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(release_parse(table[i].text, strlen(table[i].text), "t", &r, &err),
				 -EBADMSG);
		assert_string_equal(err.text, table[i].error);
		assert_ptr_equal(r, &table);
	}
}

#define BEGIN "-----BEGIN PGP SIGNED MESSAGE-----\n"
#define SIG "-----BEGIN PGP SIGNATURE-----\nx\n"
#define END "-----END PGP SIGNATURE-----\n"

static void gpgv_is_given_one_message_and_nothing_else(void **state)
{
	static const struct {
		const char *text, *error;
	} table[] = {
		{ BEGIN "a\n- -----x\n" SIG END, NULL },
		{ BEGIN "a\r\n" SIG "-----END PGP SIGNATURE-----\r\n\r\n", NULL },
		{ "Suite: evil\n" BEGIN SIG END, "does not begin with a signed message" },
		{ "\n" BEGIN SIG END, "does not begin with a signed message" },
		{ BEGIN SIG END "Suite: evil\n", "there is text after the signature" },
		{ BEGIN SIG END BEGIN SIG END, "there is text after the signature" },
		{ BEGIN BEGIN SIG END, "more than one signed message" },
		{ BEGIN SIG SIG END, "more than one signed message" },
		{ BEGIN "a\n" SIG, "the signature is cut off" },
		{ BEGIN "a\n" END, "more than one signed message" },
		{ "", "the signature is cut off" },
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		int r = release_check_armor(table[i].text, strlen(table[i].text), &err);

		assert_int_equal(r, table[i].error ? -EBADMSG : 0);
		if (table[i].error)
			assert_string_equal(err.text, table[i].error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_release_is_read),
		cmocka_unit_test(malformed_releases_are_refused_with_the_line),
		cmocka_unit_test(gpgv_is_given_one_message_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * The whole way, recipe to fetched packages, from small archives made here: signed
 * with a throw-away key, served from files or by the misbehaving server.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "builder/recipe/recipe.h"
#include "builder/resolve/fetch.h"
#include "builder/resolve/lock.h"
#include "builder/resolve/resolve.h"
#include "builder/resolve/store.h"
#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/path.h"
#include "lib/base/proc.h"
#include "tests/unit/builder/resolve_server.h"

static char top[] = "/tmp/kiln-archive.XXXXXX";
static char warned[1024];
static char *packages_wanted[8] = { "app" };
static char *components[] = { "main" };
static struct recipe recipe = {
	.name = "t", .architecture = "amd64", .suite = "bookworm", .file = "t.yaml",
	.components = { components, 1 }, .packages = { packages_wanted, 1 },
};

static char *in_top(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A path below the test's folder; a few live at a time. */
static char *in_top(const char *fmt, ...)
{
	static char ring[8][512];
	static unsigned next;
	char *path = ring[next++ % 8];
	int n = snprintf(path, 512, "%s/", top);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path + n, 512 - (size_t)n, fmt, ap);
	va_end(ap);
	return path;
}

static void write_file(const char *path, const char *text, size_t len)
{
	_cleanup_free_ char *dir = strndup(path, (size_t)(path_base(path) - path));

	assert_int_equal(path_mkdirs(dir), 0);
	assert_int_equal(atomic_file_write(path, text, len, 0644, NULL), 0);
}

static void run(char **argv)
{
	struct err err;

	if (proc_run(argv, NULL, &err) != 0)
		fail_msg("%s", err.text);
}

static void hash_of(const char *text, size_t len, char hex[DIGEST_HEX_SIZE])
{
	uint8_t hash[DIGEST_BYTES];

	digest_bytes(text, len, hash);
	digest_hex(hash, sizeof(hash), hex);
}

/* A signed archive below top/@name: its Packages made of "NAME VERSION; Field: value" lines. */
static void make_archive(const char *name, const char *suite, const char *extra, const char *lines)
{
	_cleanup_buf_ struct buf text = BUF_INIT, release = BUF_INIT;
	char hash[DIGEST_HEX_SIZE], *out, *in;

	for (const char *p = lines; *p;) {
		const char *nl = strchr(p, '\n');
		char *line = strndup(p, (size_t)(nl - p)), *save = NULL;
		char *head = strtok_r(line, ";", &save), *version = strchr(head, ' '), *field;
		char *deb = str_printf("bytes of %s", head);

		*version++ = '\0';
		write_file(in_top("%s/pool/%s_%s.deb", name, head, version), deb, strlen(deb));
		hash_of(deb, strlen(deb), hash);
		buf_addf(&text, "Package: %s\nVersion: %s\nArchitecture: all\n", head, version);
		while ((field = strtok_r(NULL, ";", &save)))
			buf_addf(&text, "%s\n", field + 1);
		buf_addf(&text, "Filename: pool/%s_%s.deb\nSize: %zu\nSHA256: %s\n\n", head, version,
			 strlen(deb), hash);
		free(deb);
		free(line);
		p = nl + 1;
	}
	write_file(in_top("%s/dists/%s/main/binary-amd64/Packages", name, suite), text.data, text.len);
	hash_of(text.data, text.len, hash);
	buf_addf(&release,
		 "Suite: stable\nCodename: %s\nComponents: main\nArchitectures: amd64 all\n%s"
		 "SHA256:\n %s %zu main/binary-amd64/Packages\n",
		 suite, extra, hash, text.len);
	in = in_top("%s/dists/%s/Release", name, suite);
	out = in_top("%s/dists/%s/InRelease", name, suite);
	write_file(in, release.data, release.len);
	run((char *[]){ "gpg", "--homedir", in_top("gpg"), "--batch", "--yes", "-q", "--output", out,
			"--clearsign", in, NULL });
}

#define DATE "Date: Sat, 11 Jul 2026 10:16:37 UTC\n"
#define DATE2 "Date: Sat, 18 Jul 2026 10:16:37 UTC\n"
#define PLAIN                                                                                \
	"base 1; Essential: yes\napp 1; Depends: lib (>= 1), x | y\nlib 1\nx 1\nother 1\n"

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(top) || mkdir(in_top("gpg"), 0700) < 0)
		return -1;
	if (!proc_exists("gpg") || !proc_exists("gpgv")) {
		printf("SKIP: gpg and gpgv are needed\n");
		exit(77);
	}
	run((char *[]){ "gpg", "--homedir", in_top("gpg"), "--batch", "-q", "--passphrase", "",
			"--quick-gen-key", "test", "ed25519", "sign", "never", NULL });
	run((char *[]){ "gpg", "--homedir", in_top("gpg"), "--batch", "-q", "--output",
			in_top("key.gpg"), "--export", NULL });
	return 0;
}

static int teardown(void **state)
{
	char *argv[] = { "gpgconf", "--homedir", in_top("gpg"), "--kill", "all", NULL };

	(void)state;
	proc_run(argv, NULL, NULL);
	return path_remove_tree(top);
}

/* Every test starts without lock and store. */
static int fresh(void **state)
{
	(void)state;
	path_remove_tree(in_top("cache"));
	unlink(in_top("t.lock"));
	packages_wanted[0] = "app";
	recipe.packages.n = 1;
	warned[0] = '\0';
	return 0;
}

static void warn(const char *text)
{
	snprintf(warned, sizeof(warned), "%s", text);
}

/* What a test may vary; the mirror is a folder below top or a whole URL. */
struct question {
	const char *mirror;
	bool locked, offline, update, allow_expired, fetch;
	const char *update_name;
};

/* Resolve (and fetch). The lock as "app=1 base=1", or "! <why>". Owned. */
static char *ask(struct question q, struct err *err)
{
	_cleanup_free_ char *url = strchr(q.mirror, ':') ? strdup(q.mirror) :
							   str_printf("file://%s/%s", top, q.mirror);
	const char *mirrors[] = { url }, *names[] = { q.update_name };
	struct buf out = BUF_INIT;
	struct store *store = NULL;
	struct lock *lock = NULL;
	int r = store_open(in_top("cache"), &store, err);
	struct resolve_options ro = {
		.store = store, .mirrors = mirrors, .n_mirrors = 1, .keyring = in_top("key.gpg"),
		.lock_path = in_top("t.lock"), .locked = q.locked, .offline = q.offline,
		.update = q.update, .allow_expired = q.allow_expired, .warn = warn,
		.update_names = names, .n_update_names = q.update_name ? 1 : 0,
	};
	struct fetch_options fo = { .store = store, .mirrors = mirrors, .n_mirrors = 1,
				    .offline = q.offline, .retries = 3 };

	r = r < 0 ? r : resolve_lock(&recipe, &ro, &lock, NULL, err);
	if (r == 0 && q.fetch)
		r = fetch_packages(lock, &fo, err);
	if (r < 0)
		buf_addf(&out, "! %s", err->text);
	for (size_t i = 0; r == 0 && i < lock->n_packages; i++)
		buf_addf(&out, "%s%s=%s", i ? " " : "", lock->packages[i].name,
			 lock->packages[i].version);
	lock_free(lock);
	store_free(store);
	return buf_take(&out);
}

static void expect(struct question q, const char *want)
{
	struct err err;
	char *got = ask(q, &err);

	if (want[0] == '!' && want[strlen(want) - 1] == '*')
		assert_memory_equal(got, want, strlen(want) - 1);
	else
		assert_string_equal(got, want);
	free(got);
}

static void a_recipe_becomes_a_lock_and_files(void **state)
{
	struct lock *l;
	struct store *s;
	struct err err;

	(void)state;
	make_archive("one", "bookworm", DATE, PLAIN);
	expect((struct question){ .mirror = "one", .fetch = true }, "app=1 base=1 lib=1 x=1");
	assert_int_equal(lock_read(in_top("t.lock"), &l, &err), 0);
	assert_string_equal(lock_find(l, "lib")->by, "app");
	assert_string_equal(lock_find(l, "app")->by, "@recipe");
	assert_string_equal(lock_find(l, "base")->by, "@base");
	assert_int_equal(l->timestamp, 1783764997);
	assert_int_equal(store_open(in_top("cache"), &s, &err), 0);
	for (size_t i = 0; i < l->n_packages; i++)
		assert_true(store_has(s, l->packages[i].sha256, l->packages[i].size_bytes));
	assert_true(store_has(s, l->releases[0].sha256, 0));
	store_free(s);
	lock_free(l);
	/* From now on nothing needs the mirror. */
	expect((struct question){ .mirror = "gone", .offline = true, .fetch = true },
	       "app=1 base=1 lib=1 x=1");
	expect((struct question){ .mirror = "gone", .offline = true, .update = true },
	       "app=1 base=1 lib=1 x=1");
	expect((struct question){ .mirror = "gone", .locked = true }, "app=1 base=1 lib=1 x=1");
}

static void an_update_may_be_of_one_package_only(void **state)
{
	(void)state;
	make_archive("two", "bookworm", DATE, PLAIN);
	expect((struct question){ .mirror = "two" }, "app=1 base=1 lib=1 x=1");
	make_archive("two", "bookworm", DATE2,
		     "base 2; Essential: yes\napp 2; Depends: lib (>= 2), x\nlib 2\nx 2\n");
	expect((struct question){ .mirror = "two" }, "app=1 base=1 lib=1 x=1");
	expect((struct question){ .mirror = "two", .update = true, .update_name = "x" },
	       "app=1 base=1 lib=1 x=2");
	expect((struct question){ .mirror = "two", .update = true, .update_name = "app" },
	       "app=2 base=1 lib=2 x=2");
	expect((struct question){ .mirror = "two", .update = true, .update_name = "none" },
	       "! cannot update 'none': the lock does not have it");
	expect((struct question){ .mirror = "two", .update = true }, "app=2 base=2 lib=2 x=2");
}

static void a_changed_recipe_keeps_locked_versions(void **state)
{
	(void)state;
	make_archive("three", "bookworm", DATE, PLAIN);
	expect((struct question){ .mirror = "three" }, "app=1 base=1 lib=1 x=1");
	make_archive("three", "bookworm", DATE2,
		     "base 2; Essential: yes\napp 2\nlib 2\nother 2; Depends: y\ny 2\n");
	packages_wanted[1] = "other";
	recipe.packages.n = 2;
	expect((struct question){ .mirror = "three" }, "app=1 base=1 lib=1 other=2 x=1 y=2");
}

static void a_lock_that_may_not_change_says_what_would(void **state)
{
	struct err err;
	char *got;

	(void)state;
	make_archive("four", "bookworm", DATE, PLAIN);
	expect((struct question){ .mirror = "four", .locked = true }, "! --locked, but there is no *");
	expect((struct question){ .mirror = "four" }, "app=1 base=1 lib=1 x=1");
	packages_wanted[0] = "other";
	got = ask((struct question){ .mirror = "four", .locked = true }, &err);
	assert_non_null(strstr(got, "--locked forbids to change it:\n  + other\n  - app\n"));
	free(got);
}

static void unknown_and_virtual_packages_are_explained(void **state)
{
	(void)state;
	make_archive("five", "bookworm", DATE, PLAIN "mta-a 1; Provides: mta\nmta-b 1; Provides: mta\n");
	packages_wanted[0] = "ohter";
	expect((struct question){ .mirror = "five" },
	       "! t.yaml: package 'ohter' is not in bookworm; did you mean other?");
	packages_wanted[0] = "mta";
	expect((struct question){ .mirror = "five" },
	       "! t.yaml: package 'mta' is not in bookworm; it is a virtual package, "
	       "name one that provides it: mta-a mta-b");
	packages_wanted[0] = "app=7";
	expect((struct question){ .mirror = "five" },
	       "! t.yaml: package 'app' has no version 7 in bookworm; it has 1");
	assert_int_equal(access(in_top("t.lock"), F_OK), -1);
}

static void a_virtual_package_with_one_provider_is_that_one(void **state)
{
	(void)state;
	make_archive("eleven", "bookworm", DATE, PLAIN "liba-new 1; Provides: liba (= 1)\n"
		     "liba-new 2; Provides: liba\n");
	packages_wanted[0] = "liba";
	expect((struct question){ .mirror = "eleven" }, "base=1 liba-new=2");
	packages_wanted[0] = "liba=1";
	expect((struct question){ .mirror = "eleven" }, "! t.yaml: package 'liba' is not in bookworm*");
}

static void a_conflict_is_explained_by_libsolv(void **state)
{
	(void)state;
	make_archive("six", "bookworm", DATE,
		     "app 1; Depends: lib\nlib 1\nbase 1; Essential: yes; Conflicts: lib\n");
	expect((struct question){ .mirror = "six" },
	       "! these packages cannot be installed together:\n*");
	make_archive("six", "bookworm", DATE, "app 1; Depends: lib (>= 2)\nlib 1\n");
	expect((struct question){ .mirror = "six" },
	       "! these packages cannot be installed together:\n"
	       "  nothing provides lib >= 2 needed by app-1.all");
}

static void only_what_is_signed_for_this_suite_counts(void **state)
{
	_cleanup_free_ char *path = strdup(in_top("seven/dists/bookworm/InRelease"));

	(void)state;
	make_archive("seven", "bookworm", DATE, PLAIN);
	run((char *[]){ "sed", "-i", "s/amd64 all/amd64 arm/", path, NULL });
	expect((struct question){ .mirror = "seven" },
	       "! bookworm/InRelease: its signature is BAD: the file was changed");
	make_archive("seven", "bookworm", DATE, PLAIN);
	run((char *[]){ "sed", "-i", "1iSuite: evil", path, NULL });
	expect((struct question){ .mirror = "seven" },
	       "! bookworm/InRelease: does not begin with a signed message");
	make_archive("seven", "trixie", DATE, PLAIN);
	run((char *[]){ "cp", in_top("seven/dists/trixie/InRelease"), path, NULL });
	expect((struct question){ .mirror = "seven" },
	       "! bookworm/InRelease: asked for bookworm, but this is the Release of trixie (stable)");
	make_archive("seven", "bookworm", DATE, PLAIN);
	write_file(in_top("seven/dists/bookworm/main/binary-amd64/Packages"), "Package: evil\n", 14);
	expect((struct question){ .mirror = "seven" }, "! bookworm/main/binary-amd64/Packages: refused: *");
	expect((struct question){ .mirror = "nowhere" }, "! bookworm/InRelease: *");
}

static void an_expired_release_needs_permission(void **state)
{
	(void)state;
	make_archive("eight", "bookworm", DATE "Valid-Until: Sun, 12 Jul 2020 10:16:37 UTC\n", PLAIN);
	expect((struct question){ .mirror = "eight", .allow_expired = true },
	       "app=1 base=1 lib=1 x=1");
	assert_string_equal(warned,
			    "bookworm: its InRelease was valid until 2020-07-12 10:16 UTC only; "
			    "accepted because of --allow-expired");
}

static void a_package_with_other_bytes_is_refused(void **state)
{
	(void)state;
	make_archive("nine", "bookworm", DATE, PLAIN);
	write_file(in_top("nine/pool/lib_1.deb"), "BYTES of lib 1", 14);
	expect((struct question){ .mirror = "nine", .fetch = true },
	       "! lib 1: refused: its SHA-256 is *");
	write_file(in_top("nine/pool/lib_1.deb"), "bytes of lib 1!", 15);
	expect((struct question){ .mirror = "nine", .fetch = true },
	       "! lib 1: refused: the server sends more than the 14 bytes it should");
	unlink(in_top("nine/pool/lib_1.deb"));
	expect((struct question){ .mirror = "nine", .fetch = true }, "! lib 1: *");
	expect((struct question){ .mirror = "nine", .offline = true, .fetch = true },
	       "! offline, and 1 package is not in the store:\n  lib 1");
	write_file(in_top("nine/pool/lib_1.deb"), "bytes of lib 1", 14);
	expect((struct question){ .mirror = "nine", .fetch = true }, "app=1 base=1 lib=1 x=1");
}

static void a_sporadic_server_is_survived(void **state)
{
	struct server server;
	char url[128];

	(void)state;
	make_archive("ten", "bookworm", DATE, PLAIN);
	server_start(&server, in_top("ten"));
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/every2nd", server.port);
	expect((struct question){ .mirror = url, .fetch = true }, "app=1 base=1 lib=1 x=1");
	server_stop(&server);
}

static void the_order_in_a_recipe_asks_nothing(void **state)
{
	char a[DIGEST_HEX_SIZE], b[DIGEST_HEX_SIZE];

	(void)state;
	recipe.packages.n = 2;
	packages_wanted[1] = "other";
	resolve_request(&recipe, a);
	packages_wanted[0] = "other";
	packages_wanted[1] = "app";
	resolve_request(&recipe, b);
	assert_string_equal(a, b);
	packages_wanted[1] = "more";
	resolve_request(&recipe, b);
	assert_string_not_equal(a, b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_recipe_becomes_a_lock_and_files, fresh),
		cmocka_unit_test_setup(an_update_may_be_of_one_package_only, fresh),
		cmocka_unit_test_setup(a_changed_recipe_keeps_locked_versions, fresh),
		cmocka_unit_test_setup(a_lock_that_may_not_change_says_what_would, fresh),
		cmocka_unit_test_setup(unknown_and_virtual_packages_are_explained, fresh),
		cmocka_unit_test_setup(a_virtual_package_with_one_provider_is_that_one, fresh),
		cmocka_unit_test_setup(a_conflict_is_explained_by_libsolv, fresh),
		cmocka_unit_test_setup(only_what_is_signed_for_this_suite_counts, fresh),
		cmocka_unit_test_setup(an_expired_release_needs_permission, fresh),
		cmocka_unit_test_setup(a_package_with_other_bytes_is_refused, fresh),
		cmocka_unit_test_setup(a_sporadic_server_is_survived, fresh),
		cmocka_unit_test_setup(the_order_in_a_recipe_asks_nothing, fresh),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

/* The key directory: made once and whole, never changed, never readable by others. */
#include "builder/keys.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/path.h"
#include "verity/cms.h"

/* Five RSA keys take a second or two, so they are made once for all tests. */
static char top[] = "/tmp/kiln-keys.XXXXXX";
static char *dir;
static struct err err;

static int setup(void **state)
{
	struct keys *keys = NULL;
	bool created = false;

	(void)state;
	assert_non_null(mkdtemp(top));
	dir = str_printf("%s/deep/keys", top);
	if (keys_open(dir, true, &keys, &created, &err))
		fail_msg("%s", err.text);
	assert_true(created);
	keys_free(keys);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	free(dir);
	return path_remove_tree(top);
}

static struct keys *open_or_fail(void)
{
	struct keys *keys = NULL;
	bool created = true;

	if (keys_open(dir, true, &keys, &created, &err))
		fail_msg("%s", err.text);
	assert_false(created);
	return keys;
}

static mode_t mode_of(const char *name)
{
	_cleanup_free_ char *path = path_join(dir, name);
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void new_keys_are_private_whole_and_left_alone(void **state)
{
	static const char *const names[] = { "root", "image", "PK", "KEK", "db" };
	struct keys *first = open_or_fail(), *second = open_or_fail();

	(void)state;
	assert_true(first->development);
	assert_memory_equal(first->fingerprint, second->fingerprint, 32);
	assert_string_equal(first->image_key_pem, second->image_key_pem);
	assert_int_equal(mode_of("."), 0700);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char file[16];

		snprintf(file, sizeof(file), "%s.key", names[i]);
		assert_int_equal(mode_of(file), 0600);
	}
	keys_free(first);
	keys_free(second);
}

static void a_signature_verifies_under_the_pin_and_under_the_root(void **state)
{
	struct keys *keys = open_or_fail();
	_cleanup_free_ uint8_t *der = NULL, *again = NULL;
	uint8_t root[32] = { 1, 2, 3 };
	size_t len, again_len;
	char hex[65];

	(void)state;
	assert_int_equal(keys_sign_root(keys, root, &der, &len, &err), 0);
	assert_int_equal(keys_sign_root(keys, root, &again, &again_len, &err), 0);
	assert_int_equal(len, again_len);
	assert_memory_equal(der, again, len);
	digest_hex(root, 32, hex);
	assert_int_equal(cms_verify(der, len, hex, 64, keys->image_cert_pem,
				    strlen(keys->image_cert_pem), &err), 0);
	assert_int_equal(cms_verify(der, len, hex, 64, keys->root_cert_pem,
				    strlen(keys->root_cert_pem), &err), 0);
	keys_free(keys);
}

static void keys_that_others_can_read_are_refused(void **state)
{
	static const char *const names[] = { "image.key", "root.key", "db.key" };
	struct keys *keys = NULL;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *path = path_join(dir, names[i]);

		assert_int_equal(chmod(path, 0640), 0);
		assert_int_equal(keys_open(dir, true, &keys, NULL, &err), -EACCES);
		assert_non_null(strstr(err.text, names[i]));
		assert_non_null(strstr(err.text, "others can read (mode 0640)"));
		assert_null(keys);
		assert_int_equal(chmod(path, 0600), 0);
	}
}

static void an_offline_root_may_be_away_but_not_the_image_key(void **state)
{
	_cleanup_free_ char *root = path_join(dir, "root.key"), *image = path_join(dir, "image.key");
	_cleanup_free_ char *away = path_join(top, "away");
	struct keys *keys = NULL;

	(void)state;
	assert_int_equal(rename(root, away), 0);
	keys_free(open_or_fail());
	assert_int_equal(rename(away, root), 0);
	assert_int_equal(rename(image, away), 0);
	/* A directory that lacks something is not filled up with new keys. */
	assert_int_equal(keys_open(dir, true, &keys, NULL, &err), -ENOENT);
	assert_int_equal(symlink(away, image), 0);
	assert_int_equal(keys_open(dir, true, &keys, NULL, &err), -ELOOP);
	unlink(image);
	assert_int_equal(rename(away, image), 0);
}

static void missing_keys_are_only_made_when_asked_for(void **state)
{
	_cleanup_free_ char *none = path_join(top, "none");
	struct keys *keys = NULL;

	(void)state;
	assert_int_equal(keys_open(none, false, &keys, NULL, &err), -ENOENT);
	assert_non_null(strstr(err.text, "kiln keys init"));
	assert_int_equal(access(none, F_OK), -1);
}

static void the_directory_is_found_in_the_documented_order(void **state)
{
	_cleanup_free_ char *a = NULL, *b = NULL, *c = NULL, *d = NULL;

	(void)state;
	setenv("HOME", "/home/x", 1);
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("KILN_KEYS");
	a = keys_dir(NULL, &err);
	assert_string_equal(a, "/home/x/.config/kiln/keys");
	setenv("XDG_CONFIG_HOME", "/cfg", 1);
	b = keys_dir(NULL, &err);
	assert_string_equal(b, "/cfg/kiln/keys");
	setenv("KILN_KEYS", "/k", 1);
	c = keys_dir(NULL, &err);
	assert_string_equal(c, "/k");
	d = keys_dir("here", &err);
	assert_string_equal(d, "here");
	unsetenv("KILN_KEYS");
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("HOME");
	assert_null(keys_dir(NULL, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_keys_are_private_whole_and_left_alone),
		cmocka_unit_test(a_signature_verifies_under_the_pin_and_under_the_root),
		cmocka_unit_test(keys_that_others_can_read_are_refused),
		cmocka_unit_test(an_offline_root_may_be_away_but_not_the_image_key),
		cmocka_unit_test(missing_keys_are_only_made_when_asked_for),
		cmocka_unit_test(the_directory_is_found_in_the_documented_order),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

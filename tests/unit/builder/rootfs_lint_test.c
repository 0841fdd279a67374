/* Each thing that may not be in an image fails the lint by its name. */
#include "builder/rootfs/build.h"

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

#define KEY "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAAAAAAAAAAAAAAAAAAAAAAA\n"

static char dir[] = "/tmp/kiln-lint-XXXXXX";
static struct err err;
static char *update_url; /* of the recipe */

struct planted {
	const char *path, *content, *link;
	mode_t mode; /* 0: 0644 */
	const char *says; /* NULL: nothing to find */
	const char *by;
};

static void plant(const struct planted *p)
{
	_cleanup_free_ char *path = path_join(dir, p->path);
	char *slash = strrchr(path, '/');

	*slash = '\0';
	assert_int_equal(path_mkdirs(path), 0);
	*slash = '/';
	if (p->link) {
		assert_int_equal(symlink(p->link, path), 0);
	} else {
		write_text(dir, p->path, p->content ?: "");
		assert_int_equal(chmod(path, p->mode ? p->mode : 0644), 0);
	}
}

/* A tree with one package, a step called "script evil.sh", and what it planted. */
static int lint(const struct planted *p)
{
	char *allowed[] = { (char *)"/opt/allowed" };
	struct recipe recipe = { .allow_setuid = { allowed, 1 }, .update_url = update_url };
	struct rootfs_options o = { .recipe = &recipe };
	struct build b = { .o = &o, .root = dir, .tree = TREE_INIT };
	const struct planted list = { "var/lib/dpkg/info/own.list", "/usr/bin/su\n/usr/share/key\n",
				      NULL, 0, NULL, NULL };
	int r;

	path_remove_tree(dir);
	assert_int_equal(mkdir(dir, 0755), 0);
	origin_mark(&b.origin, "script evil.sh");
	plant(&list);
	plant(p);
	err_init(&err);
	assert_int_equal(tree_open(&b.tree, dir, &err), 0);
	r = build_lint(&b, &err);
	tree_close(&b.tree);
	origin_done(&b.origin);
	return r;
}

static void findings_name_file_reason_and_maker(void **state)
{
	static const struct planted cases[] = {
		{ "etc/ssh/ssh_host_rsa_key", "x", NULL, 0600, "ssh host key", "script evil.sh" },
		{ "etc/machine-id", "abc\n", NULL, 0, "machine id", "script evil.sh" },
		{ "var/lib/systemd/random-seed", "x", NULL, 0, "random seed", "script evil.sh" },
		{ "usr/sbin/policy-rc.d", "x", NULL, 0755, "starting", "script evil.sh" },
		{ "etc/app/tls.pem", "text\n" KEY, NULL, 0, "private key", "script evil.sh" },
		{ "opt/tool", "x", NULL, 04755, "setuid", "script evil.sh" },
		{ "opt/tool2", "x", NULL, 02755, "setgid", "script evil.sh" },
		{ "srv/open", "x", NULL, 0666, "anyone may write", "script evil.sh" },
		{ "etc/systemd/system/multi-user.target.wants/gone.service", NULL,
		  "/usr/lib/systemd/system/gone.service", 0, "not in the image", "script evil.sh" },
		{ "usr/bin/su", "x", NULL, 0777, "anyone may write", "package own" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(lint(&cases[i]), -EINVAL);
		assert_non_null(strstr(err.text, cases[i].path));
		assert_non_null(strstr(err.text, cases[i].says));
		assert_non_null(strstr(err.text, cases[i].by));
	}
}

static void updates_from_the_network_need_a_library(void **state)
{
	static const struct planted none = { .path = "usr/lib/x86_64-linux-gnu/libcurl.so" };
	static const struct planted there = { .path = "usr/lib/x86_64-linux-gnu/libcurl.so.4" };

	(void)state;
	assert_int_equal(lint(&none), 0);
	update_url = (char *)"https://h/f";
	assert_int_equal(lint(&none), -EINVAL);
	assert_non_null(strstr(err.text, "include fragments/update.yaml"));
	assert_int_equal(lint(&there), 0);
	update_url = NULL;
}

static void what_belongs_in_an_image_passes(void **state)
{
	static const struct planted cases[] = {
		{ "etc/machine-id", "", NULL, 0444, NULL, NULL },
		{ "usr/bin/su", "x", NULL, 04755, NULL, NULL },
		{ "usr/share/key", KEY, NULL, 0, NULL, NULL },
		{ "opt/allowed", "x", NULL, 04755, NULL, NULL },
		{ "etc/ssl/cert.pem", "-----BEGIN CERTIFICATE-----\n", NULL, 0, NULL, NULL },
		{ "etc/systemd/system/getty@tty1.service", NULL, "/dev/null", 0, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (lint(&cases[i]) != 0)
			fail_msg("%s: %s", cases[i].path, err.text);
}

static void the_building_machines_resolv_conf_is_noticed(void **state)
{
	struct planted p = { "etc/resolv.conf", NULL, NULL, 0, NULL, NULL };
	_cleanup_free_ char *text = NULL;
	size_t len = 0;

	(void)state;
	if (io_read_file("/etc/resolv.conf", 65536, &text, &len, NULL) < 0 || !len) {
		print_message("SKIP: this machine has no /etc/resolv.conf\n");
		skip();
	}
	p.content = text;
	assert_int_equal(lint(&p), -EINVAL);
	assert_non_null(strstr(err.text, "building machine"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(findings_name_file_reason_and_maker),
		cmocka_unit_test(updates_from_the_network_need_a_library),
		cmocka_unit_test(what_belongs_in_an_image_passes),
		cmocka_unit_test(the_building_machines_resolv_conf_is_noticed),
	};
	int r;

	umask(022);
	if (!mkdtemp(dir))
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	path_remove_tree(dir);
	return r;
}

/* Subordinate ids and the words for what is missing. */
#include "builder/rootfs/sandbox_ids.h"

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

static char dir[] = "/tmp/kiln-ids-XXXXXX";

static int read_ids(const char *text, uint32_t want, struct subid_map *ret)
{
	char path[64];

	write_text(dir, "subuid", text);
	snprintf(path, sizeof(path), "%s/subuid", dir);
	return subid_read(path, "ann", 1000, want, ret);
}

static void ranges_add_up_and_are_cut_to_what_is_wanted(void **state)
{
	struct subid_map m;

	(void)state;
	assert_int_equal(read_ids("bob:1:65536\nann:100000:65536\n", 65535, &m), 0);
	assert_int_equal(m.n, 1);
	assert_int_equal(m.range[0].first, 100000);
	assert_int_equal(m.range[0].count, 65535);
	assert_int_equal(read_ids("ann:100000:1000\n1000:300000:64535\n", 65535, &m), 0);
	assert_int_equal(m.n, 2);
	assert_int_equal(m.range[1].first, 300000);
}

static void too_little_or_nonsense_is_not_enough(void **state)
{
	static const char *const texts[] = {
		"", "ann:100000:65534\n", "annabel:100000:65536\n", "ann:x:65536\n",
		"ann:100000:\n", "ann:4294967295:65536\n", "ann:100000:99999999999\n", "ann\n",
		"#ann:100000:65536\n", "ann:-1:65536\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct subid_map m = { .n = 77 };

		assert_int_equal(read_ids(texts[i], 65535, &m), -ENOENT);
		assert_int_equal(m.n, 77);
	}
}

static void the_reason_names_the_switch_and_the_command(void **state)
{
	static const struct {
		const char *clone, *max, *apparmor, *says, *command;
	} cases[] = {
		{ "0", "100", "0", "unprivileged_userns_clone is 0",
		  "sudo sysctl kernel.unprivileged_userns_clone=1" },
		{ "1", "0", "0", "max_user_namespaces is 0",
		  "sudo sysctl user.max_user_namespaces=15000" },
		{ "1", "100", "1", "AppArmor",
		  "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0" },
		{ "1", "100", "0", "cannot make user namespaces", "Operation not permitted" },
	};
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "%s/kernel", dir);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/user", dir);
	mkdir(path, 0755);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err err;

		write_text(dir, "kernel/unprivileged_userns_clone", cases[i].clone);
		write_text(dir, "user/max_user_namespaces", cases[i].max);
		write_text(dir, "kernel/apparmor_restrict_unprivileged_userns", cases[i].apparmor);
		assert_int_equal(sandbox_explain(dir, -EPERM, &err), -EPERM);
		assert_non_null(strstr(err.text, cases[i].says));
		assert_non_null(strstr(err.text, cases[i].command));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_add_up_and_are_cut_to_what_is_wanted),
		cmocka_unit_test(too_little_or_nonsense_is_not_enough),
		cmocka_unit_test(the_reason_names_the_switch_and_the_command),
	};
	int r;

	if (!mkdtemp(dir))
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	path_remove_tree(dir);
	return r;
}

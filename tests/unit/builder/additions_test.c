/*
 * What kiln puts into every tree. Its own parts are stand-ins, in the folder where
 * data_path() looks for installed ones: ../lib/kiln from this program.
 */
#include "builder/additions.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/path.h"

#define UNITS "/usr/lib/systemd/system/"
#define PEM "-----BEGIN CERTIFICATE-----\n"

static char lib[4096];
static struct additions a;
static struct err err;

static void put(const char *name)
{
	_cleanup_free_ char *path = path_join(lib, name), *dir = strdup(path);

	*strrchr(dir, '/') = '\0';
	assert_int_equal(path_mkdirs(dir), 0);
	assert_int_equal(atomic_file_write(path, "x", 1, 0644, &err), 0);
}

static int setup(void **state)
{
	ssize_t n = readlink("/proc/self/exe", lib, sizeof(lib) - 32);

	(void)state;
	assert_true(n > 0);
	lib[n] = '\0';
	strcpy(strrchr(lib, '/'), "/../lib/kiln");
	put("slotctl");
	put("kiln-fetch");
	put("slotctl.bash");
	put("_slotctl");
	put("units/kiln-health.service");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	additions_done(&a);
	return path_remove_tree(lib);
}

static void make(const struct recipe *r)
{
	additions_done(&a);
	if (additions_make(r, PEM, &a, &err))
		fail_msg("%s", err.text);
}

static const struct rootfs_inject *find(const char *dest)
{
	for (size_t i = 0; i < a.n; i++)
		if (strcmp(a.item[i].dest, dest) == 0)
			return &a.item[i];
	return NULL;
}

static const char *content(const char *dest)
{
	const struct rootfs_inject *item = find(dest);

	if (!item || !item->content)
		fail_msg("%s is not there", dest);
	return item->content;
}

static struct recipe recipe(void)
{
	return (struct recipe){
		.name = (char *)"web", .version = (char *)"1.2", .architecture = (char *)"amd64",
		.root_slot_bytes = 512ull << 20, .health_tries = 3, .health_timeout_s = 120, .health_soak_s = 10,
		.health_settle_s = 300, .state_reads = 2, .state_version = 3, .update_check_s = 86400,
		.update_jitter_s = 3600, .update_reboot = (char *)"never",
	};
}

static void times_reach_the_checks_and_the_units(void **state)
{
	struct recipe r = recipe();

	(void)state;
	make(&r);
	/* 60 s and one for each 4 MiB of the slot: 188. */
	assert_string_equal(content("/usr/lib/kiln/health.conf"),
			    "TIMEOUT_S=120\nSOAK_S=10\nSCRUB_S=188\nSETTLE_S=300\n");
	/* All of it, and a minute: only a program that hangs takes longer. */
	assert_string_equal(content(UNITS "kiln-health.service.d/10-recipe.conf"),
			    "[Service]\nTimeoutStartSec=378s\n");
	assert_string_equal(content(UNITS "kiln-settle.timer.d/10-recipe.conf"),
			    "[Timer]\nOnBootSec=\nOnBootSec=300s\n");
	/* The largest slot there may be: the program's own limit, which it would refuse to pass. */
	r.root_slot_bytes = 1ull << 40;
	make(&r);
	assert_non_null(strstr(content("/usr/lib/kiln/health.conf"), "\nSCRUB_S=86400\n"));
}

static void every_way_a_boot_may_go_is_judged(void **state)
{
	static const char *const wants[][2] = {
		{ "multi-user.target", "kiln-health.service" },	  { "rescue.target", "kiln-health.service" },
		{ "emergency.target", "kiln-health.service" },	  { "multi-user.target", "kiln-booted.service" },
		{ "multi-user.target", "kiln-shutdown.service" }, { "timers.target", "kiln-settle.timer" },
	};
	struct recipe r = recipe();

	(void)state;
	make(&r);
	for (size_t i = 0; i < ARRAY_SIZE(wants); i++) {
		_cleanup_free_ char *dest = str_printf(UNITS "%s.wants/%s", wants[i][0], wants[i][1]);
		_cleanup_free_ char *target = str_printf("../%s", wants[i][1]);

		assert_non_null(find(dest));
		assert_string_equal(find(dest)->link, target);
	}
}

static void a_boot_that_settles_at_once_needs_no_timer(void **state)
{
	struct recipe r = recipe();

	(void)state;
	r.health_settle_s = 0;
	make(&r);
	assert_null(find(UNITS "timers.target.wants/kiln-settle.timer"));
	assert_non_null(strstr(content("/usr/lib/kiln/health.conf"), "\nSETTLE_S=0\n"));
}

static void checks_come_along(void **state)
{
	struct recipe_check checks[] = { { .unit = (char *)"a.service" }, { .port = 80 },
					 { .run = (char *)"/host/files/probe.sh" } };
	struct recipe r = recipe();

	(void)state;
	r.checks = checks;
	r.n_checks = ARRAY_SIZE(checks);
	make(&r);
	assert_non_null(strstr(content("/usr/lib/kiln/health.conf"),
			       "\nUNIT=a.service\nPORT=80\nRUN=/usr/lib/kiln/checks/02-probe.sh\n"));
	assert_string_equal(find("/usr/lib/kiln/checks/02-probe.sh")->source, "/host/files/probe.sh");
	assert_int_equal(find("/usr/lib/kiln/checks/02-probe.sh")->mode, 0755);
}

static void every_image_knows_what_it_takes(void **state)
{
	struct recipe r = recipe();

	(void)state;
	make(&r);
	assert_string_equal(content("/usr/lib/kiln/update.conf"),
			    "NAME=web\nARCH=amd64\nVERSION=1.2\nSTATE=2-3\nREBOOT=never\nLIMIT_RATE=0\n");
	assert_string_equal(content("/usr/lib/kiln/trusted.pem"), PEM);
	assert_int_equal(find("/usr/lib/kiln/kiln-fetch")->mode, 0755);
	/* Nothing looks for updates where nobody said which. */
	assert_null(find(UNITS "timers.target.wants/kiln-update.timer"));
}

static void an_address_makes_machines_look_there(void **state)
{
	struct recipe r = recipe();

	(void)state;
	r.update_url = (char *)"https://h/web.kiln";
	r.update_check_s = 7200;
	r.update_jitter_s = 60;
	r.update_limit_bytes = 1 << 20;
	r.update_reboot = (char *)"03:30";
	r.update_proxy = (char *)"http://p:3128";
	r.update_cacert = (char *)"/etc/ca.pem";
	r.update_cert = (char *)"/var/lib/c.pem";
	r.update_key = (char *)"/var/lib/k.pem";
	make(&r);
	assert_string_equal(content("/usr/lib/kiln/update.conf"),
			    "NAME=web\nARCH=amd64\nVERSION=1.2\nSTATE=2-3\nURL=https://h/web.kiln\nREBOOT=03:30\n"
			    "LIMIT_RATE=1048576\nPROXY=http://p:3128\nCACERT=/etc/ca.pem\nCERT=/var/lib/c.pem\n"
			    "KEY=/var/lib/k.pem\n");
	assert_string_equal(find(UNITS "timers.target.wants/kiln-update.timer")->link, "../kiln-update.timer");
	assert_string_equal(content(UNITS "kiln-update.timer.d/10-recipe.conf"),
			    "[Timer]\nOnUnitInactiveSec=\nOnUnitInactiveSec=7200s\nOnBootSec=\nOnBootSec=600s\n"
			    "RandomizedDelaySec=60s\n");
}

static void a_part_that_is_missing_is_named(void **state)
{
	struct recipe r = recipe();
	_cleanup_free_ char *path = path_join(lib, "slotctl.bash");

	(void)state;
	additions_done(&a);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(additions_make(&r, PEM, &a, &err), -ENOENT);
	assert_non_null(strstr(err.text, "slotctl.bash is missing: looked for "));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(times_reach_the_checks_and_the_units),
		T(every_way_a_boot_may_go_is_judged),
		T(a_boot_that_settles_at_once_needs_no_timer),
		T(checks_come_along),
		T(every_image_knows_what_it_takes),
		T(an_address_makes_machines_look_there),
		T(a_part_that_is_missing_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

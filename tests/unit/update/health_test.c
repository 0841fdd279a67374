/*
 * The health verdict against a stand-in for systemctl: a script on PATH that
 * answers from files, as systemd would.
 */
#include "update/health.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "update/run.h"

static char dir[] = "/tmp/kiln-health.XXXXXX";
static struct health_conf conf;
static struct err err;
static struct health_pace pace;

static void put(const char *name, const char *text, mode_t mode)
{
	_cleanup_free_ char *path = path_join(dir, name);

	assert_int_equal(atomic_file_write(path, text, strlen(text), mode, &err), 0);
}

#define ACTIVE "LoadState=loaded\nActiveState=active\nSubState=running\nResult=success\n"
static const char active[] = ACTIVE "InvocationID=1\nNRestarts=0\n";
static const char waiting[] = "LoadState=loaded\nActiveState=inactive\nJob=7\n";

/*
 * A stand-in for systemctl: `show ... -- UNIT...` prints the files UNIT, `list-units` the file
 * broken, `status` and `list-jobs` say that they were asked. Each call is a line in calls;
 * what stands in the file "before" runs before the answer.
 */
static const char systemctl[] =
	"#!/bin/sh\ncd \"${0%/*}\" || exit 1\necho \"$1\" >>calls\n[ ! -e before ] || . ./before\n"
	"case $1 in\nlist-units) cat broken ;;\nshow) while [ \"$1\" != -- ]; do shift; done\nshift\n"
	"for u; do cat \"$u\" 2>/dev/null ||\n"
	"printf 'LoadState=not-found\\nActiveState=inactive\\n'\necho\ndone ;;\n*) echo \"asked: $*\" ;;\nesac\n";

static int setup(void **state)
{
	_cleanup_free_ char *path = NULL;

	(void)state;
	strcpy(dir, "/tmp/kiln-health.XXXXXX");
	assert_non_null(mkdtemp(dir));
	put("systemctl", systemctl, 0755);
	put("journalctl", "#!/bin/sh\necho \"journal of $6\"\n", 0755);
	put("broken", "", 0644);
	put("multi-user.target", active, 0644);
	pace = (struct health_pace){ .timeout_ms = 300, .soak_ms = 60, .pause_ms = 20,
				     .soak_pause_ms = 20, .boot_pause_ms = 100 };
	path = str_printf("%s:/usr/bin:/bin", dir);
	setenv("PATH", path, 1);
	memset(&conf, 0, sizeof(conf));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return path_remove_tree(dir);
}

static void parse(const char *text)
{
	if (health_conf_parse(text, strlen(text), &conf, &err))
		fail_msg("%s", err.text);
}

/* On a busy machine what succeeds, or fails for good, may take long; only a timeout must be short. */
static void expect(int want, const char *why)
{
	_cleanup_buf_ struct buf details = BUF_INIT;
	struct health_pace patient = pace;
	int r;

	if (want != HEALTH_TIMEOUT)
		patient.timeout_ms = 60000;
	r = health_wait(&conf, &patient, &details, &err);

	if (r != want || (why && !strstr(err.text, why)))
		fail_msg("%d '%s', not %d '%s'", r, err.text, want, why ? why : "");
}

static void expect_calls(const char *want)
{
	_cleanup_free_ char *path = path_join(dir, "calls"), *text = NULL;

	assert_int_equal(io_read_file(path, 65536, &text, NULL, &err), 0);
	assert_string_equal(text, want);
}

static void without_checks_no_failed_unit_is_healthy(void **state)
{
	(void)state;
	expect(0, NULL);
	put("broken", "nginx.service loaded failed failed A web server\n", 0644);
	put("nginx.service", "ActiveState=failed\nResult=core-dump\n", 0644);
	expect(HEALTH_FAILED, "unit nginx.service failed (core-dump)");
	put("nginx.service", "ActiveState=activating\nSubState=auto-restart\nNRestarts=4\n", 0644);
	expect(HEALTH_TIMEOUT, "unit nginx.service is auto-restart (4 automatic restarts) after 0.3 s");
}

static void targets_are_waited_for(void **state)
{
	(void)state;
	put("multi-user.target", waiting, 0644);
	expect(HEALTH_TIMEOUT, "multi-user.target is not reached after 0.3 s");
	put("multi-user.target", active, 0644);
	put("boot-complete.target", waiting, 0644);
	expect(HEALTH_TIMEOUT, "boot-complete.target is not reached");
	put("boot-complete.target", active, 0644);
	expect(0, NULL);
}

/* Emergency mode, or a required unit that failed: waiting is pointless. */
static void a_target_nothing_works_on_is_given_up_at_once(void **state)
{
	(void)state;
	put("multi-user.target", "LoadState=loaded\nActiveState=inactive\n", 0644);
	expect(HEALTH_FAILED, "multi-user.target cannot be reached: something it requires failed");
	put("multi-user.target", active, 0644);
	put("boot-complete.target", "LoadState=loaded\nActiveState=inactive\n", 0644);
	expect(HEALTH_FAILED, "boot-complete.target cannot be reached");
}

static void units_are_judged_by_their_state(void **state)
{
	static const struct {
		const char *show;
		int want;
		const char *why;
	} cases[] = {
		{ active, 0, NULL },
		{ "LoadState=loaded\nActiveState=failed\nResult=exit-code\n", HEALTH_FAILED,
		  "unit w.service failed (exit-code)" },
		{ "LoadState=loaded\nActiveState=activating\nSubState=auto-restart\nResult=exit-code\n",
		  HEALTH_TIMEOUT, "unit w.service is activating (auto-restart)" },
		{ "LoadState=loaded\nActiveState=inactive\nSubState=dead\nResult=success\n"
		  "ExecMainStartTimestampMonotonic=0\n", HEALTH_TIMEOUT, "unit w.service is inactive (dead)" },
		{ "LoadState=loaded\nActiveState=inactive\nSubState=dead\nResult=success\n"
		  "ExecMainStartTimestampMonotonic=77\n", 0, NULL },
		{ "LoadState=masked\nActiveState=inactive\n", HEALTH_FAILED, "unit w.service is masked" },
		{ "LoadState=not-found\nActiveState=inactive\n", HEALTH_FAILED, "is not-found" },
	};

	(void)state;
	parse("UNIT=w.service\n");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		put("w.service", cases[i].show, 0644);
		expect(cases[i].want, cases[i].why);
	}
}

static void a_service_that_dies_during_the_soak_is_not_confirmed(void **state)
{
	(void)state;
	put("w.service", active, 0644);
	put("before", "[ $(wc -l <calls) -lt 2 ] || printf 'ActiveState=failed\\nResult=signal\\n' >w.service\n",
	    0644);
	parse("UNIT=w.service\n");
	expect(HEALTH_FAILED, "unit w.service failed (signal)");
}

/* Up at every look, but not the same run: by systemd's count, or by the run's id alone. */
static void a_restart_begins_the_soak_anew(void **state)
{
	static const char *const runs[] = {
		"printf '" ACTIVE "InvocationID=1\nNRestarts=%s\n' $n >w.service\n",
		"printf '" ACTIVE "InvocationID=%s\nNRestarts=0\n' $n >w.service\n",
	};

	(void)state;
	parse("UNIT=w.service\n");
	for (size_t i = 0; i < ARRAY_SIZE(runs); i++) {
		_cleanup_free_ char *always = str_printf("n=$(wc -l <calls)\n%s", runs[i]);
		_cleanup_free_ char *once = str_printf("n=$(wc -l <calls)\n[ $n -lt 4 ] || n=4\n%s", runs[i]);

		put("calls", "", 0644);
		put("before", always, 0644);
		expect(HEALTH_TIMEOUT, "unit w.service was started again");
		put("calls", "", 0644);
		put("before", once, 0644);
		expect(0, NULL);
	}
}

static void the_soak_lasts_as_long_as_told(void **state)
{
	_cleanup_buf_ struct buf details = BUF_INIT;
	int64_t start;

	(void)state;
	pace.soak_ms = 400;
	pace.timeout_ms = 0; /* for coming up; the soak may go beyond */
	start = run_now_ms();
	assert_int_equal(health_wait(&conf, &pace, &details, &err), 0);
	assert_in_range(run_now_ms() - start, 400, 60000);
	pace.soak_ms = 0;
	put("calls", "", 0644);
	expect(0, NULL);
	expect_calls("show\nlist-units\n");
}

/* While the boot goes on systemd is left alone; when it is through, there is a look at once. */
static void looks_wait_for_the_boot(void **state)
{
	_cleanup_free_ char *booted = path_join(dir, "booted");

	(void)state;
	pace.booted = booted;
	pace.boot_pause_ms = 5000;
	put("multi-user.target", waiting, 0644);
	expect(HEALTH_TIMEOUT, "multi-user.target is not reached");
	expect_calls("show\nlist-jobs\nlist-units\n"); /* one look, at the deadline */
	put("booted", "", 0644);
	put("multi-user.target", active, 0644);
	expect(0, NULL);
}

static void one_question_is_enough_for_all_units(void **state)
{
	(void)state;
	pace.soak_ms = 0;
	put("a.service", active, 0644);
	put("b.service", active, 0644);
	parse("UNIT=a.service\nUNIT=b.service\n");
	expect(0, NULL);
	expect_calls("show\n");
}

/* a.service would be waited for, but b.service decides. */
static void what_failed_for_good_is_not_waited_for(void **state)
{
	(void)state;
	put("a.service", "LoadState=loaded\nActiveState=activating\nSubState=start\nJob=3\n", 0644);
	put("b.service", "LoadState=loaded\nActiveState=failed\nResult=exit-code\n", 0644);
	parse("UNIT=a.service\nUNIT=b.service\n");
	expect(HEALTH_FAILED, "unit b.service failed (exit-code)");
}

static void a_failure_comes_with_status_and_log(void **state)
{
	_cleanup_buf_ struct buf details = BUF_INIT;

	(void)state;
	put("w.service", "LoadState=loaded\nActiveState=failed\nResult=signal\n", 0644);
	put("broken", "other.service loaded failed failed Another\nw.service loaded failed failed W\n", 0644);
	parse("UNIT=w.service\n");
	assert_int_equal(health_wait(&conf, &pace, &details, &err), HEALTH_FAILED);
	assert_non_null(strstr(details.data, "asked: status --no-pager --full --lines=0 -- other.service\n"));
	/* The blamed one comes last, and once. */
	assert_string_equal(strstr(details.data, "$ systemctl status --no-pager --full --lines=0 -- w.service"),
			    "$ systemctl status --no-pager --full --lines=0 -- w.service\n"
			    "asked: status --no-pager --full --lines=0 -- w.service\n"
			    "$ journalctl --no-pager --boot --output=short-monotonic --lines=40 --unit w.service\n"
			    "journal of w.service\n");
}

static void programs_are_asked_until_the_deadline(void **state)
{
	_cleanup_free_ char *path = path_join(dir, "probe"), *line = str_printf("RUN=%s\n", path);
	_cleanup_buf_ struct buf details = BUF_INIT;

	(void)state;
	parse(line);
	put("probe", "#!/bin/sh\nexit 0\n", 0755);
	expect(0, NULL);
	put("probe", "#!/bin/sh\ncd \"${0%/*}\"\n[ -e warm ] || { touch warm; exit 1; }\n", 0755);
	expect(0, NULL); /* no at first, then yes */
	put("probe", "#!/bin/sh\necho no database\nexit 3\n", 0755);
	assert_int_equal(health_wait(&conf, &pace, &details, &err), HEALTH_TIMEOUT);
	assert_non_null(strstr(err.text, "exits with 3"));
	assert_non_null(strstr(details.data, "no database"));
	put("probe", "#!/bin/sh\nsleep 60 & sleep 60\n", 0755);
	expect(HEALTH_TIMEOUT, "does not end");
	put("probe", "#!/bin/sh\nsleep 5 &\nexit 0\n", 0755);
	expect(0, NULL); /* what it leaves behind is not waited for */
}

static void ports_accept_or_not(void **state)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char line[32];

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	snprintf(line, sizeof(line), "PORT=%u\n", ntohs(addr.sin_port));
	parse(line);
	expect(HEALTH_TIMEOUT, "does not accept connections");
	assert_int_equal(listen(fd, 64), 0);
	expect(0, NULL);
}

static void a_silent_or_missing_systemctl_is_no_health(void **state)
{
	(void)state;
	put("systemctl", "#!/bin/sh\nexit 1\n", 0755);
	expect(HEALTH_TIMEOUT, "systemd does not answer");
	setenv("PATH", "/nonexistent", 1);
	expect(HEALTH_FAILED, "systemctl cannot be run");
}

static void wrong_configurations_are_refused_with_their_line(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "UNITS=x\n", "line 1: unknown key 'UNITS'" },
		{ "TIMEOUT_S=5\nUNIT\n", "line 2: not KEY=VALUE" },
		{ "UNIT=\n", "line 1: not KEY=VALUE" },
		{ "UNIT=--help\n", "wants a unit's name" },
		{ "RUN=probe\n", "absolute path" },
		{ "PORT=0\n", "1 to 65535" },
		{ "PORT=65536\n", "1 to 65535" },
		{ "PORT=80x\n", "1 to 65535" },
		{ "TIMEOUT_S=0\n", "TIMEOUT_S" },
		{ "TIMEOUT_S=99999999999999999999\n", "TIMEOUT_S" },
		{ "SOAK_S=-1\n", "line 1: SOAK_S wants 0 to 86400" },
		{ "SETTLE_S=86401\n", "line 1: SETTLE_S wants 0 to 86400" },
		{ "SCRUB_S=0\n", "line 1: SCRUB_S wants 1 to 86400" },
		{ "SOAK_S\n", "not KEY=VALUE" },
	};

	(void)state;
	conf.timeout_s = 77;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(health_conf_parse(cases[i].text, strlen(cases[i].text), &conf, &err),
				 -EINVAL);
		if (!strstr(err.text, cases[i].why))
			fail_msg("'%s' does not say '%s'", err.text, cases[i].why);
	}
	assert_int_equal(conf.timeout_s, 77);
	assert_int_equal(health_conf_parse("UNIT=a\0b", 8, &conf, &err), -EINVAL);
	assert_int_equal(health_conf_parse("# c\n\nTIMEOUT_S=5\nUNIT=a\nPORT=80", 31, &conf, &err), 0);
	assert_int_equal(conf.timeout_s, 5);
	assert_int_equal(conf.n_checks, 2);
	assert_int_equal(conf.check[1].port, 80);
	assert_int_equal(health_conf_read("/nonexistent/health.conf", &conf, &err), 0);
	assert_int_equal(conf.timeout_s, HEALTH_TIMEOUT_DEFAULT_S);
	assert_int_equal(conf.soak_s, HEALTH_SOAK_DEFAULT_S);
	assert_int_equal(conf.scrub_s, HEALTH_SCRUB_DEFAULT_S);
	assert_int_equal(conf.settle_s, HEALTH_SETTLE_DEFAULT_S);
	assert_int_equal(conf.n_checks, 0);
	parse("SOAK_S=0\nSETTLE_S=0\nSCRUB_S=7\n");
	assert_int_equal(conf.soak_s, 0);
	assert_int_equal(conf.settle_s, 0);
	assert_int_equal(conf.scrub_s, 7);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(without_checks_no_failed_unit_is_healthy),
		T(targets_are_waited_for),
		T(units_are_judged_by_their_state),
		T(a_target_nothing_works_on_is_given_up_at_once),
		T(a_service_that_dies_during_the_soak_is_not_confirmed),
		T(a_restart_begins_the_soak_anew),
		T(the_soak_lasts_as_long_as_told),
		T(looks_wait_for_the_boot),
		T(one_question_is_enough_for_all_units),
		T(what_failed_for_good_is_not_waited_for),
		T(a_failure_comes_with_status_and_log),
		T(programs_are_asked_until_the_deadline),
		T(ports_accept_or_not),
		T(a_silent_or_missing_systemctl_is_no_health),
		T(wrong_configurations_are_refused_with_their_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

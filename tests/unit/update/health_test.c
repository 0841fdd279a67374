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
#include "lib/base/path.h"
#include "update/run.h"

static char dir[] = "/tmp/kiln-health.XXXXXX";
static struct health_conf conf;
static struct err err;
static const struct health_pace pace = { .timeout_ms = 300, .settle_ms = 60, .pause_ms = 20 };

static void put(const char *name, const char *text, mode_t mode)
{
	_cleanup_free_ char *path = path_join(dir, name);

	assert_int_equal(atomic_file_write(path, text, strlen(text), mode, &err), 0);
}

static const char active[] = "LoadState=loaded\nActiveState=active\nSubState=running\nResult=success\n";

static int setup(void **state)
{
	_cleanup_free_ char *path = NULL, *script = NULL;

	(void)state;
	strcpy(dir, "/tmp/kiln-health.XXXXXX");
	assert_non_null(mkdtemp(dir));
	/* `show ... -- UNIT` prints the file UNIT, `list-units` the file failed. */
	script = str_printf("#!/bin/sh\ncd %s\ncase $1 in\nlist-units) cat failed ;;\n"
			    "show) shift $(($# - 1)); cat \"$1\" 2>/dev/null ||\n"
			    "printf 'LoadState=not-found\\nActiveState=inactive\\n' ;;\nesac\n", dir);
	put("systemctl", script, 0755);
	put("failed", "", 0644);
	put("multi-user.target", active, 0644);
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

static void expect(int want, const char *why)
{
	_cleanup_buf_ struct buf details = BUF_INIT;
	int r = health_wait(&conf, &pace, &details, &err);

	if (r != want || (why && !strstr(err.text, why)))
		fail_msg("%d '%s', not %d '%s'", r, err.text, want, why ? why : "");
}

static void without_checks_no_failed_unit_is_healthy(void **state)
{
	(void)state;
	expect(0, NULL);
	put("failed", "nginx.service loaded failed failed A web server\n", 0644);
	expect(HEALTH_FAILED, "unit nginx.service failed");
}

static void targets_are_waited_for(void **state)
{
	(void)state;
	put("multi-user.target", "LoadState=loaded\nActiveState=inactive\n", 0644);
	expect(HEALTH_TIMEOUT, "multi-user.target is not reached after 0.3 s");
	put("multi-user.target", active, 0644);
	put("boot-complete.target", "LoadState=loaded\nActiveState=inactive\n", 0644);
	expect(HEALTH_TIMEOUT, "boot-complete.target is not reached");
	put("boot-complete.target", active, 0644);
	expect(0, NULL);
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

static void a_service_that_dies_soon_is_not_confirmed(void **state)
{
	_cleanup_free_ char *script = NULL;

	(void)state;
	/* Active at the first look, failed at the second. */
	script = str_printf("#!/bin/sh\ncd %s\nfor u; do :; done\n[ $u = w.service ] && [ -e seen ] &&\n"
			    "{ printf 'LoadState=loaded\\nActiveState=failed\\nResult=signal\\n'; exit; }\n"
			    "[ $u = w.service ] && touch seen\ncat multi-user.target\n", dir);
	put("systemctl", script, 0755);
	parse("UNIT=w.service\n");
	expect(HEALTH_FAILED, "unit w.service failed (signal)");
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
	assert_int_equal(conf.n_checks, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(without_checks_no_failed_unit_is_healthy),
		T(targets_are_waited_for),
		T(units_are_judged_by_their_state),
		T(a_service_that_dies_soon_is_not_confirmed),
		T(programs_are_asked_until_the_deadline),
		T(ports_accept_or_not),
		T(a_silent_or_missing_systemctl_is_no_health),
		T(wrong_configurations_are_refused_with_their_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

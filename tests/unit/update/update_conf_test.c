/* update.conf: what is policy, and that everything else is refused with its line. */
#include "update/update_conf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"

#define HEAD "NAME=web\nARCH=amd64\nVERSION=1.2\nSTATE=3-5\n"

static struct update_conf conf;
static struct err err;

static int parse(const char *text)
{
	err_init(&err);
	return update_conf_parse(text, strlen(text), &conf, &err);
}

static void what_must_be_there_is_enough(void **state)
{
	(void)state;
	memset(&conf, 0x55, sizeof(conf));
	assert_int_equal(parse("# policy\n\n" HEAD), 0);
	assert_string_equal(conf.name, "web");
	assert_string_equal(conf.arch, "amd64");
	assert_string_equal(conf.version, "1.2");
	assert_true(conf.state_min == 3 && conf.state_max == 5);
	assert_true(!*conf.url && !*conf.proxy && !*conf.cacert && !*conf.cert && !*conf.key);
	assert_true(conf.limit_bytes_per_s == 0 && conf.reboot == UPDATE_REBOOT_NEVER);
}

static void all_of_it(void **state)
{
	(void)state;
	assert_int_equal(parse("KEY=/k 1\nCERT=/c\nCACERT=/a\nPROXY=socks5h://p:1\nLIMIT_RATE=1048576\nREBOOT=23:59\n"
			       "URL=https://h/f?a=b\nSTATE=0-2147483647\nVERSION=1~rc1\nARCH=arm64\nNAME=w"), 0);
	assert_string_equal(conf.url, "https://h/f?a=b");
	assert_string_equal(conf.proxy, "socks5h://p:1");
	assert_string_equal(conf.cacert, "/a");
	assert_string_equal(conf.cert, "/c");
	assert_string_equal(conf.key, "/k 1");
	assert_true(conf.limit_bytes_per_s == 1048576);
	assert_true(conf.reboot == UPDATE_REBOOT_AT && conf.reboot_minute == 1439);
	assert_true(conf.state_min == 0 && conf.state_max == 2147483647);
	assert_int_equal(parse(HEAD "REBOOT=now\n"), 0);
	assert_true(conf.reboot == UPDATE_REBOOT_NOW);
}

static void the_rest_is_refused(void **state)
{
	static const struct {
		const char *text, *said;
	} cases[] = {
		{ "", "NAME is not there" },
		{ "NAME=web\nARCH=amd64\nVERSION=1\n", "STATE is not there" },
		{ HEAD "NAME=web\n", "line 5: NAME is there twice" },
		{ HEAD "name=web\n", "line 5: unknown key 'name'" },
		{ HEAD " URL=http://h\n", "line 5: unknown key ' URL'" },
		{ HEAD "URL\n", "line 5: not KEY=VALUE" },
		{ HEAD "URL=\n", "line 5: not KEY=VALUE" },
		{ HEAD "URL=file:///etc/passwd\n", "line 5: URL: not an address" },
		{ HEAD "URL=socks5h://h\n", "line 5: URL: not an address of http or https" },
		{ HEAD "URL=http://h/a b\n", "line 5: URL: there is a special character in it" },
		{ HEAD "URL=http://h/\r\n", "line 5: URL: there is a special character in it" },
		{ HEAD "URL=http://\n", "line 5: URL: not an address" },
		{ HEAD "PROXY=ftp://h\n", "line 5: PROXY: not an address" },
		{ HEAD "REBOOT=24:00\n", "line 5: REBOOT: there is no such time of day" },
		{ HEAD "REBOOT=1:30\n", "line 5: REBOOT: neither never nor now nor HH:MM" },
		{ HEAD "REBOOT=12:3x\n", "line 5: REBOOT: neither never nor now nor HH:MM" },
		{ HEAD "REBOOT=12:300\n", "line 5: REBOOT: neither never nor now nor HH:MM" },
		{ HEAD "LIMIT_RATE=1M\n", "line 5: LIMIT_RATE: not a number of bytes per second" },
		{ HEAD "LIMIT_RATE=1099511627777\n", "line 5: LIMIT_RATE: not a number of bytes per second" },
		{ HEAD "CERT=c.pem\n", "line 5: CERT: not an absolute path" },
		{ HEAD "CERT=/c\x01\n", "line 5: CERT: there is a control character in it" },
		{ HEAD "KEY=/k\n", "KEY is there without CERT" },
		{ "NAME=../x\n", "line 1: NAME: not a name or version" },
		{ "VERSION=1 2\n", "line 1: VERSION: not a name or version" },
		{ "STATE=5\n", "line 1: STATE: not two numbers MIN-MAX" },
		{ "STATE=5-3\n", "line 1: STATE: not two numbers MIN-MAX" },
		{ "STATE=-3\n", "line 1: STATE: not two numbers MIN-MAX" },
		{ "STATE=1-2-3\n", "line 1: STATE: not two numbers MIN-MAX" },
		{ "STATE=1-2147483648\n", "line 1: STATE: not two numbers MIN-MAX" },
	};

	(void)state;
	memset(&conf, 0x55, sizeof(conf));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(parse(cases[i].text), -EINVAL);
		assert_string_equal(err.text, cases[i].said);
		assert_int_equal(conf.state_max, 0x55555555);
	}
	assert_int_equal(update_conf_parse(HEAD "\0", sizeof(HEAD), &conf, &err), -EINVAL);
	assert_int_equal(update_conf_read("/nonexistent/update.conf", &conf, &err), -ENOENT);
}

static void lengths_end_where_they_say(void **state)
{
	static char text[4096];
	size_t n = strlen(HEAD "CERT=/");

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, HEAD "CERT=/", n);
	assert_int_equal(update_conf_parse(text, n + UPDATE_PATH_MAX - 1, &conf, &err), 0);
	assert_int_equal(strlen(conf.cert), UPDATE_PATH_MAX);
	assert_int_equal(update_conf_parse(text, n + UPDATE_PATH_MAX, &conf, &err), -EINVAL);
	n = strlen(HEAD "URL=http://");
	memcpy(text, HEAD "URL=http://", n);
	assert_int_equal(update_conf_parse(text, n + UPDATE_URL_MAX - 7, &conf, &err), 0);
	assert_int_equal(strlen(conf.url), UPDATE_URL_MAX);
	assert_int_equal(update_conf_parse(text, n + UPDATE_URL_MAX - 6, &conf, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_must_be_there_is_enough),
		cmocka_unit_test(all_of_it),
		cmocka_unit_test(the_rest_is_refused),
		cmocka_unit_test(lengths_end_where_they_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

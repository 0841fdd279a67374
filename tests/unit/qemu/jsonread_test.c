/* The bounded JSON reader, and QMP over a socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/err.h"
#include "qemu/jsonread.h"
#include "qemu/qmp.h"

static struct jsonread doc;
static struct err err;

static int parse(const char *text)
{
	return jsonread_parse(&doc, text, strlen(text));
}

static void members_are_found_past_nested_values(void **state)
{
	const struct jsonread_node *node;
	char text[32];

	(void)state;
	assert_int_equal(
		parse(" {\"a\": {\"b\": [1, {\"b\": 2}]}, \"b\": \"x\\ny\\u0041\\u00e9\", "
		      "\"c\": -1.5e+3, \"d\": null}\n"),
		0);
	assert_int_equal(jsonread_string(jsonread_get(&doc, 0, "b"), text, sizeof(text)), 5);
	assert_string_equal(text, "x\nyA?");
	node = jsonread_get(&doc, 0, "a");
	assert_int_equal(node->kind, JR_OBJECT);
	assert_int_equal(jsonread_get(&doc, jsonread_index(&doc, node), "b")->kind, JR_ARRAY);
	assert_int_equal(jsonread_get(&doc, 0, "c")->kind, JR_NUMBER);
	assert_int_equal(jsonread_get(&doc, 0, "d")->kind, JR_NULL);
	assert_null(jsonread_get(&doc, 0, "e"));
	assert_null(jsonread_get(&doc, 1000, "b"));
	assert_int_equal(jsonread_string(jsonread_get(&doc, 0, "b"), text, 3), -ENOSPC);
	assert_int_equal(jsonread_string(NULL, text, 3), -EINVAL);
}

static void what_is_not_json_is_refused(void **state)
{
	static const char *const rows[] = {
		"",    "{",	"}",	 "[1,]",     "{\"a\"}", "{\"a\":}",    "{a:1}",
		"01x", "-",	"1.",	 "1e",	     "\"\\x\"", "\"\\u12g4\"", "\"a",
		"tru", "[1 2]", "{} {}", "\"\x01\"", "\"\\",	"{\"a\":1,}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(parse(rows[i]), -EINVAL);
}

static void bounds_hold(void **state)
{
	char deep[2 * JSONREAD_DEPTH_MAX + 3], many[2 * JSONREAD_NODES_MAX + 4] = "[0";

	(void)state;
	memset(deep, '[', JSONREAD_DEPTH_MAX);
	memset(deep + JSONREAD_DEPTH_MAX, ']', JSONREAD_DEPTH_MAX);
	deep[2 * JSONREAD_DEPTH_MAX] = '\0';
	assert_int_equal(parse(deep), 0);
	memset(deep, '[', JSONREAD_DEPTH_MAX + 1);
	memset(deep + JSONREAD_DEPTH_MAX + 1, ']', JSONREAD_DEPTH_MAX + 1);
	deep[2 * JSONREAD_DEPTH_MAX + 2] = '\0';
	assert_int_equal(parse(deep), -E2BIG);
	for (unsigned i = 1; i < JSONREAD_NODES_MAX; i++)
		strcat(many, ",0");
	strcat(many, "]");
	assert_int_equal(parse(many), -E2BIG);
}

static unsigned events;

static void on_event(void *arg, const char *name)
{
	(void)arg;
	events += !strcmp(name, "RESET");
}

static void say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void hear(int fd, const char *text)
{
	char got[256];
	ssize_t n = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);

	assert_true(n > 0);
	got[n] = '\0';
	assert_string_equal(got, text);
}

static void a_command_gets_its_reply_between_events(void **state)
{
	static struct qmp q;
	int s[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	qmp_init(&q, s[0], on_event, NULL);
	assert_int_equal(qmp_read(&q, &err), 0); /* nothing there: does not block */
	say(s[1], "{\"QMP\": {\"version\": {}, \"capa");
	assert_int_equal(qmp_read(&q, &err), 0);
	assert_false(q.greeted);
	say(s[1], "bilities\": []}}\r\n");
	assert_int_equal(qmp_read(&q, &err), 0);
	assert_true(q.greeted);
	hear(s[1], "{\"execute\": \"qmp_capabilities\"}\n");
	assert_false(qmp_replied(&q));
	assert_int_equal(qmp_send(&q, "quit", NULL, &err), -EBUSY);
	say(s[1], "{\"event\": \"RESET\"}\n{\"return\": {}}\n{\"event\": \"RESET\"}\n");
	assert_int_equal(qmp_read(&q, &err), 0);
	assert_true(qmp_replied(&q));
	assert_int_equal(events, 2);
	assert_int_equal(qmp_send(&q, "x", "{\"a\": 1}", &err), 0);
	hear(s[1], "{\"execute\": \"x\", \"arguments\": {\"a\": 1}}\n");
	say(s[1], "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no such x\"}}\n");
	assert_int_equal(qmp_read(&q, &err), 0);
	assert_true(q.failed);
	assert_string_equal(q.reply, "no such x");
	say(s[1], "nonsense\n");
	assert_int_equal(qmp_read(&q, &err), -EINVAL);
	close(s[1]);
	q.in_len = 0;
	assert_int_equal(qmp_read(&q, &err), -EPIPE);
	close(s[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_found_past_nested_values),
		cmocka_unit_test(what_is_not_json_is_refused),
		cmocka_unit_test(bounds_hold),
		cmocka_unit_test(a_command_gets_its_reply_between_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

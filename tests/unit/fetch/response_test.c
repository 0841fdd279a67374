/* Heads of answers: which bytes these are, and of which file. */
#include "fetch/response.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"

static struct response r;

static void say(const char *line)
{
	response_header(&r, line, strlen(line));
}

static void content_ranges(void **state)
{
	static const char *const wrong[] = {
		"", "bytes", "bytes ", "bytes 0-1", "bytes 0-1/", "bytes 0/1", "bytes 1-0/5", "bytes -1/5",
		"bytes 0-/5",
		"bytes 0-5/5", "bytes 0-1/5 ", "bytes 0-1/5,", "bytes 0-1/5, 3-4/5", "bytes */*", "bytes=0-1/5",
		"items 0-1/5",
		"bytes 0 -1/5", "bytes 0-1/18446744073709551616", "bytes 0-9223372036854775808/*", "bytes +0-1/5",
	};
	struct content_range c = { .first = 77 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		if (content_range_parse(wrong[i], strlen(wrong[i]), &c) != -EINVAL)
			fail_msg("taken: %s", wrong[i]);
	assert_true(c.first == 77);
	assert_int_equal(content_range_parse("bytes 3-4/5", 11, &c), 0);
	assert_true(c.satisfied && c.first == 3 && c.last == 4 && c.total_known && c.total == 5);
	assert_int_equal(content_range_parse("BYTES \t0-0/*", 12, &c), 0);
	assert_true(c.satisfied && c.first == 0 && c.last == 0 && !c.total_known);
	assert_int_equal(content_range_parse("bytes */0", 9, &c), 0);
	assert_true(!c.satisfied && c.total_known && c.total == 0);
	/* Not a byte more than was given. */
	assert_int_equal(content_range_parse("bytes 3-4/56", 11, &c), 0);
	assert_true(c.total == 5);
}

static void a_head_is_read(void **state)
{
	struct file_version v;

	(void)state;
	say("HTTP/1.1 206 Partial Content\r\n");
	say("Content-Range: bytes 10-19/100\r\n");
	say("content-length:10\r\n");
	say("ETAG: \"abc\" \r\n");
	say("Last-Modified:\tWed, 25 Nov 2026 10:00:00 GMT\r\n");
	say("Content-Encoding: identity\r\n");
	say("no colon\r\n");
	say("\r\n");
	assert_true(r.range_seen && !r.range_bad && r.range.first == 10);
	assert_true(r.length_seen && r.length == 10 && !r.encoded);
	v = response_version(&r, 206);
	assert_string_equal(v.etag, "\"abc\"");
	assert_string_equal(v.modified, "Wed, 25 Nov 2026 10:00:00 GMT");
	assert_true(v.total_known && v.total == 100);
	v = response_version(&r, 200);
	assert_true(v.total_known && v.total == 10);
	say("HTTP/1.1 200 OK\r\n");
	assert_true(!r.range_seen && !r.length_seen && !*r.version.etag);
}

static void what_contradicts_itself_counts_as_malformed(void **state)
{
	(void)state;
	say("Content-Range: bytes 0-1/5");
	say("Content-Range: bytes 0-1/5");
	assert_true(r.range_bad && !response_version(&r, 206).total_known);
	say("HTTP/1.1 206");
	say("Content-Range: bytes 0-1");
	assert_true(r.range_seen && r.range_bad);
	say("Content-Length: 5x");
	assert_false(r.length_seen);
	say("Content-Encoding: gzip");
	say("Content-Encoding: identity");
	assert_true(r.encoded);
}

static void what_is_too_long_or_odd_was_not_said(void **state)
{
	char line[RESPONSE_ETAG_MAX + 16];

	(void)state;
	snprintf(line, sizeof(line), "ETag: %0*d", RESPONSE_ETAG_MAX, 1);
	say(line);
	assert_int_equal(strlen(r.version.etag), RESPONSE_ETAG_MAX);
	snprintf(line, sizeof(line), "ETag: %0*d", RESPONSE_ETAG_MAX + 1, 1);
	say(line);
	assert_string_equal(r.version.etag, "");
	say("ETag: \"a\x80\"");
	assert_string_equal(r.version.etag, "");
	say("ETag: \"a\rb\"");
	assert_string_equal(r.version.etag, "");
}

static void versions_differ(void **state)
{
	const struct file_version none = { 0 }, etag = { .etag = "\"1\"" }, etag2 = { .etag = "\"2\"" },
				  weak = { .etag = "W/\"1\"", .modified = "d" }, date = { .modified = "d" },
				  date2 = { .modified = "e" }, size = { .total_known = true, .total = 1 },
				  size2 = { .total_known = true, .total = 2 }, all = { "\"1\"", "d", true, 1 };

	(void)state;
	assert_true(file_version_differs(&etag, &etag2));
	assert_true(file_version_differs(&weak, &etag2));
	assert_true(file_version_differs(&date, &date2));
	assert_true(file_version_differs(&size, &size2));
	assert_true(file_version_differs(&all, &size2));
	assert_true(file_version_differs(&all, &date2));
	/* What one of them does not say proves nothing. */
	assert_false(file_version_differs(&all, &none));
	assert_false(file_version_differs(&none, &all));
	assert_false(file_version_differs(&all, &all));
	assert_false(file_version_differs(&etag, &date));
	assert_false(file_version_differs(&size, &etag));
}

static void the_best_there_is_is_asked_with(void **state)
{
	struct file_version v = { .etag = "\"1\"", .modified = "d" };

	(void)state;
	assert_string_equal(file_version_if_range(&v), "\"1\"");
	strcpy(v.etag, "W/\"1\"");
	assert_string_equal(file_version_if_range(&v), "d");
	strcpy(v.etag, "\"");
	assert_string_equal(file_version_if_range(&v), "d");
	strcpy(v.etag, "\"1");
	assert_string_equal(file_version_if_range(&v), "d");
	v.modified[0] = '\0';
	assert_null(file_version_if_range(&v));
}

static int clean(void **state)
{
	(void)state;
	memset(&r, 0, sizeof(r));
	return 0;
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, clean)
	const struct CMUnitTest tests[] = {
		T(content_ranges),
		T(a_head_is_read),
		T(what_contradicts_itself_counts_as_malformed),
		T(what_is_too_long_or_odd_was_not_said),
		T(versions_differ),
		T(the_best_there_is_is_asked_with),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

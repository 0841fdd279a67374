/* UTF-8 as RFC 3629 has it, and what JSON makes of bytes that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/json.h"
#include "lib/base/utf8.h"

static void characters_decode_to_code_points(void **state)
{
	static const struct {
		const char *bytes;
		unsigned len;
		uint32_t code;
	} rows[] = {
		{ "a", 1, 'a' },
		{ "\x7f", 1, 0x7f },
		{ "\xc2\x80", 2, 0x80 },
		{ "\xdf\xbf", 2, 0x7ff },
		{ "\xe0\xa0\x80", 3, 0x800 },
		{ "\xed\x9f\xbf", 3, 0xd7ff },
		{ "\xee\x80\x80", 3, 0xe000 },
		{ "\xf0\x90\x80\x80", 4, 0x10000 },
		{ "\xf4\x8f\xbf\xbf", 4, 0x10ffff },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t code = 0;

		assert_int_equal(utf8_decode(rows[i].bytes, strlen(rows[i].bytes), &code), rows[i].len);
		assert_int_equal(code, rows[i].code);
		/* One byte less is never enough, and never read. */
		assert_int_equal(utf8_decode(rows[i].bytes, rows[i].len - 1, &code), 0);
	}
	assert_int_equal(utf8_decode("\0", 1, &(uint32_t){ 1 }), 1);
}

static void anything_else_is_no_character(void **state)
{
	static const char *const rows[] = {
		"\x80", "\xbf", "\xff", "\xfe", "\xf8\x88\x80\x80\x80", /* no first byte */
		"\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", /* overlong */
		"\xed\xa0\x80", "\xed\xbf\xbf", /* surrogates */
		"\xf4\x90\x80\x80", "\xf7\xbf\xbf\xbf", /* beyond the last */
		"\xc2 ", "\xe2\x82 ", "\xf0\x9f\x98 ", /* cut off */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint32_t code = 7;

		assert_int_equal(utf8_decode(rows[i], strlen(rows[i]), &code), 0);
		assert_int_equal(code, 7);
	}
}

static void json_replaces_what_is_no_text(void **state)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	(void)state;
	json_str(&j, NULL, "\xc3\xa9\xff\xed\xa0\x80\xe2\x82");
	assert_string_equal(b.data, "\"\xc3\xa9" UTF8_REPLACEMENT UTF8_REPLACEMENT UTF8_REPLACEMENT UTF8_REPLACEMENT
				    UTF8_REPLACEMENT UTF8_REPLACEMENT "\"");
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(characters_decode_to_code_points),
		cmocka_unit_test(anything_else_is_no_character),
		cmocka_unit_test(json_replaces_what_is_no_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

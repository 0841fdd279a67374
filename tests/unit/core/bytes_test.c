/* Numbers on disk, hex, decimal. */
#include "lib/core/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void numbers_have_their_byte_order_at_any_alignment(void **state)
{
	uint8_t b[9] = { 0 };

	(void)state;
	le64_store(b + 1, 0x0102030405060708);
	assert_memory_equal(b + 1, "\x08\x07\x06\x05\x04\x03\x02\x01", 8);
	assert_true(le64_load(b + 1) == 0x0102030405060708);
	assert_true(le32_load(b + 1) == 0x05060708);
	assert_true(le16_load(b + 1) == 0x0708);
	be64_store(b + 1, 0x0102030405060708);
	assert_memory_equal(b + 1, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
	assert_true(be64_load(b + 1) == 0x0102030405060708);
	assert_true(be32_load(b + 1) == 0x01020304);
	assert_true(be16_load(b + 1) == 0x0102);
	le32_store(b, 0xfffefdfc);
	assert_true(le32_load(b) == 0xfffefdfc);
}

static void hex_is_exact_or_refused(void **state)
{
	static const char *const bad[] = { "", "0", "0g", "abc", "abcdef", " abc", "ab c", "-bcd" };
	uint8_t out[2] = { 7, 7 };
	char text[5];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(bytes_from_hex(bad[i], strlen(bad[i]), out, 2));
		assert_memory_equal(out, "\7\7", 2);
	}
	assert_true(bytes_from_hex("aBc9", 4, out, 2));
	bytes_to_hex(out, 2, text);
	assert_string_equal(text, "abc9");
	assert_true(bytes_from_hex("", 0, out, 0));
}

static void decimals_end_at_64_bits(void **state)
{
	static const char *const bad[] = { "", "-1", "+1", " 1", "1 ", "0x1",
					   "18446744073709551616", "99999999999999999999" };
	uint64_t v = 42;
	char text[21];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(u64_parse(bad[i], strlen(bad[i]), &v));
	assert_true(v == 42);
	assert_true(u64_parse("18446744073709551615", 20, &v));
	assert_true(v == UINT64_MAX);
	assert_int_equal(u64_format(v, text), 20);
	assert_string_equal(text, "18446744073709551615");
	assert_int_equal(u64_format(0, text), 1);
	assert_string_equal(text, "0");
}

static void overflow_is_seen_and_leaves_the_result_alone(void **state)
{
	uint64_t v = 1;

	(void)state;
	assert_true(u64_mul_overflows(UINT64_C(1) << 32, UINT64_C(1) << 32, &v));
	assert_true(u64_add_overflows(UINT64_MAX, 1, &v));
	assert_true(v == 1);
	assert_false(u64_mul_overflows(UINT64_MAX, 1, &v));
	assert_true(v == UINT64_MAX);
	assert_false(u64_mul_overflows(UINT64_MAX, 0, &v));
	assert_true(v == 0);
}

static void zero_is_told_from_nearly_zero(void **state)
{
	uint8_t b[100] = { 0 };

	(void)state;
	assert_true(bytes_are_zero(b, sizeof(b)));
	assert_true(bytes_are_zero(b, 0));
	b[99] = 1;
	assert_false(bytes_are_zero(b, sizeof(b)));
	assert_true(bytes_are_zero(b, 99));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_have_their_byte_order_at_any_alignment),
		cmocka_unit_test(hex_is_exact_or_refused),
		cmocka_unit_test(decimals_end_at_64_bits),
		cmocka_unit_test(overflow_is_seen_and_leaves_the_result_alone),
		cmocka_unit_test(zero_is_told_from_nearly_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

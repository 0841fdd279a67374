/* CRC-32 and SHA-256 against published values and against OpenSSL. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/digest.h"
#include "lib/core/bytes.h"
#include "lib/core/crc32.h"
#include "lib/core/sha256.h"

static void crc32_has_the_published_check_value(void **state)
{
	(void)state;
	assert_true(crc32_add(0, "123456789", 9) == 0xcbf43926);
	assert_true(crc32_add(0, "", 0) == 0);
	assert_true(crc32_add(crc32_add(0, "1234", 4), "56789", 5) == 0xcbf43926);
}

static void sha256_has_the_values_of_fips_180(void **state)
{
	static const struct {
		const char *text, *hex;
	} cases[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};
	uint8_t out[SHA256_BYTES];
	char hex[65];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		sha256_bytes(cases[i].text, strlen(cases[i].text), out);
		bytes_to_hex(out, sizeof(out), hex);
		assert_string_equal(hex, cases[i].hex);
	}
}

static void sha256_agrees_with_openssl_at_every_length_and_cut(void **state)
{
	uint8_t data[300], ours[32], theirs[32];
	struct sha256 s;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + i / 13);
	for (size_t len = 0; len <= sizeof(data); len++) {
		digest_bytes(data, len, theirs);
		sha256_bytes(data, len, ours);
		assert_memory_equal(ours, theirs, 32);
		for (size_t cut = 0; cut <= len; cut += 17) {
			sha256_init(&s);
			sha256_add(&s, data, cut);
			sha256_add(&s, data + cut, len - cut);
			sha256_take(&s, ours);
			assert_memory_equal(ours, theirs, 32);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc32_has_the_published_check_value),
		cmocka_unit_test(sha256_has_the_values_of_fips_180),
		cmocka_unit_test(sha256_agrees_with_openssl_at_every_length_and_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

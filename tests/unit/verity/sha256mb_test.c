/* Every multi-buffer kernel against libcrypto, through each shape of prefix and count. */
#include "verity/sha256mb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/base/digest.h"

#define MESSAGES 37

static uint8_t data[MESSAGES * 4096];

static void expect(const uint8_t *prefix, size_t prefix_len, const uint8_t *message, size_t len,
		   uint8_t out[32])
{
	struct digest *d = digest_new();

	digest_add(d, prefix, prefix_len);
	digest_add(d, message, len);
	digest_take(d, out);
	digest_free(d);
}

static void check_kernel(const struct sha256mb_kernel *k, const uint8_t *prefix, size_t prefix_len,
			 size_t len, size_t n)
{
	uint8_t got[MESSAGES + 1][32], want[32];
	struct sha256mb mb;

	memset(got, 0xa5, sizeof(got));
	sha256mb_init(&mb, prefix, prefix_len, k);
	sha256mb_hash(&mb, data, len, n, got);
	for (size_t i = 0; i < n; i++) {
		expect(prefix, prefix_len, data + i * len, len, want);
		if (memcmp(got[i], want, 32))
			fail_msg("%s: prefix %zu, length %zu, message %zu of %zu", k->name,
				 prefix_len, len, i, n);
	}
	memset(want, 0xa5, 32);
	assert_memory_equal(got[n], want, 32); /* nothing behind the last digest */
}

static void every_kernel_equals_libcrypto(void **state)
{
	static const size_t prefixes[] = { 0, 1, 32, 54, 55, 56, 63, 64, 65, 128, 255, 256 };
	static const size_t lengths[] = { 64, 128, 512, 4096 };
	uint8_t prefix[SHA256MB_PREFIX_MAX];
	unsigned tested = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 2654435761u >> 13);
	for (size_t i = 0; i < sizeof(prefix); i++)
		prefix[i] = (uint8_t)(200 - i);
	for (const struct sha256mb_kernel *k = sha256mb_kernels; k->name; k++) {
		if (!k->available()) {
			print_message("SKIP: this processor has no %s\n", k->name);
			continue;
		}
		tested++;
		for (size_t p = 0; p < ARRAY_SIZE(prefixes); p++)
			for (size_t l = 0; l < ARRAY_SIZE(lengths); l++)
				check_kernel(k, prefix, prefixes[p], lengths[l], MESSAGES);
		for (size_t n = 1; n < MESSAGES; n++)
			check_kernel(k, prefix, 32, 4096, n);
	}
	assert_true(tested >= 1);
}

static void messages_of_any_length_share_the_lanes(void **state)
{
	static const size_t lengths[] = { 0, 1, 55, 56, 63, 64, 65, 119, 120, 127, 128, 129, 4096, 16, 5000,
					  64, 0, 9999, 1 };
	struct sha256mb_message m[ARRAY_SIZE(lengths)];
	uint8_t got[ARRAY_SIZE(lengths) + 1][32], want[32];

	(void)state;
	for (const struct sha256mb_kernel *k = sha256mb_kernels; k->name; k++) {
		for (size_t n = 0; k->available() && n <= ARRAY_SIZE(lengths); n++) {
			memset(got, 0xa5, sizeof(got));
			for (size_t i = 0; i < n; i++)
				m[i] = (struct sha256mb_message){ data + 31 * i, lengths[i] };
			sha256mb_hash_each(k, m, n, got);
			for (size_t i = 0; i < n; i++) {
				digest_bytes(m[i].data, m[i].len, want);
				if (memcmp(got[i], want, 32))
					fail_msg("%s: message %zu of %zu", k->name, i, n);
			}
			memset(want, 0xa5, 32);
			assert_memory_equal(got[n], want, 32);
		}
	}
	digest_bytes("abc", 3, want);
	sha256mb_hash_each(NULL, &(struct sha256mb_message){ (const uint8_t *)"abc", 3 }, 1, got);
	assert_memory_equal(got[0], want, 32);
}

static void a_kernel_can_be_forced_and_an_unknown_one_is_null(void **state)
{
	(void)state;
	assert_string_equal(sha256mb_select("portable")->name, "portable");
	assert_null(sha256mb_select("sha3"));
	assert_non_null(sha256mb_select(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kernel_equals_libcrypto),
		cmocka_unit_test(messages_of_any_length_share_the_lanes),
		cmocka_unit_test(a_kernel_can_be_forced_and_an_unknown_one_is_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

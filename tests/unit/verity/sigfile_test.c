/* The signature partition: round trip, and what the parser must not accept. */
#include "verity/sigfile.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"

static struct err err;
static struct sigfile sig, back;
static uint8_t bytes[SIGFILE_BYTES];

#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void what_was_written_is_read_back(void **state)
{
	static const size_t lengths[] = { 1, 2, 3, 4, 255, 256, 257, 1499, CMS_DER_MAX - 1, CMS_DER_MAX };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		memset(&sig, 0, sizeof(sig));
		for (unsigned k = 0; k < 32; k++) {
			sig.root[k] = (uint8_t)(k * 7);
			sig.fingerprint[k] = (uint8_t)(255 - k);
		}
		sig.has_fingerprint = i & 1;
		if (!sig.has_fingerprint)
			memset(sig.fingerprint, 0, 32);
		sig.der_len = lengths[i];
		for (size_t k = 0; k < sig.der_len; k++)
			sig.der[k] = (uint8_t)(k * k + i);
		assert_int_equal(sigfile_write(&sig, bytes, &err), 0);
		if (sigfile_parse(bytes, sizeof(bytes), &back, &err))
			fail_msg("%s", err.text);
		assert_memory_equal(&back, &sig, sizeof(sig));
	}
}

static void the_written_text_is_the_one_of_the_specification(void **state)
{
	static const char want[] = "{\"rootHash\":\"" HEX "\",\"signature\":\"AQID\"}\n";

	(void)state;
	memset(&sig, 0, sizeof(sig));
	for (unsigned k = 0; k < 32; k++)
		sig.root[k] = (uint8_t)(k % 16 * 0x11);
	memcpy(sig.der, "\1\2\3", 3);
	sig.der_len = 3;
	assert_int_equal(sigfile_write(&sig, bytes, &err), 0);
	assert_memory_equal(bytes, want, sizeof(want));
	for (size_t i = sizeof(want); i < SIGFILE_BYTES; i++)
		assert_int_equal(bytes[i], 0);
	sig.der_len = 0;
	assert_int_equal(sigfile_write(&sig, bytes, &err), -EINVAL);
	sig.der_len = CMS_DER_MAX + 1;
	assert_int_equal(sigfile_write(&sig, bytes, &err), -EINVAL);
}

static void anything_else_is_refused(void **state)
{
	static const struct {
		const char *text, *why; /* NULL why: accepted */
	} cases[] = {
		{ "{\"rootHash\":\"" HEX "\",\"signature\":\"AQID\"}", NULL },
		{ " {\n\t\"signature\" : \"AQI=\" , \"rootHash\":\"" HEX "\" }\r\n", NULL },
		{ "{\"signature\":\"AQ==\",\"certificateFingerprint\":\"" HEX "\",\"rootHash\":\"" HEX "\"}", NULL },
		{ "", "expected '{'" },
		{ "[]", "expected '{'" },
		{ "{}", "expected a string" },
		{ "{\"rootHash\":\"" HEX "\"}", "a signature" },
		{ "{\"signature\":\"AQID\"}", "a rootHash" },
		{ "{\"rootHash\":\"" HEX "\",\"signature\":\"AQID\",}", "expected a string" },
		{ "{\"rootHash\":\"" HEX "\",\"signature\":\"AQID\"", "expected '}'" },
		{ "{\"rootHash\":\"" HEX "\",\"signature\":\"AQID\"}x", "zeroes to the end" },
		{ "{\"rootHash\":\"" HEX "\",\"signature\":\"AQID\"}{}", "zeroes to the end" },
		{ "{\"rootHash\":\"" HEX "\",\"rootHash\":\"" HEX "\",\"signature\":\"AQID\"}", "each key once" },
		{ "{\"rootHash\":\"" HEX "0\",\"signature\":\"AQID\"}", "64 hex digits" },
		{ "{\"rootHash\":\"0A112233445566778899aabbccddeeff"
		  "00112233445566778899aabbccddeeff\",\"signature\":\"AQID\"}", "lowercase" },
		{ "{\"rootHash\":12,\"signature\":\"AQID\"}", "expected a string" },
		{ "{\"rootHash\":\"" HEX "\",\"signature\":\"AQI\"}", "base64" },
		{ "{\"rootHash\":\"" HEX "\",\"signature\":\"\"}", "base64" },
		{ "{\"rootHash\":\"" HEX "\",\"signature\":\"====\"}", "base64" },
		{ "{\"rootHash\":\"" HEX "\",\"signature\":\"A===\"}", "base64" },
		{ "{\"rootHash\":\"" HEX "\",\"signature\":\"AQ=D\"}", "base64" },
		{ "{\"rootHash\":\"" HEX "\",\"signature\":\"AR==\"}", "base64" }, /* spare bits */
		{ "{\"rootHash\":\"" HEX "\",\"signature\":\"AQJ=\"}", "base64" },
		{ "{\"rootHash\":\"" HEX "\",\"signature\":\"AQ==AQID\"}", "base64" },
		{ "{\"rootHash\":\"" HEX "\",\"signature\":\"AQ\\/D\"}", "plain character" },
		{ "{\"rootHash\":\"" HEX "\",\"signature\":\"AQ\nD\"}", "plain character" },
		{ "{\"rootHash\":\"" HEX "\",\"signature\":\"AQID\",\"x\":\"y\"}", "a known key" },
		{ "{\"rootHash\" \"" HEX "\"}", "expected ':'" },
		{ "{\"rootHash", "end of the string" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int r;

		memset(&back, 0x5a, sizeof(back));
		sig = back;
		err_init(&err);
		r = sigfile_parse((const uint8_t *)cases[i].text, strlen(cases[i].text), &back, &err);
		if (!cases[i].why) {
			assert_int_equal(r, 0);
			continue;
		}
		if (r != -EINVAL || !strstr(err.text, cases[i].why))
			fail_msg("%s: %d '%s' does not say '%s'", cases[i].text, r, err.text, cases[i].why);
		assert_memory_equal(&back, &sig, sizeof(sig)); /* the result is left alone */
	}
	assert_int_equal(sigfile_parse(bytes, SIGFILE_BYTES + 1, &back, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read_back),
		cmocka_unit_test(the_written_text_is_the_one_of_the_specification),
		cmocka_unit_test(anything_else_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * kiln's derived salt and UUID. Apart from the geometry, because a program that
 * only checks a tree has no other use for the library behind digest_bytes().
 */
#include <string.h>

#include "lib/base/digest.h"
#include "verity/tree.h"

/* SHA-256 of a label and the hashes of the parts: no part can run into the next. */
static void derive(const char *label, const char *const *parts, unsigned n,
		   uint8_t out[DIGEST_BYTES])
{
	uint8_t message[3][DIGEST_BYTES];

	digest_bytes(label, strlen(label), message[0]);
	for (unsigned i = 0; i < n; i++)
		digest_bytes(parts[i], strlen(parts[i]), message[1 + i]);
	digest_bytes(message, (size_t)(1 + n) * DIGEST_BYTES, out);
}

void verity_derive(const char *name, const char *version, uint8_t ret_salt[VERITY_HASH_BYTES],
		   uint8_t ret_uuid[VERITY_UUID_BYTES])
{
	const char *const parts[] = { name, version };
	uint8_t full[DIGEST_BYTES];

	derive("kiln verity salt", parts, 1, ret_salt);
	derive("kiln verity uuid", parts, 2, full);
	memcpy(ret_uuid, full, VERITY_UUID_BYTES);
	/* RFC 9562: version 8 (vendor-defined), variant 1. */
	ret_uuid[6] = (uint8_t)((ret_uuid[6] & 0x0f) | 0x80);
	ret_uuid[8] = (uint8_t)((ret_uuid[8] & 0x3f) | 0x80);
}

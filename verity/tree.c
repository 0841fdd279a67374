/*
 * The geometry of a dm-verity tree, and kiln's derived salt and UUID. Writer
 * and checker both take their offsets from here, and from nowhere else.
 */
#include "verity/tree.h"

#include <errno.h>
#include <string.h>

#include "lib/base/digest.h"
#include "lib/base/err.h"

int verity_layout(uint64_t data_bytes, struct verity_layout *ret_layout)
{
	struct verity_layout l = { .data_blocks = data_bytes / VERITY_BLOCK_BYTES };
	uint64_t position = VERITY_HASH_START_BLOCK;
	struct verity_tree shape;

	if (data_bytes == 0 || data_bytes % VERITY_BLOCK_BYTES)
		return -EINVAL;
	if (verity_tree_shape(l.data_blocks, &shape) != VERITY_OK)
		return -EFBIG;
	l.levels = shape.levels;
	/* On disk the top level comes first. */
	for (unsigned i = l.levels; i-- > 0;) {
		l.level_blocks[i] = shape.level_blocks[i];
		l.level_start_block[i] = position;
		position += l.level_blocks[i];
	}
	l.hash_blocks = position;
	*ret_layout = l;
	return 0;
}

int verity_check_input(uint64_t data_bytes, size_t salt_len, struct verity_layout *ret_layout,
		       struct err *err)
{
	int r;

	if (salt_len > VERITY_SALT_MAX)
		return err_set(err, -EINVAL, "a verity salt has at most %d bytes, not %zu",
			       VERITY_SALT_MAX, salt_len);
	r = verity_layout(data_bytes, ret_layout);
	if (r)
		return err_errno(err, r, "%llu bytes cannot be hashed in blocks of %d",
				 (unsigned long long)data_bytes, VERITY_BLOCK_BYTES);
	return 0;
}

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

/* Slot indexes: with hashes repaired, whatever decodes lies inside its parts and is found. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "install/slotindex.h"
#include "lib/base/digest.h"
#include "lib/core/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Input: 72 bytes of foot, then entries. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t foot[SLOTINDEX_FOOT_BYTES];
	const uint8_t *entries;
	struct slotindex idx;
	uint32_t n;

	memset(foot, 0, sizeof(foot));
	memcpy(foot, data, len < sizeof(foot) ? len : sizeof(foot));
	slotindex_foot_decode(foot, &n);
	if (len < SLOTINDEX_O_UNUSED)
		return 0;
	memset(foot + SLOTINDEX_O_UNUSED, 0, sizeof(foot) - SLOTINDEX_O_UNUSED);
	memcpy(foot, SLOTINDEX_MAGIC, 8);
	foot[8] = SLOTINDEX_FORMAT;
	entries = data + SLOTINDEX_O_UNUSED;
	n = le32_load(foot + SLOTINDEX_O_CHUNKS);
	if (n > (len - SLOTINDEX_O_UNUSED) / BUNDLE_ENTRY_BYTES)
		n = (uint32_t)((len - SLOTINDEX_O_UNUSED) / BUNDLE_ENTRY_BYTES);
	le32_store(foot + SLOTINDEX_O_CHUNKS, n);
	digest_bytes(entries, (size_t)n * BUNDLE_ENTRY_BYTES, foot + SLOTINDEX_O_ENTRIES_SHA256);
	digest_bytes(foot, SLOTINDEX_O_SEAL, foot + SLOTINDEX_O_SEAL);
	if (slotindex_decode(foot, entries, &idx))
		return 0;
	if (idx.n_chunks != n)
		abort();
	for (uint32_t i = 0; i < n; i++) {
		const struct slotindex_chunk *c = &idx.chunks[i], *found;

		if (c->part >= BUNDLE_IN_SLOT || !c->length ||
		    c->part_offset + c->length > idx.part_bytes[c->part])
			abort();
		found = slotindex_find(&idx, c->hash, c->length);
		if (!found || found->length != c->length || memcmp(found->hash, c->hash, sizeof(c->hash)))
			abort();
	}
	slotindex_done(&idx);
	return 0;
}

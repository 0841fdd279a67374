/*
 * Bundles: head and signature of any bytes are never believed; manifest and index,
 * had they been signed, are taken only when they encode to the same bytes, and every
 * chunk then lies inside its part and inside the data. Input: manifest, NUL, index;
 * the manifest's hash of the index is repaired.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "install/bundle.h"
#include "lib/base/buf.h"
#include "lib/base/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void head(const uint8_t *data, size_t len)
{
	static uint8_t block[BUNDLE_BLOCK_BYTES], again[BUNDLE_BLOCK_BYTES];
	struct bundle_head h;
	struct bundle_offsets at;

	memset(block, 0, sizeof(block));
	memcpy(block, data, len < sizeof(block) ? len : sizeof(block));
	bundle_head_decode(block, &h, NULL);
	memcpy(block, BUNDLE_MAGIC, 8);
	block[8] = BUNDLE_FORMAT;
	if (bundle_head_decode(block, &h, NULL))
		return;
	at = bundle_offsets_of(&h);
	if (at.index > 2 * BUNDLE_BLOCK_BYTES + CMS_DER_MAX + BUNDLE_MANIFEST_MAX + BUNDLE_BLOCK_BYTES)
		abort();
	bundle_head_encode(&h, again);
	if (memcmp(block, again, sizeof(block)))
		abort();
}

static void index_of(const struct bundle_manifest *signed_one, const uint8_t *data, size_t len)
{
	struct bundle_manifest m = *signed_one;
	struct bundle_index idx;
	uint64_t sum = 0;

	m.index.bytes = len;
	if (len == 0 || len > BUNDLE_INDEX_MAX || len % BUNDLE_ENTRY_BYTES)
		return;
	if (bundle_index_decode(data, &m, &idx, NULL) == 0)
		abort(); /* the corpus holds no index that fits its manifest's hash */
	digest_bytes(data, len, m.index.sha256);
	if (bundle_index_decode(data, &m, &idx, NULL))
		return;
	for (uint32_t i = 0; i < idx.n_chunks; i++) {
		const struct bundle_chunk *c = &idx.chunks[i];

		if (!c->length || c->part_offset + c->length > m.part[bundle_part_of(&idx, i)].bytes ||
		    c->data_offset + c->length > m.data_bytes || c->first > i ||
		    idx.chunks[c->first].data_offset != c->data_offset ||
		    (c->first == i && c->data_offset != sum))
			abort();
		sum += c->first == i ? c->length : 0;
	}
	if (sum != m.data_bytes)
		abort();
	bundle_index_done(&idx);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *nul = memchr(data, '\0', len);
	size_t text_len = nul ? (size_t)(nul - data) : len;
	struct buf text = BUF_INIT;
	struct bundle_manifest m;

	head(data, len);
	if (bundle_manifest_parse((const char *)data, text_len, &m, NULL))
		return 0;
	if (bundle_manifest_encode(&m, &text, NULL) || text.len != text_len ||
	    memcmp(text.data, data, text_len))
		abort();
	buf_done(&text);
	if (nul)
		index_of(&m, nul + 1, len - text_len - 1);
	return 0;
}

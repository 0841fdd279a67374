/*
 * The index of a bundle, and from it the place of every chunk: see bundle.h.
 *
 * Chunks with the same hash are the same bytes and stand in the data once, where
 * the first of them is. They are found by sorting, so that no index, however
 * made, costs more than another.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "install/bundle.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/core/bytes.h"

_Static_assert(BUNDLE_ENTRY_BYTES == 4 + BUNDLE_HASH_BYTES, "an entry is length and hash");
_Static_assert(BUNDLE_HASH_BYTES <= DIGEST_BYTES, "a hash is the front of a SHA-256");

void bundle_hash(const void *data, size_t len, uint8_t ret[BUNDLE_HASH_BYTES])
{
	uint8_t whole[DIGEST_BYTES];

	digest_bytes(data, len, whole);
	memcpy(ret, whole, BUNDLE_HASH_BYTES);
}

void bundle_entry_encode(uint32_t length, const uint8_t hash[BUNDLE_HASH_BYTES],
			 uint8_t out[BUNDLE_ENTRY_BYTES])
{
	assert(length && length <= BUNDLE_CHUNK_MAX);
	le32_store(out, length);
	memcpy(out + 4, hash, BUNDLE_HASH_BYTES);
}

static int by_hash(const void *a, const void *b, void *arg)
{
	const struct bundle_chunk *chunks = arg;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	int r = memcmp(chunks[x].hash, chunks[y].hash, BUNDLE_HASH_BYTES);

	return r ? r : x < y ? -1 : x > y;
}

/* Lengths and hashes; parts end exactly where the manifest says. */
static int decode_entries(const uint8_t *bytes, const struct bundle_manifest *m,
			  struct bundle_index *idx)
{
	unsigned part = 0;
	uint64_t at = 0;

	for (uint32_t i = 0; i < idx->n_chunks; i++) {
		struct bundle_chunk *c = &idx->chunks[i];

		if (part == BUNDLE_CARRIED)
			return BUNDLE_E_FIELD;
		if (at == 0)
			idx->start[part] = i;
		c->length = le32_load(bytes + (size_t)i * BUNDLE_ENTRY_BYTES);
		memcpy(c->hash, bytes + (size_t)i * BUNDLE_ENTRY_BYTES + 4, BUNDLE_HASH_BYTES);
		if (!c->length || c->length > BUNDLE_CHUNK_MAX ||
		    c->length > m->part[part].bytes - at)
			return BUNDLE_E_FIELD;
		c->part_offset = at;
		at += c->length;
		if (at == m->part[part].bytes) {
			part++;
			at = 0;
		}
	}
	idx->start[BUNDLE_CARRIED] = idx->n_chunks;
	return part == BUNDLE_CARRIED ? 0 : BUNDLE_E_FIELD;
}

/* The first chunk of each content, then where each content stands in the data. */
static int place_chunks(struct bundle_index *idx, uint32_t *order, uint64_t data_bytes)
{
	uint64_t at = 0;

	for (uint32_t i = 0; i < idx->n_chunks; i++)
		order[i] = i;
	qsort_r(order, idx->n_chunks, sizeof(*order), by_hash, idx->chunks);
	for (uint32_t i = 0; i < idx->n_chunks; i++) {
		struct bundle_chunk *c = &idx->chunks[order[i]];
		const struct bundle_chunk *before = i ? &idx->chunks[order[i - 1]] : NULL;

		c->first = order[i];
		if (!before || memcmp(c->hash, before->hash, BUNDLE_HASH_BYTES))
			continue;
		if (c->length != before->length)
			return BUNDLE_E_FIELD;
		c->first = before->first;
	}
	for (uint32_t i = 0; i < idx->n_chunks; i++) {
		struct bundle_chunk *c = &idx->chunks[i];

		if (c->first == i) {
			c->data_offset = at;
			at += c->length;
		} else {
			c->data_offset = idx->chunks[c->first].data_offset;
		}
	}
	return at == data_bytes ? 0 : BUNDLE_E_FIELD;
}

int bundle_index_decode(const uint8_t *bytes, const struct bundle_manifest *m,
			struct bundle_index *ret, struct err *err)
{
	_cleanup_bundle_index_ struct bundle_index idx = { .n_chunks = 0 };
	_cleanup_free_ uint32_t *order = NULL;
	uint8_t sha256[DIGEST_BYTES];
	int r;

	assert(m->index.bytes && m->index.bytes <= BUNDLE_INDEX_MAX);
	digest_bytes(bytes, m->index.bytes, sha256);
	if (memcmp(sha256, m->index.sha256, sizeof(sha256)))
		return err_set(err, BUNDLE_E_DAMAGED, "the bundle's index is damaged");
	idx.n_chunks = (uint32_t)(m->index.bytes / BUNDLE_ENTRY_BYTES);
	idx.chunks = calloc(idx.n_chunks, sizeof(*idx.chunks));
	order = calloc(idx.n_chunks, sizeof(*order));
	if (!idx.chunks || !order)
		return err_oom(err);
	r = decode_entries(bytes, m, &idx);
	if (r == 0)
		r = place_chunks(&idx, order, m->data_bytes);
	if (r)
		return err_set(err, r, "the bundle's index does not describe its parts");
	*ret = idx;
	idx.chunks = NULL;
	return 0;
}

static int by_entry_hash(const void *a, const void *b, void *entries)
{
	const uint8_t *x = (const uint8_t *)entries + *(const uint32_t *)a * BUNDLE_ENTRY_BYTES;
	const uint8_t *y = (const uint8_t *)entries + *(const uint32_t *)b * BUNDLE_ENTRY_BYTES;

	return memcmp(x + 4, y + 4, BUNDLE_HASH_BYTES);
}

int bundle_distinct_bytes(const uint8_t *entries, uint32_t n, uint64_t *ret)
{
	_cleanup_free_ uint32_t *order = calloc(n, sizeof(*order));
	uint64_t sum = 0;

	if (!order)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		order[i] = i;
	qsort_r(order, n, sizeof(*order), by_entry_hash, (void *)entries);
	for (uint32_t i = 0; i < n; i++)
		if (i == 0 || by_entry_hash(&order[i - 1], &order[i], (void *)entries))
			sum += le32_load(entries + order[i] * BUNDLE_ENTRY_BYTES);
	*ret = sum;
	return 0;
}

enum bundle_part bundle_part_of(const struct bundle_index *idx, uint32_t chunk)
{
	unsigned part = 0;

	assert(chunk < idx->n_chunks);
	while (chunk >= idx->start[part + 1])
		part++;
	return (enum bundle_part)part;
}

void bundle_index_done(struct bundle_index *idx)
{
	free(idx->chunks);
	*idx = (struct bundle_index){ .n_chunks = 0 };
}

/* The slot index: see slotindex.h. Nothing in it is believed, everything is bounded. */
#include "install/slotindex.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/blk.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/core/bytes.h"
#include "lib/core/slotdesc.h"

_Static_assert(SLOTINDEX_O_ENTRIES_SHA256 + DIGEST_BYTES == SLOTINDEX_O_UNUSED, "hash fits");
_Static_assert(SLOTINDEX_O_SEAL + DIGEST_BYTES == SLOTINDEX_FOOT_BYTES, "the seal is last");

static const unsigned part_bytes_at[BUNDLE_IN_SLOT] = {
	[BUNDLE_UKI] = SLOTINDEX_O_UKI_BYTES,
	[BUNDLE_ROOT] = SLOTINDEX_O_ROOT_BYTES,
	[BUNDLE_SIG] = SLOTINDEX_O_SIG_BYTES,
};

uint64_t slotindex_bytes(uint32_t n_chunks)
{
	return bundle_align((uint64_t)n_chunks * BUNDLE_ENTRY_BYTES) + SLOTINDEX_FOOT_BYTES;
}

uint64_t slotindex_place(uint64_t partition_bytes, uint64_t uki_bytes, uint32_t n_chunks)
{
	uint64_t needed = slotindex_bytes(n_chunks) + SLOTDESC_BYTES;

	if (n_chunks == 0 || n_chunks > BUNDLE_CHUNKS_MAX || uki_bytes == 0 ||
	    partition_bytes % BUNDLE_BLOCK_BYTES || partition_bytes < needed ||
	    partition_bytes - needed < uki_bytes)
		return 0;
	return partition_bytes - needed;
}

void slotindex_encode(const uint8_t *entries, uint32_t n_chunks,
		      const uint64_t part_bytes[BUNDLE_IN_SLOT], uint8_t *out)
{
	size_t len = (size_t)n_chunks * BUNDLE_ENTRY_BYTES;
	uint8_t sha256[DIGEST_BYTES];

	memset(out, 0, slotindex_bytes(n_chunks));
	memcpy(out, entries, len);
	digest_bytes(entries, len, sha256);
	slotindex_foot_encode(n_chunks, part_bytes, sha256,
			      out + slotindex_bytes(n_chunks) - SLOTINDEX_FOOT_BYTES);
}

void slotindex_foot_encode(uint32_t n_chunks, const uint64_t part_bytes[BUNDLE_IN_SLOT],
			   const uint8_t entries_sha256[32], uint8_t foot[SLOTINDEX_FOOT_BYTES])
{
	assert(n_chunks && n_chunks <= BUNDLE_CHUNKS_MAX);
	memset(foot, 0, SLOTINDEX_FOOT_BYTES);
	memcpy(foot + SLOTINDEX_O_MAGIC, SLOTINDEX_MAGIC, 8);
	le32_store(foot + SLOTINDEX_O_FORMAT, SLOTINDEX_FORMAT);
	le32_store(foot + SLOTINDEX_O_CHUNKS, n_chunks);
	for (unsigned p = 0; p < BUNDLE_IN_SLOT; p++)
		le64_store(foot + part_bytes_at[p], part_bytes[p]);
	memcpy(foot + SLOTINDEX_O_ENTRIES_SHA256, entries_sha256, DIGEST_BYTES);
	digest_bytes(foot, SLOTINDEX_O_SEAL, foot + SLOTINDEX_O_SEAL);
}

bool slotindex_foot_decode(const uint8_t foot[SLOTINDEX_FOOT_BYTES], uint32_t *ret_n_chunks)
{
	uint32_t n = le32_load(foot + SLOTINDEX_O_CHUNKS);
	uint8_t seal[DIGEST_BYTES];

	digest_bytes(foot, SLOTINDEX_O_SEAL, seal);
	if (memcmp(foot + SLOTINDEX_O_MAGIC, SLOTINDEX_MAGIC, 8) ||
	    memcmp(foot + SLOTINDEX_O_SEAL, seal, sizeof(seal)) ||
	    le32_load(foot + SLOTINDEX_O_FORMAT) != SLOTINDEX_FORMAT ||
	    !bytes_are_zero(foot + SLOTINDEX_O_UNUSED, SLOTINDEX_O_SEAL - SLOTINDEX_O_UNUSED) ||
	    n == 0 || n > BUNDLE_CHUNKS_MAX)
		return false;
	*ret_n_chunks = n;
	return true;
}

static int compare(const struct slotindex_chunk *x, const struct slotindex_chunk *y)
{
	int r = memcmp(x->hash, y->hash, BUNDLE_HASH_BYTES);

	if (r == 0 && x->length != y->length)
		r = x->length < y->length ? -1 : 1;
	if (r == 0 && x->part != y->part)
		r = x->part < y->part ? -1 : 1;
	if (r == 0 && x->part_offset != y->part_offset)
		r = x->part_offset < y->part_offset ? -1 : 1;
	return r;
}

/* Let the chunk at @i sink until none of the heap's @n below it is behind it in the order. */
static void sink(struct slotindex_chunk *heap, uint32_t i, uint32_t n)
{
	const struct slotindex_chunk c = heap[i];

	for (uint32_t child; (child = 2 * i + 1) < n; i = child) {
		if (child + 1 < n && compare(&heap[child], &heap[child + 1]) < 0)
			child++;
		if (compare(&c, &heap[child]) >= 0)
			break;
		heap[i] = heap[child];
	}
	heap[i] = c;
}

/* In place, which qsort() is not: that would be as much memory again. */
static void sort(struct slotindex_chunk *chunks, uint32_t n)
{
	for (uint32_t i = n / 2; i-- > 0;)
		sink(chunks, i, n);
	for (uint32_t end = n; end-- > 1;) {
		const struct slotindex_chunk last = chunks[0];

		chunks[0] = chunks[end];
		chunks[end] = last;
		sink(chunks, 0, end);
	}
}

/* False when the chunks do not cover the parts exactly. */
static bool decode_entries(const uint8_t *entries, struct slotindex *idx)
{
	unsigned part = 0;
	uint64_t at = 0;

	for (uint32_t i = 0; i < idx->n_chunks; i++) {
		const uint8_t *e = entries + (size_t)i * BUNDLE_ENTRY_BYTES;
		struct slotindex_chunk *c = &idx->chunks[i];

		if (part == BUNDLE_IN_SLOT)
			return false;
		c->length = le32_load(e);
		memcpy(c->hash, e + 4, BUNDLE_HASH_BYTES);
		if (!c->length || c->length > BUNDLE_CHUNK_MAX ||
		    c->length > idx->part_bytes[part] - at)
			return false;
		c->part = part;
		c->part_offset = at;
		at += c->length;
		if (at == idx->part_bytes[part]) {
			part++;
			at = 0;
		}
	}
	return part == BUNDLE_IN_SLOT;
}

int slotindex_decode(const uint8_t foot[SLOTINDEX_FOOT_BYTES], const uint8_t *entries,
		     struct slotindex *ret)
{
	_cleanup_slotindex_ struct slotindex idx = { .n_chunks = 0 };
	uint8_t sha256[DIGEST_BYTES];

	if (!slotindex_foot_decode(foot, &idx.n_chunks))
		return -EBADMSG;
	for (unsigned p = 0; p < BUNDLE_IN_SLOT; p++)
		idx.part_bytes[p] = le64_load(foot + part_bytes_at[p]);
	digest_bytes(entries, (size_t)idx.n_chunks * BUNDLE_ENTRY_BYTES, sha256);
	if (memcmp(sha256, foot + SLOTINDEX_O_ENTRIES_SHA256, sizeof(sha256)))
		return -EBADMSG;
	idx.chunks = calloc(idx.n_chunks, sizeof(*idx.chunks));
	if (!idx.chunks)
		return -ENOMEM;
	if (!decode_entries(entries, &idx))
		return -EBADMSG;
	sort(idx.chunks, idx.n_chunks);
	*ret = idx;
	idx.chunks = NULL;
	return 0;
}

int slotindex_read(struct blk *boot, struct slotindex *ret)
{
	uint8_t foot[SLOTINDEX_FOOT_BYTES];
	_cleanup_free_ uint8_t *entries = NULL;
	uint64_t at;
	uint32_t n;
	int r;

	if (boot->size_bytes < SLOTINDEX_FOOT_BYTES + SLOTDESC_BYTES)
		return -ENOENT;
	r = blk_read(boot, boot->size_bytes - SLOTDESC_BYTES - SLOTINDEX_FOOT_BYTES, foot,
		     sizeof(foot));
	if (r)
		return r;
	if (!slotindex_foot_decode(foot, &n))
		return -ENOENT;
	at = slotindex_place(boot->size_bytes, le64_load(foot + SLOTINDEX_O_UKI_BYTES), n);
	if (at == 0)
		return -ENOENT;
	entries = malloc((size_t)n * BUNDLE_ENTRY_BYTES);
	if (!entries)
		return -ENOMEM;
	r = blk_read(boot, at, entries, (size_t)n * BUNDLE_ENTRY_BYTES);
	if (r == 0)
		r = slotindex_decode(foot, entries, ret);
	return r == -EBADMSG ? -ENOENT : r;
}

const struct slotindex_chunk *slotindex_find(const struct slotindex *idx,
					     const uint8_t hash[BUNDLE_HASH_BYTES], uint32_t length)
{
	uint32_t low = 0, high = idx->n_chunks;

	/* The first one that is not below the wanted one. */
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct slotindex_chunk *c = &idx->chunks[middle];
		int r = memcmp(c->hash, hash, BUNDLE_HASH_BYTES);

		if (r < 0 || (r == 0 && c->length < length))
			low = middle + 1;
		else
			high = middle;
	}
	if (low == idx->n_chunks || idx->chunks[low].length != length ||
	    memcmp(idx->chunks[low].hash, hash, BUNDLE_HASH_BYTES))
		return NULL;
	return &idx->chunks[low];
}

void slotindex_done(struct slotindex *idx)
{
	free(idx->chunks);
	*idx = (struct slotindex){ .n_chunks = 0 };
}

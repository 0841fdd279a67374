/*
 * The slot index: what a slot holds, chunk by chunk, so that an update can take
 * from the running slot what did not change, instead of fetching it.
 *
 * It lies in the slot's boot partition behind the UKI and right before the slot
 * descriptor, and is found from the end:
 *
 *	UKI ... | entries, zeroes | foot (4096 bytes) | slot descriptor (4096 bytes)
 *
 * The entries are those of the bundle's index for UKI, root and signature. They are
 * a hint and prove nothing: every chunk taken by them is hashed against the signed
 * index of the new version before it is used. A slot without one, or with one that
 * is torn, is simply a slot from which nothing is reused.
 */
#ifndef INSTALL_SLOTINDEX_H
#define INSTALL_SLOTINDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "install/bundle.h"

struct blk;

#define SLOTINDEX_MAGIC "kilnindx"
#define SLOTINDEX_FORMAT 1u
#define SLOTINDEX_FOOT_BYTES 4096u

/* Byte offsets in the foot; numbers are little-endian, the rest is zero. */
enum slotindex_offset {
	SLOTINDEX_O_MAGIC = 0, /* 8 bytes */
	SLOTINDEX_O_FORMAT = 8, /* u32 */
	SLOTINDEX_O_CHUNKS = 12, /* u32, 1 to BUNDLE_CHUNKS_MAX */
	SLOTINDEX_O_UKI_BYTES = 16, /* u64 */
	SLOTINDEX_O_ROOT_BYTES = 24, /* u64 */
	SLOTINDEX_O_SIG_BYTES = 32, /* u64 */
	SLOTINDEX_O_ENTRIES_SHA256 = 40, /* 32 bytes, of the entries without padding */
	SLOTINDEX_O_UNUSED = 72, /* zero up to the seal */
	SLOTINDEX_O_SEAL = 4064, /* SHA-256 of everything before */
};

/* Where one chunk lies in the slot. */
struct slotindex_chunk {
	uint8_t hash[BUNDLE_HASH_BYTES];
	uint64_t part_offset;
	uint32_t length;
	uint32_t part; /* enum bundle_part, below BUNDLE_IN_SLOT */
};

struct slotindex {
	uint32_t n_chunks;
	uint64_t part_bytes[BUNDLE_IN_SLOT];
	struct slotindex_chunk *chunks; /* owned; sorted by hash, then as in the slot */
};

/*
 * Where the index of @n_chunks begins in a boot partition of @partition_bytes that
 * holds a UKI of @uki_bytes; 0 when there is no room for it (or n_chunks is 0 or too
 * large). It ends where the slot descriptor begins.
 */
uint64_t slotindex_place(uint64_t partition_bytes, uint64_t uki_bytes, uint32_t n_chunks);

/* Bytes that an index of @n_chunks takes, foot included: whole blocks. */
uint64_t slotindex_bytes(uint32_t n_chunks);

/*
 * Encode: @out is slotindex_bytes(@n_chunks), @entries the first @n_chunks entries of
 * a bundle's encoded index, which cover the parts of a slot, whose lengths are
 * @part_bytes.
 */
void slotindex_encode(const uint8_t *entries, uint32_t n_chunks,
		      const uint64_t part_bytes[BUNDLE_IN_SLOT], uint8_t *out);

/* The last part of that alone: the foot to @n_chunks entries with this SHA-256. */
void slotindex_foot_encode(uint32_t n_chunks, const uint64_t part_bytes[BUNDLE_IN_SLOT],
			   const uint8_t entries_sha256[32], uint8_t foot[SLOTINDEX_FOOT_BYTES]);

/*
 * Look at the foot, the block before the slot descriptor. True, with the number of
 * chunks, when it is one: the entries then are the *ret_n_chunks * BUNDLE_ENTRY_BYTES
 * from slotindex_place() on, which must not return 0.
 */
bool slotindex_foot_decode(const uint8_t foot[SLOTINDEX_FOOT_BYTES], uint32_t *ret_n_chunks);

/*
 * Decode @entries, whose number slotindex_foot_decode() gave. 0, with @ret to be released by
 * slotindex_done(); -EBADMSG when foot and entries do not belong together; -ENOMEM.
 */
int slotindex_decode(const uint8_t foot[SLOTINDEX_FOOT_BYTES], const uint8_t *entries,
		     struct slotindex *ret);

/*
 * Read the index from a boot partition. -ENOENT when there is none, or none that can
 * be used; else 0, a read's errno, or -ENOMEM.
 */
int slotindex_read(struct blk *boot, struct slotindex *ret);

/*
 * A chunk of the slot with this hash and length; NULL when there is none. Owned by @idx.
 * Its bytes may be anything: hash them.
 */
const struct slotindex_chunk *slotindex_find(const struct slotindex *idx,
					     const uint8_t hash[BUNDLE_HASH_BYTES],
					     uint32_t length);

/* Release what slotindex_decode() or slotindex_read() gave; may be all zero. */
void slotindex_done(struct slotindex *idx);
#define _cleanup_slotindex_ __attribute__((cleanup(slotindex_done)))

#endif

/*
 * A bundle: one version of an image as one file that an installer can stream.
 *
 *	head | signature | manifest | index | data
 *
 * Each piece starts at a multiple of 4096 bytes and is filled up with zeroes. The
 * signature is over the manifest; the manifest holds the SHA-256 of the index and
 * of every part; the index holds a hash of every chunk of the data. So nothing is
 * parsed before its bytes were checked, but for the head, which is two lengths.
 *
 * How to read one, from a file or as it arrives:
 *
 *	bundle_head_decode(first 4096 bytes)           two capped lengths
 *	bundle_offsets_of(head)                        where signature and manifest lie
 *	bundle_manifest_open(signature, manifest, trusted)     verified, then parsed
 *	bundle_locate(manifest, offsets)               where index and data lie
 *	bundle_index_decode(index)                     checked, then every chunk's place
 *	for each chunk: bytes at data + chunk.data_offset; bundle_hash() must be chunk.hash
 *
 * The format is described in kiln-bundle(5).
 */
#ifndef INSTALL_BUNDLE_H
#define INSTALL_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/verity_table.h"
#include "lib/core/version.h"
#include "verity/cms.h"

struct buf;
struct err;

#define BUNDLE_BLOCK_BYTES 4096u /* every piece starts at a multiple of it */
#define BUNDLE_MAGIC "kilnbndl"
#define BUNDLE_FORMAT 1u
#define BUNDLE_MANIFEST_MAX 65536u
#define BUNDLE_SUFFIX ".kiln"

#define BUNDLE_HASH_BYTES 16u /* of a chunk: SHA-256, cut off */
#define BUNDLE_ENTRY_BYTES 20u /* of the index: u32 length, hash */
#define BUNDLE_CHUNK_MAX (1u << 20) /* bytes of one chunk */
/* 10 of the 32 MiB that an install may take; a builder with more to say cuts more coarsely. */
#define BUNDLE_CHUNKS_MAX (1u << 18)
#define BUNDLE_INDEX_MAX (BUNDLE_CHUNKS_MAX * BUNDLE_ENTRY_BYTES)

#define BUNDLE_UKI_MAX (UINT64_C(1) << 30)
#define BUNDLE_ARCH_SIZE 16 /* Debian's name of the architecture, with the NUL */

/* Byte offsets in the head; numbers are little-endian, the rest is zero. */
enum bundle_head_offset {
	BUNDLE_O_MAGIC = 0, /* 8 bytes */
	BUNDLE_O_FORMAT = 8, /* u32 */
	BUNDLE_O_ZERO = 12, /* u32 */
	BUNDLE_O_SIGNATURE_BYTES = 16, /* u32 */
	BUNDLE_O_MANIFEST_BYTES = 20, /* u32 */
	BUNDLE_O_SIGNATURE_SHA256 = 24, /* 32 bytes */
	BUNDLE_O_UNUSED = 56,
};

/* Why a bundle is not used. Words for --json: bundle_error_name(). */
enum bundle_error {
	BUNDLE_OK = 0,
	BUNDLE_E_MAGIC, /* no bundle at all */
	BUNDLE_E_FORMAT, /* a bundle of a newer kiln */
	BUNDLE_E_SIGNATURE, /* not signed by whom we trust, or changed since */
	BUNDLE_E_DAMAGED, /* bytes are not the signed ones */
	BUNDLE_E_FIELD, /* signed, but it makes no sense */
};

/*
 * The parts of a version. The first four are in the data, in this order, which is
 * the order of writing; the hash tree is derived from the root on the device.
 */
enum bundle_part {
	BUNDLE_UKI, /* from byte 0 of the boot partition */
	BUNDLE_ROOT, /* squashfs, a multiple of 4096 bytes */
	BUNDLE_SIG, /* the signature partition: verity/sigfile.h */
	BUNDLE_SELECTOR, /* the selector that this version was built with */
	BUNDLE_CARRIED, /* number of parts in the data */
	BUNDLE_VERITY = BUNDLE_CARRIED, /* superblock and hash tree: verity/tree.h */
	BUNDLE_PARTS,
	BUNDLE_IN_SLOT = BUNDLE_SELECTOR, /* number of carried parts that a slot holds */
};

/* "uki", "root", "sig", "selector", "verity". */
const char *bundle_part_name(enum bundle_part part);

struct bundle_head {
	uint32_t signature_bytes; /* 1 to CMS_DER_MAX */
	uint32_t manifest_bytes; /* 1 to BUNDLE_MANIFEST_MAX */
	/* Of the signature's bytes: see bundle_signature_check(). Proves nothing. */
	uint8_t signature_sha256[32];
};

/* What the manifest says of one piece. */
struct bundle_piece {
	uint64_t bytes;
	uint8_t sha256[32];
};

/* The signed manifest. Plain data, copyable. */
struct bundle_manifest {
	char name[IMAGE_NAME_SIZE]; /* texts as version_valid() takes them */
	char version[VERSION_TEXT_SIZE];
	char arch[BUNDLE_ARCH_SIZE];
	uint64_t epoch; /* compared with the rollback floor */
	uint32_t state_min, state_max; /* layouts of /var it can use; it writes the last one */
	uint8_t root_hash[VERITY_HASH_BYTES];
	uint8_t salt[VERITY_SALT_MAX];
	size_t salt_len; /* may be 0 */
	uint8_t uuid[16]; /* of the verity superblock */
	uint32_t tries; /* 1 to BS_TRIES_MAX */
	struct bundle_piece index; /* bytes: a multiple of BUNDLE_ENTRY_BYTES */
	uint64_t data_bytes;
	struct bundle_piece part[BUNDLE_PARTS];
};

/* Where the pieces start, in bytes from the start of the file. */
struct bundle_offsets {
	uint64_t signature, manifest, index, data;
	uint64_t end; /* of the file */
};

/* One chunk, in the order of the index. */
struct bundle_chunk {
	uint64_t part_offset; /* of its first byte in its part */
	uint64_t data_offset; /* of its bytes in the data */
	uint32_t length; /* 1 to BUNDLE_CHUNK_MAX */
	uint32_t first; /* the first chunk with these bytes; its own number if it is that */
	uint8_t hash[BUNDLE_HASH_BYTES];
};

struct bundle_index {
	uint32_t n_chunks;
	/* Chunks [start[p], start[p + 1]) are part p. */
	uint32_t start[BUNDLE_CARRIED + 1];
	struct bundle_chunk *chunks; /* owned */
};

/* @bytes filled up to whole blocks. @bytes at most 2^63. */
static inline uint64_t bundle_align(uint64_t bytes)
{
	return (bytes + BUNDLE_BLOCK_BYTES - 1) / BUNDLE_BLOCK_BYTES * BUNDLE_BLOCK_BYTES;
}

/*
 * Decode the first 4096 bytes of a file. 0; BUNDLE_E_MAGIC, BUNDLE_E_FORMAT, or
 * BUNDLE_E_DAMAGED when a length is out of bounds or a reserved byte is not zero.
 */
int bundle_head_decode(const uint8_t block[BUNDLE_BLOCK_BYTES], struct bundle_head *ret,
		       struct err *err);

/* Encode @head, whose lengths are within bounds (asserted). */
void bundle_head_encode(const struct bundle_head *head, uint8_t block[BUNDLE_BLOCK_BYTES]);

/*
 * True when the head->signature_bytes at @der are those that the head was written with. A
 * CMS message has bytes that can change without making it another signature; whoever wants to
 * know that a file is undamaged to the last bit, not only that it can be trusted, asks this.
 */
bool bundle_signature_check(const struct bundle_head *head, const uint8_t *der);

/* Where signature, manifest and index start; data and end stay 0 until bundle_locate(). */
struct bundle_offsets bundle_offsets_of(const struct bundle_head *head);

/* Fill in where the data start and the file ends. */
void bundle_locate(const struct bundle_manifest *m, struct bundle_offsets *offsets);

/*
 * Verify @der over the manifest's @text (each without its padding) against the
 * certificates in @trusted_pem as cms_verify() does, and only then parse it.
 * 0; BUNDLE_E_SIGNATURE, BUNDLE_E_FIELD; -EINVAL for an unusable @trusted_pem, -ENOMEM.
 */
int bundle_manifest_open(const uint8_t *der, size_t der_len, const char *text, size_t len,
			 const char *trusted_pem, size_t trusted_len, struct bundle_manifest *ret,
			 struct err *err);

/*
 * Parse a manifest whose bytes were verified; bundle_manifest_open() is what readers
 * want. Only what bundle_manifest_encode() writes is taken, byte for byte.
 * 0 or BUNDLE_E_FIELD; -ENOMEM.
 */
int bundle_manifest_parse(const char *text, size_t len, struct bundle_manifest *ret,
			  struct err *err);

/*
 * Append the text of @m to @text. 0; BUNDLE_E_FIELD, with nothing appended, when a
 * field is out of bounds or parts do not fit together (a root that is not whole
 * blocks, a hash tree of the wrong size); -ENOMEM.
 */
int bundle_manifest_encode(const struct bundle_manifest *m, struct buf *text, struct err *err);

/* The hash that the index holds of a chunk of @len bytes. */
void bundle_hash(const void *data, size_t len, uint8_t ret[BUNDLE_HASH_BYTES]);

/*
 * Check the m->index.bytes at @bytes (without padding) against the manifest, then
 * decode them: parts cover exactly the lengths that @m names, distinct chunks
 * exactly its data. 0, with @ret to be released by bundle_index_done();
 * BUNDLE_E_DAMAGED, BUNDLE_E_FIELD, -ENOMEM.
 */
int bundle_index_decode(const uint8_t *bytes, const struct bundle_manifest *m,
			struct bundle_index *ret, struct err *err);

/*
 * The bytes of the distinct chunks among @n encoded @entries: what a manifest's data_bytes
 * must be. For a builder; 0 or -ENOMEM.
 */
int bundle_distinct_bytes(const uint8_t *entries, uint32_t n, uint64_t *ret);

/* Encode one entry. @length is within bounds (asserted). */
void bundle_entry_encode(uint32_t length, const uint8_t hash[BUNDLE_HASH_BYTES],
			 uint8_t out[BUNDLE_ENTRY_BYTES]);

/* The part that chunk number @chunk belongs to. */
enum bundle_part bundle_part_of(const struct bundle_index *idx, uint32_t chunk);

/* Release what bundle_index_decode() gave. NULL-safe pointers inside; may be all zero. */
void bundle_index_done(struct bundle_index *idx);
#define _cleanup_bundle_index_ __attribute__((cleanup(bundle_index_done)))

/* A stable word ("signature") and a sentence for an enum bundle_error. */
const char *bundle_error_name(int error);
const char *bundle_error_text(int error);

#endif

/*
 * SHA-256 (FIPS 180-4) in plain C, for the places without OpenSSL: the selector
 * hashes a UKI with it, the boot state seals its records with it. Hosted code
 * with much to hash uses lib/base/digest.
 */
#ifndef LIB_CORE_SHA256_H
#define LIB_CORE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32
#define SHA256_BLOCK_BYTES 64

/* The round constants (section 4.2.2), aligned so that verity/ can load vectors of them. */
extern const uint32_t sha256_k[64];

/* A hash in progress. */
struct sha256 {
	uint32_t h[8];
	uint64_t len_bytes;
	uint8_t block[SHA256_BLOCK_BYTES];
};

/* Start anew; then add, in pieces of any length. */
void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t len);
/* Write the digest; @s must be sha256_init()ed before it is used again. */
void sha256_take(struct sha256 *s, uint8_t out[SHA256_BYTES]);

/* One-shot over memory. */
void sha256_bytes(const void *data, size_t len, uint8_t out[SHA256_BYTES]);

#endif

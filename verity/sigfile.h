/*
 * The verity signature partition of the Discoverable Partitions Specification:
 * a JSON object, NUL-padded to 16 KiB, with the root hash and its CMS signature.
 *
 *	{"rootHash":"<64 hex>","certificateFingerprint":"<64 hex>","signature":"<base64>"}
 *
 * Early init parses it before anything is verified, so the parser is small,
 * allocates nothing and accepts nothing beyond this shape: one flat object,
 * those keys once each, plain strings without escapes, zeroes behind it.
 */
#ifndef VERITY_SIGFILE_H
#define VERITY_SIGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "verity/cms.h"

struct err;

#define SIGFILE_BYTES 16384u

struct sigfile {
	uint8_t root[32];
	bool has_fingerprint; /* the specification lets writers leave it out */
	uint8_t fingerprint[32]; /* SHA-256 of the signer's certificate as DER */
	size_t der_len;
	uint8_t der[CMS_DER_MAX]; /* the CMS signature */
};

/*
 * Write @sig as the partition's content, padded with zeroes.
 * 0, or -EINVAL when der_len is 0 or above CMS_DER_MAX.
 */
int sigfile_write(const struct sigfile *sig, uint8_t ret_bytes[SIGFILE_BYTES], struct err *err);

/*
 * Parse @len (at most SIGFILE_BYTES) bytes. 0; -EINVAL with the offset and what
 * was expected in @err; *ret_sig is written only on success. Nothing is
 * verified: pass root (as hex) and der to cms_verify() next.
 */
int sigfile_parse(const uint8_t *bytes, size_t len, struct sigfile *ret_sig, struct err *err);

#endif

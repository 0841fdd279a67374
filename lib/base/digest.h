/*
 * SHA-256 for hosted code, by OpenSSL (which uses the CPU's SHA instructions).
 * lib/core/sha256 is the freestanding one.
 */
#ifndef LIB_BASE_DIGEST_H
#define LIB_BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define DIGEST_BYTES 32
#define DIGEST_HEX_SIZE 65 /* 64 lowercase hex digits and a NUL */

struct digest; /* a hash in progress */
struct err;

/* NULL when out of memory. */
struct digest *digest_new(void);
void digest_add(struct digest *d, const void *data, size_t len);
/* Write the result and start over with an empty message. */
void digest_take(struct digest *d, uint8_t out[DIGEST_BYTES]);
/* NULL-safe; returns NULL. */
struct digest *digest_free(struct digest *d);

/* One-shot over memory. */
void digest_bytes(const void *data, size_t len, uint8_t out[DIGEST_BYTES]);
/* Over the rest of @fd from its current offset; 0 or a negative errno. @ret_len may be NULL. */
int digest_fd(int fd, uint8_t out[DIGEST_BYTES], uint64_t *ret_len);
int digest_file(const char *path, uint8_t out[DIGEST_BYTES], uint64_t *ret_len, struct err *err);

/* MD5, which the dpkg database uses to tell changed files; never for trust. */
#define DIGEST_MD5_BYTES 16
void digest_md5(const void *data, size_t len, uint8_t out[DIGEST_MD5_BYTES]);

/* Lowercase hex of @len bytes into @out (2*len+1 chars). */
void digest_hex(const uint8_t *bytes, size_t len, char *out);
/* Parse exactly 2*@len hex digits (either case), then the NUL; 0, or -EINVAL and @out alone. */
int digest_unhex(const char *hex, uint8_t *out, size_t len);

#endif

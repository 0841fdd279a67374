/*
 * What the SHA-256 kernels share: the round constants and their entry points.
 * Private to verity/sha256*.c; everyone else uses verity/sha256mb.h.
 */
#ifndef VERITY_SHA256_KERNELS_H
#define VERITY_SHA256_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* FIPS 180-4 section 4.2.2, aligned so that vectors of four can be loaded. */
extern const uint32_t sha256_k[64];

#if defined(__x86_64__)
/* Two interleaved streams of the SHA instructions. */
bool sha256_shani_available(void);
void sha256_shani_run(uint32_t (*state)[8], const uint8_t *const *data, size_t n_blocks);

/* One message per 32-bit lane of a vector register: 8 and 16 of them. */
bool sha256_avx2_available(void);
void sha256_avx2_run(uint32_t (*state)[8], const uint8_t *const *data, size_t n_blocks);
bool sha256_avx512_available(void);
void sha256_avx512_run(uint32_t (*state)[8], const uint8_t *const *data, size_t n_blocks);
#endif

#endif

/*
 * The entry points of the SHA-256 kernels; the round constants are sha256_k.
 * Private to verity/sha256*.c; everyone else uses verity/sha256mb.h.
 */
#ifndef VERITY_SHA256_KERNELS_H
#define VERITY_SHA256_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/sha256.h"

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

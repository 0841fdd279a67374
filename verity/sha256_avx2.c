/*
 * SHA-256 of eight messages in the lanes of AVX2 registers, for processors
 * without the SHA instructions (Intel before Ice Lake).
 */
#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx2")))
#define LANES 8
#define V __m256i
#define ADD(a, b) _mm256_add_epi32(a, b)
#define SHR(a, n) _mm256_srli_epi32(a, n)
#define XOR(a, b) _mm256_xor_si256(a, b)
#define AND(a, b) _mm256_and_si256(a, b)
#define ROR(a, n) _mm256_or_si256(_mm256_srli_epi32(a, n), _mm256_slli_epi32(a, 32 - (n)))
#define XOR3(a, b, c) XOR(XOR(a, b), c)
#define CH(e, f, g) XOR(g, AND(e, XOR(f, g)))
#define MAJ(a, b, c) XOR(AND(a, b), AND(c, XOR(a, b)))
#define SET1(k) _mm256_set1_epi32((int)(k))

#include "verity/sha256_lanes.h"

bool sha256_avx2_available(void)
{
	return __builtin_cpu_supports("avx2");
}

/* Eight words of each of eight messages: w[i] lane m = word i of message m. */
TARGET static inline void transpose(__m256i w[8], const uint8_t *const *data, size_t offset)
{
	const __m256i swap = _mm256_broadcastsi128_si256(
		_mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL));
	__m256i r[8], q[8];

	for (unsigned i = 0; i < 8; i++)
		r[i] = _mm256_shuffle_epi8(
			_mm256_loadu_si256((const __m256i *)(data[i] + offset)), swap);
	for (unsigned i = 0; i < 8; i += 2) {
		q[i] = _mm256_unpacklo_epi32(r[i], r[i + 1]);
		q[i + 1] = _mm256_unpackhi_epi32(r[i], r[i + 1]);
	}
	for (unsigned i = 0; i < 8; i += 4) {
		r[i] = _mm256_unpacklo_epi64(q[i], q[i + 2]);
		r[i + 1] = _mm256_unpackhi_epi64(q[i], q[i + 2]);
		r[i + 2] = _mm256_unpacklo_epi64(q[i + 1], q[i + 3]);
		r[i + 3] = _mm256_unpackhi_epi64(q[i + 1], q[i + 3]);
	}
	for (unsigned i = 0; i < 4; i++) {
		w[i] = _mm256_permute2x128_si256(r[i], r[i + 4], 0x20);
		w[i + 4] = _mm256_permute2x128_si256(r[i], r[i + 4], 0x31);
	}
}

TARGET void sha256_avx2_run(uint32_t (*state)[8], const uint8_t *const *data, size_t n_blocks)
{
	__m256i s[8], w[16];

	lanes_load(s, state);
	for (size_t i = 0; i < n_blocks; i++) {
		transpose(w, data, i * 64);
		transpose(w + 8, data, i * 64 + 32);
		lanes_block(s, w);
	}
	lanes_store(s, state);
}

#else
typedef int sha256_avx2_is_for_x86; /* ISO C wants a declaration in every file */
#endif

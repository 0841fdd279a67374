/*
 * SHA-256 of sixteen messages in the lanes of AVX-512 registers, for servers
 * without the SHA instructions (Skylake, Cascade Lake). The rotate and
 * three-operand logic instructions halve the work of AVX2 per message.
 */
#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw")))
#define LANES 16
#define V __m512i
#define ADD(a, b) _mm512_add_epi32(a, b)
#define SHR(a, n) _mm512_srli_epi32(a, n)
#define ROR(a, n) _mm512_ror_epi32(a, n)
#define XOR3(a, b, c) _mm512_ternarylogic_epi32(a, b, c, 0x96)
#define CH(e, f, g) _mm512_ternarylogic_epi32(e, f, g, 0xca)
#define MAJ(a, b, c) _mm512_ternarylogic_epi32(a, b, c, 0xe8)
#define SET1(k) _mm512_set1_epi32((int)(k))

#include "verity/sha256_lanes.h"

bool sha256_avx512_available(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
}

/* One 64-byte block of each of sixteen messages: w[i] lane m = word i of message m. */
TARGET static inline void transpose(__m512i w[16], const uint8_t *const *data, size_t offset)
{
	const __m512i swap = _mm512_broadcast_i32x4(
		_mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL));
	__m512i r[16], q[16];

	for (unsigned i = 0; i < 16; i++)
		r[i] = _mm512_shuffle_epi8(_mm512_loadu_si512(data[i] + offset), swap);
	for (unsigned i = 0; i < 16; i += 2) {
		q[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
		q[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
	}
	/* r[4g + k]: in each 128-bit quarter j the words 4j + k of messages 4g to 4g + 3. */
	for (unsigned i = 0; i < 16; i += 4) {
		r[i] = _mm512_unpacklo_epi64(q[i], q[i + 2]);
		r[i + 1] = _mm512_unpackhi_epi64(q[i], q[i + 2]);
		r[i + 2] = _mm512_unpacklo_epi64(q[i + 1], q[i + 3]);
		r[i + 3] = _mm512_unpackhi_epi64(q[i + 1], q[i + 3]);
	}
	for (unsigned k = 0; k < 4; k++) {
		__m512i lo01 = _mm512_shuffle_i32x4(r[k], r[4 + k], 0x44);
		__m512i hi01 = _mm512_shuffle_i32x4(r[k], r[4 + k], 0xee);
		__m512i lo23 = _mm512_shuffle_i32x4(r[8 + k], r[12 + k], 0x44);
		__m512i hi23 = _mm512_shuffle_i32x4(r[8 + k], r[12 + k], 0xee);

		w[k] = _mm512_shuffle_i32x4(lo01, lo23, 0x88);
		w[4 + k] = _mm512_shuffle_i32x4(lo01, lo23, 0xdd);
		w[8 + k] = _mm512_shuffle_i32x4(hi01, hi23, 0x88);
		w[12 + k] = _mm512_shuffle_i32x4(hi01, hi23, 0xdd);
	}
}

TARGET void sha256_avx512_run(uint32_t (*state)[8], const uint8_t *const *data, size_t n_blocks)
{
	__m512i s[8], w[16];

	lanes_load(s, state);
	for (size_t i = 0; i < n_blocks; i++) {
		transpose(w, data, i * 64);
		lanes_block(s, w);
	}
	lanes_store(s, state);
}

#else
typedef int sha256_avx512_is_for_x86; /* ISO C wants a declaration in every file */
#endif

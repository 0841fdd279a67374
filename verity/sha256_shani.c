/*
 * SHA-256 by the SHA instructions, two messages at a time.
 *
 * One message leaves the unit idle most of the time: each sha256rnds2 waits for
 * the one before. A second, independent message fills the gaps; a third would
 * no longer fit the sixteen registers the instructions can name.
 */
#include "verity/sha256_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET __attribute__((target("sha,sse4.1,ssse3")))

/* The instructions want the eight words as ABEF and CDGH. */
struct stream {
	__m128i abef, cdgh;
	__m128i w[4]; /* the last sixteen words of the message schedule */
};

bool sha256_shani_available(void)
{
	unsigned a, b, c, d;

	/* __builtin_cpu_supports() of gcc 12 does not know "sha". */
	if (!__builtin_cpu_supports("sse4.1") || !__builtin_cpu_supports("ssse3"))
		return false;
	__asm__("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(0), "c"(0));
	if (a < 7)
		return false;
	__asm__("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(7), "c"(0));
	return b >> 29 & 1;
}

TARGET static inline void stream_load(struct stream *s, const uint32_t state[8])
{
	__m128i dcba = _mm_loadu_si128((const __m128i *)state);
	__m128i hgfe = _mm_loadu_si128((const __m128i *)(state + 4));
	__m128i cdab = _mm_shuffle_epi32(dcba, 0xb1);
	__m128i efgh = _mm_shuffle_epi32(hgfe, 0x1b);

	s->abef = _mm_alignr_epi8(cdab, efgh, 8);
	s->cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
}

TARGET static inline void stream_store(const struct stream *s, uint32_t state[8])
{
	__m128i feba = _mm_shuffle_epi32(s->abef, 0x1b);
	__m128i dchg = _mm_shuffle_epi32(s->cdgh, 0xb1);

	_mm_storeu_si128((__m128i *)state, _mm_blend_epi16(feba, dchg, 0xf0));
	_mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

/* Rounds 4*@g to 4*@g+3, and the schedule words for the group after. */
TARGET static inline void stream_rounds(struct stream *s, const uint8_t *block, unsigned g)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
	__m128i *w = s->w, wk, next;

	if (g < 4)
		w[g] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)block + g), swap);
	wk = _mm_add_epi32(w[g & 3], _mm_load_si128((const __m128i *)sha256_k + g));
	s->cdgh = _mm_sha256rnds2_epu32(s->cdgh, s->abef, wk);
	s->abef = _mm_sha256rnds2_epu32(s->abef, s->cdgh, _mm_shuffle_epi32(wk, 0x0e));
	if (g < 3 || g == 15)
		return;
	next = _mm_sha256msg1_epu32(w[(g + 1) & 3], w[(g + 2) & 3]);
	next = _mm_add_epi32(next, _mm_alignr_epi8(w[g & 3], w[(g + 3) & 3], 4));
	w[(g + 1) & 3] = _mm_sha256msg2_epu32(next, w[g & 3]);
}

TARGET void sha256_shani_run(uint32_t (*state)[8], const uint8_t *const *data, size_t n_blocks)
{
	const uint8_t *p0 = data[0], *p1 = data[1];
	struct stream s0, s1;

	stream_load(&s0, state[0]);
	stream_load(&s1, state[1]);
	for (; n_blocks; n_blocks--, p0 += 64, p1 += 64) {
		__m128i abef0 = s0.abef, cdgh0 = s0.cdgh, abef1 = s1.abef, cdgh1 = s1.cdgh;

#pragma GCC unroll 16
		for (unsigned g = 0; g < 16; g++) {
			stream_rounds(&s0, p0, g);
			stream_rounds(&s1, p1, g);
		}
		s0.abef = _mm_add_epi32(s0.abef, abef0);
		s0.cdgh = _mm_add_epi32(s0.cdgh, cdgh0);
		s1.abef = _mm_add_epi32(s1.abef, abef1);
		s1.cdgh = _mm_add_epi32(s1.cdgh, cdgh1);
	}
	stream_store(&s0, state[0]);
	stream_store(&s1, state[1]);
}

#endif

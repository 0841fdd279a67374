/*
 * The SHA-256 rounds over vectors, one message per 32-bit lane. The including
 * file defines the vector and its operations: V, LANES, ADD, ROR, SHR, XOR3,
 * CH, MAJ, SET1, and TARGET (the function attribute that allows them).
 */
#ifndef VERITY_SHA256_LANES_H
#define VERITY_SHA256_LANES_H

#include "verity/sha256_kernels.h"

#ifdef LANES /* nothing to compile without a vector */

/* One block in every lane: @w are its sixteen words, transposed and byte-swapped. */
TARGET static inline __attribute__((always_inline)) void lanes_block(V s[8], V w[16])
{
	V a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];

#pragma GCC unroll 64
	for (unsigned t = 0; t < 64; t++) {
		V t1, t2, *x = &w[t & 15];

		if (t >= 16) {
			V w15 = w[(t + 1) & 15], w2 = w[(t + 14) & 15];
			V s0 = XOR3(ROR(w15, 7), ROR(w15, 18), SHR(w15, 3));
			V s1 = XOR3(ROR(w2, 17), ROR(w2, 19), SHR(w2, 10));

			*x = ADD(ADD(*x, s0), ADD(w[(t + 9) & 15], s1));
		}
		t1 = ADD(ADD(h, SET1(sha256_k[t])), *x);
		t1 = ADD(t1, ADD(XOR3(ROR(e, 6), ROR(e, 11), ROR(e, 25)), CH(e, f, g)));
		t2 = ADD(XOR3(ROR(a, 2), ROR(a, 13), ROR(a, 22)), MAJ(a, b, c));
		h = g;
		g = f;
		f = e;
		e = ADD(d, t1);
		d = c;
		c = b;
		b = a;
		a = ADD(t1, t2);
	}
	s[0] = ADD(s[0], a);
	s[1] = ADD(s[1], b);
	s[2] = ADD(s[2], c);
	s[3] = ADD(s[3], d);
	s[4] = ADD(s[4], e);
	s[5] = ADD(s[5], f);
	s[6] = ADD(s[6], g);
	s[7] = ADD(s[7], h);
}

/* The states lie message by message in memory and word by word in the vectors. */
TARGET static inline void lanes_load(V s[8], uint32_t (*state)[8])
{
	uint32_t flat[LANES] __attribute__((aligned(64)));

	for (unsigned i = 0; i < 8; i++) {
		for (unsigned lane = 0; lane < LANES; lane++)
			flat[lane] = state[lane][i];
		s[i] = *(const V *)flat;
	}
}

TARGET static inline void lanes_store(const V s[8], uint32_t (*state)[8])
{
	uint32_t flat[LANES] __attribute__((aligned(64)));

	for (unsigned i = 0; i < 8; i++) {
		*(V *)flat = s[i];
		for (unsigned lane = 0; lane < LANES; lane++)
			state[lane][i] = flat[lane];
	}
}

#endif

#endif

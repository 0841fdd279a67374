/* See sha256.h. */
#include "lib/core/sha256.h"

#include "lib/core/bytes.h"
#include "lib/core/platform.h"

_Alignas(64) const uint32_t sha256_k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static uint32_t ror(uint32_t x, unsigned int n)
{
	return x >> n | x << (32 - n);
}

static uint32_t big_sigma0(uint32_t x) { return ror(x, 2) ^ ror(x, 13) ^ ror(x, 22); }
static uint32_t big_sigma1(uint32_t x) { return ror(x, 6) ^ ror(x, 11) ^ ror(x, 25); }
static uint32_t sigma0(uint32_t x) { return ror(x, 7) ^ ror(x, 18) ^ x >> 3; }
static uint32_t sigma1(uint32_t x) { return ror(x, 17) ^ ror(x, 19) ^ x >> 10; }

/* One round; the caller rotates the names instead of the values. */
#define ROUND(a, b, c, d, e, f, g, h, i) do { \
	uint32_t t1 = h + big_sigma1(e) + (g ^ (e & (f ^ g))) + sha256_k[i] + w[(i) & 15]; \
	d += t1; \
	h = t1 + big_sigma0(a) + ((a & b) | (c & (a | b))); \
} while (0)

static void compress(uint32_t s[8], const uint8_t *block)
{
	uint32_t w[16];
	uint32_t a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];

	for (unsigned int i = 0; i < 16; i++)
		w[i] = be32_load(block + 4 * i);
	for (unsigned int i = 0; i < 64; i += 8) {
		/* The schedule is a ring of 16 words, renewed before its next use. */
		if (i >= 16)
			for (unsigned int j = i; j < i + 8; j++)
				w[j & 15] += sigma1(w[(j - 2) & 15]) + w[(j - 7) & 15] +
					     sigma0(w[(j - 15) & 15]);
		ROUND(a, b, c, d, e, f, g, h, i);
		ROUND(h, a, b, c, d, e, f, g, i + 1);
		ROUND(g, h, a, b, c, d, e, f, i + 2);
		ROUND(f, g, h, a, b, c, d, e, i + 3);
		ROUND(e, f, g, h, a, b, c, d, i + 4);
		ROUND(d, e, f, g, h, a, b, c, i + 5);
		ROUND(c, d, e, f, g, h, a, b, i + 6);
		ROUND(b, c, d, e, f, g, h, a, i + 7);
	}
	s[0] += a;
	s[1] += b;
	s[2] += c;
	s[3] += d;
	s[4] += e;
	s[5] += f;
	s[6] += g;
	s[7] += h;
}

void sha256_init(struct sha256 *s)
{
	static const uint32_t start[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	};

	memcpy(s->h, start, sizeof(start));
	s->len_bytes = 0;
}

void sha256_add(struct sha256 *s, const void *data, size_t len)
{
	const uint8_t *from = data;
	size_t have = s->len_bytes % SHA256_BLOCK_BYTES;

	s->len_bytes += len;
	if (have) {
		size_t take = SHA256_BLOCK_BYTES - have < len ? SHA256_BLOCK_BYTES - have : len;

		memcpy(s->block + have, from, take);
		from += take;
		len -= take;
		if (have + take < SHA256_BLOCK_BYTES)
			return;
		compress(s->h, s->block);
	}
	for (; len >= SHA256_BLOCK_BYTES; len -= SHA256_BLOCK_BYTES, from += SHA256_BLOCK_BYTES)
		compress(s->h, from);
	if (len)
		memcpy(s->block, from, len);
}

void sha256_take(struct sha256 *s, uint8_t out[SHA256_BYTES])
{
	uint64_t bits = s->len_bytes * 8;
	size_t have = s->len_bytes % SHA256_BLOCK_BYTES;

	s->block[have++] = 0x80;
	if (have > SHA256_BLOCK_BYTES - 8) {
		memset(s->block + have, 0, SHA256_BLOCK_BYTES - have);
		compress(s->h, s->block);
		have = 0;
	}
	memset(s->block + have, 0, SHA256_BLOCK_BYTES - 8 - have);
	be64_store(s->block + SHA256_BLOCK_BYTES - 8, bits);
	compress(s->h, s->block);
	for (unsigned int i = 0; i < 8; i++)
		be32_store(out + 4 * i, s->h[i]);
}

void sha256_bytes(const void *data, size_t len, uint8_t out[SHA256_BYTES])
{
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, data, len);
	sha256_take(&s, out);
}

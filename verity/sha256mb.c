/*
 * SHA-256 of many messages at once: choosing the kernel, and cutting
 * prefix || data || padding into 64-byte blocks without copying the data.
 */
#include "verity/sha256mb.h"

#include <assert.h>
#include <string.h>

/* The one-block function of libcrypto is deprecated and has no successor. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "verity/sha256_kernels.h"

static bool portable_available(void)
{
	return true;
}

static void portable_run(uint32_t (*state)[8], const uint8_t *const *data, size_t n_blocks)
{
	SHA256_CTX ctx;

	memset(&ctx, 0, sizeof(ctx));
	memcpy(ctx.h, state[0], sizeof(state[0]));
	for (size_t i = 0; i < n_blocks; i++)
		SHA256_Transform(&ctx, data[0] + i * 64);
	memcpy(state[0], ctx.h, sizeof(state[0]));
}

const struct sha256mb_kernel sha256mb_kernels[] = {
#if defined(__x86_64__)
	{ "shani", 2, sha256_shani_available, sha256_shani_run },
	{ "avx512", 16, sha256_avx512_available, sha256_avx512_run },
	{ "avx2", 8, sha256_avx2_available, sha256_avx2_run },
#endif
	{ "portable", 1, portable_available, portable_run },
	{ NULL, 0, NULL, NULL },
};

const struct sha256mb_kernel *sha256mb_select(const char *name)
{
	for (const struct sha256mb_kernel *k = sha256mb_kernels; k->name; k++)
		if (name ? strcmp(k->name, name) == 0 && k->available() : k->available())
			return k;
	return NULL;
}

static const uint32_t initial[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
				     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

void sha256mb_init(struct sha256mb *mb, const uint8_t *prefix, size_t prefix_len,
		   const struct sha256mb_kernel *kernel)
{
	size_t whole = prefix_len / 64;

	assert(prefix_len <= SHA256MB_PREFIX_MAX);
	memset(mb, 0, sizeof(*mb));
	mb->kernel = kernel ? kernel : sha256mb_select(NULL);
	assert(mb->kernel->lanes <= SHA256MB_LANES_MAX);
	memcpy(mb->state, initial, sizeof(initial));
	mb->prefix_len = prefix_len;
	mb->rest_len = (unsigned)(prefix_len % 64);
	if (whole)
		portable_run(&mb->state, &prefix, whole);
	if (mb->rest_len)
		memcpy(mb->rest, prefix + whole * 64, mb->rest_len);
}

/* The last one or two blocks: what is left of the data, 0x80, zeroes, the bit count. */
static size_t make_tail(const struct sha256mb *mb, const uint8_t *data, size_t len,
			uint8_t tail[128])
{
	size_t left =
		mb->rest_len; /* len is a multiple of 64, so the tail is as long as the rest */
	size_t blocks = left + 9 <= 64 ? 1 : 2;
	uint64_t bits = (mb->prefix_len + len) * 8;

	memset(tail, 0, 128);
	memcpy(tail, data + len - left, left);
	tail[left] = 0x80;
	for (unsigned i = 0; i < 8; i++)
		tail[blocks * 64 - 1 - i] = (uint8_t)(bits >> (8 * i));
	return blocks;
}

static void put_digest(const uint32_t state[8], uint8_t digest[32])
{
	for (unsigned i = 0; i < 8; i++) {
		uint32_t be = __builtin_bswap32(state[i]);

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		be = state[i];
#endif
		memcpy(digest + 4 * i, &be, 4);
	}
}

/* One group of as many messages as the kernel has lanes; lanes past @n repeat the last message. */
static void hash_group(const struct sha256mb *mb, const uint8_t *data, size_t len, size_t n,
		       uint8_t (*digests)[32])
{
	uint32_t state[SHA256MB_LANES_MAX][8];
	uint8_t edge[SHA256MB_LANES_MAX][128];
	const uint8_t *body[SHA256MB_LANES_MAX], *edges[SHA256MB_LANES_MAX];
	unsigned lanes = mb->kernel->lanes;
	size_t head = mb->rest_len ? 64 - mb->rest_len : 0, tail_blocks = 0;

	for (unsigned i = 0; i < lanes; i++) {
		body[i] = data + (i < n ? i : n - 1) * len;
		edges[i] = edge[i];
		memcpy(state[i], mb->state, sizeof(state[i]));
		memcpy(edge[i], mb->rest, mb->rest_len);
		memcpy(edge[i] + mb->rest_len, body[i], head);
	}
	if (head)
		mb->kernel->run(state, edges, 1);
	for (unsigned i = 0; i < lanes; i++) {
		tail_blocks = make_tail(mb, body[i], len, edge[i]);
		body[i] += head;
	}
	mb->kernel->run(state, body, (len - head) / 64);
	mb->kernel->run(state, edges, tail_blocks);
	for (unsigned i = 0; i < n; i++)
		put_digest(state[i], digests[i]);
}

void sha256mb_hash(const struct sha256mb *mb, const uint8_t *data, size_t len, size_t n,
		   uint8_t (*digests)[32])
{
	unsigned lanes = mb->kernel->lanes;

	assert(len >= 64 && len % 64 == 0);
	for (size_t i = 0; i < n; i += lanes)
		hash_group(mb, data + i * len, len, n - i < lanes ? n - i : lanes, digests + i);
}

/* ---- messages of any length ---- */

/* A lane and the message in it: its whole blocks, then its edge with the padding. */
struct lane {
	const uint8_t *at;
	size_t blocks; /* left of the blocks or of the edge */
	size_t message; /* SIZE_MAX: none */
	bool in_edge;
	uint8_t edge[128];
};

static void begin_edge(struct lane *l, const struct sha256mb_message *m)
{
	size_t left = m->len % 64;
	uint64_t bits = (uint64_t)m->len * 8;

	l->blocks = left + 9 <= 64 ? 1 : 2;
	memset(l->edge, 0, sizeof(l->edge));
	if (left)
		memcpy(l->edge, m->data + m->len - left, left);
	l->edge[left] = 0x80;
	for (unsigned i = 0; i < 8; i++)
		l->edge[l->blocks * 64 - 1 - i] = (uint8_t)(bits >> (8 * i));
	l->at = l->edge;
	l->in_edge = true;
}

/* Make the lane one with blocks to run, of its message or the next. False: there is no more. */
static bool feed(struct lane *l, uint32_t state[8], const struct sha256mb_message *m, size_t n,
		 size_t *next, uint8_t (*digests)[32])
{
	while (l->blocks == 0) {
		if (l->message != SIZE_MAX && !l->in_edge) {
			begin_edge(l, &m[l->message]);
			return true;
		}
		if (l->message != SIZE_MAX)
			put_digest(state, digests[l->message]);
		l->message = *next < n ? (*next)++ : SIZE_MAX;
		if (l->message == SIZE_MAX)
			return false;
		memcpy(state, initial, sizeof(initial));
		l->at = m[l->message].data;
		l->blocks = m[l->message].len / 64;
		l->in_edge = false;
	}
	return true;
}

void sha256mb_hash_each(const struct sha256mb_kernel *kernel, const struct sha256mb_message *m,
			size_t n, uint8_t (*digests)[32])
{
	uint32_t state[SHA256MB_LANES_MAX][8] = { { 0 } };
	const uint8_t *data[SHA256MB_LANES_MAX];
	struct lane lane[SHA256MB_LANES_MAX];
	size_t next = 0;

	if (!kernel)
		kernel = sha256mb_select(NULL);
	for (unsigned i = 0; i < kernel->lanes; i++)
		lane[i] = (struct lane){ .message = SIZE_MAX };
	for (;;) {
		const struct lane *busy = NULL;
		size_t run = SIZE_MAX;

		for (unsigned i = 0; i < kernel->lanes; i++) {
			if (!feed(&lane[i], state[i], m, n, &next, digests))
				continue;
			busy = &lane[i];
			run = lane[i].blocks < run ? lane[i].blocks : run;
		}
		if (!busy)
			return;
		/* A lane without a message runs along with another's. */
		for (unsigned i = 0; i < kernel->lanes; i++)
			data[i] = lane[i].blocks ? lane[i].at : busy->at;
		kernel->run(state, data, run);
		for (unsigned i = 0; i < kernel->lanes; i++) {
			if (!lane[i].blocks)
				continue;
			lane[i].at += run * 64;
			lane[i].blocks -= run;
		}
	}
}

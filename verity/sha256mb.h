/*
 * SHA-256 of many equally long messages at once.
 *
 * A dm-verity tree hashes millions of blocks of one size, each behind the same
 * salt. Independent messages can share a core: interleaved SHA-NI streams hide
 * the latency of the instruction, and without SHA-NI each lane of a vector
 * register takes one message. The state after the salt is computed once when
 * the salt is a multiple of 64 bytes; otherwise its bytes are kept as a prefix.
 *
 * Every kernel gives the same digests; which one runs is decided by the CPU at
 * run time, or forced by a test through sha256mb_select().
 */
#ifndef VERITY_SHA256MB_H
#define VERITY_SHA256MB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256MB_PREFIX_MAX 256u
#define SHA256MB_LANES_MAX 16u

/* What is common to a set of messages: the salt and the length. Plain data, copyable. */
struct sha256mb {
	uint32_t state[8]; /* after the whole 64-byte blocks of the prefix */
	uint8_t rest[64]; /* the prefix bytes after those */
	unsigned rest_len; /* below 64 */
	uint64_t prefix_len;
	const struct sha256mb_kernel *kernel;
};

struct sha256mb_kernel {
	const char *name; /* "shani", "avx512", "avx2", "portable" */
	unsigned lanes; /* messages it takes at once */
	bool (*available)(void);
	/* Run @n_blocks 64-byte blocks into the states; data[i] advances by itself only inside. */
	void (*run)(uint32_t (*state)[8], const uint8_t *const *data, size_t n_blocks);
};

/* The kernels built in, best first; ends with a NULL name. The last one is always available. */
extern const struct sha256mb_kernel sha256mb_kernels[];

/* The best kernel this CPU has, or the one called @name; NULL when unknown or not available. */
const struct sha256mb_kernel *sha256mb_select(const char *name);

/*
 * Prepare for messages that begin with @prefix, up to SHA256MB_PREFIX_MAX bytes.
 * @kernel is one of the available ones; NULL takes the best.
 */
void sha256mb_init(struct sha256mb *mb, const uint8_t *prefix, size_t prefix_len,
		   const struct sha256mb_kernel *kernel);

/*
 * digests[i] = SHA-256(prefix || data + i * @len) for @n messages of @len bytes,
 * which lie one behind the other. @len must be a multiple of 64.
 */
void sha256mb_hash(const struct sha256mb *mb, const uint8_t *data, size_t len, size_t n,
		   uint8_t (*digests)[32]);

/* One of messages of any length. */
struct sha256mb_message {
	const uint8_t *data;
	size_t len;
};

/*
 * digests[i] = SHA-256(m[i]) for @n messages, by @kernel, an available one; NULL takes the
 * best. A lane that is done with a message takes the next one.
 */
void sha256mb_hash_each(const struct sha256mb_kernel *kernel, const struct sha256mb_message *m,
			size_t n, uint8_t (*digests)[32]);

#endif

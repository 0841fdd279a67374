/*
 * Bytes on disk and the numbers they mean.
 *
 * Every on-disk layout of kiln is an enum of byte offsets read and written with
 * these functions, never a struct copied to disk: the format is the same for
 * every compiler, and an unaligned buffer is no danger.
 */
#ifndef LIB_CORE_BYTES_H
#define LIB_CORE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Read a little-endian number at @p (any alignment). */
static inline uint16_t le16_load(const void *p)
{
	const uint8_t *b = p;

	return (uint16_t)(b[0] | b[1] << 8);
}

static inline uint32_t le32_load(const void *p)
{
	const uint8_t *b = p;

	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline uint64_t le64_load(const void *p)
{
	const uint8_t *b = p;

	return le32_load(b) | (uint64_t)le32_load(b + 4) << 32;
}

/* Write a little-endian number at @p (any alignment). */
static inline void le16_store(void *p, uint16_t v)
{
	uint8_t *b = p;

	b[0] = (uint8_t)v;
	b[1] = (uint8_t)(v >> 8);
}

static inline void le32_store(void *p, uint32_t v)
{
	le16_store(p, (uint16_t)v);
	le16_store((uint8_t *)p + 2, (uint16_t)(v >> 16));
}

static inline void le64_store(void *p, uint64_t v)
{
	le32_store(p, (uint32_t)v);
	le32_store((uint8_t *)p + 4, (uint32_t)(v >> 32));
}

/* The same for big-endian numbers. */
static inline uint16_t be16_load(const void *p)
{
	const uint8_t *b = p;

	return (uint16_t)(b[0] << 8 | b[1]);
}

static inline uint32_t be32_load(const void *p)
{
	const uint8_t *b = p;

	return (uint32_t)be16_load(b) << 16 | be16_load(b + 2);
}

static inline uint64_t be64_load(const void *p)
{
	const uint8_t *b = p;

	return (uint64_t)be32_load(b) << 32 | be32_load(b + 4);
}

static inline void be32_store(void *p, uint32_t v)
{
	uint8_t *b = p;

	b[0] = (uint8_t)(v >> 24);
	b[1] = (uint8_t)(v >> 16);
	b[2] = (uint8_t)(v >> 8);
	b[3] = (uint8_t)v;
}

static inline void be64_store(void *p, uint64_t v)
{
	be32_store(p, (uint32_t)(v >> 32));
	be32_store((uint8_t *)p + 4, (uint32_t)v);
}

/* True when all @len bytes at @p are zero (and when @len is 0). */
bool bytes_are_zero(const void *p, size_t len);

/* Write 2*@len lowercase hex digits and a NUL to @out. */
void bytes_to_hex(const void *p, size_t len, char *out);

/*
 * Read exactly 2*@len hex digits, either case, from the first @text_len
 * characters of @text. Returns false, and leaves @out alone, when the length
 * or a digit is wrong.
 */
bool bytes_from_hex(const char *text, size_t text_len, void *out, size_t len);

/*
 * Read the unsigned decimal number that is exactly the @len characters at
 * @text: digits only, no sign, no blank. False, and @ret alone, when it is
 * empty, has another character or does not fit 64 bits.
 */
bool u64_parse(const char *text, size_t len, uint64_t *ret);

/* Write @v in decimal and a NUL; returns the length without the NUL (at most 20). */
size_t u64_format(uint64_t v, char out[21]);

/* True, and @ret alone, when the result does not fit 64 bits. */
static inline bool u64_mul_overflows(uint64_t a, uint64_t b, uint64_t *ret)
{
	if (b && a > UINT64_MAX / b)
		return true;
	*ret = a * b;
	return false;
}

static inline bool u64_add_overflows(uint64_t a, uint64_t b, uint64_t *ret)
{
	if (a > UINT64_MAX - b)
		return true;
	*ret = a + b;
	return false;
}

#endif

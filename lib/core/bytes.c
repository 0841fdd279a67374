/* See bytes.h. */
#include "lib/core/bytes.h"

#include "lib/core/platform.h"

bool bytes_are_zero(const void *p, size_t len)
{
	const uint8_t *b = p;

	/* Equal to itself one byte on, and the first one is zero. */
	return !len || (!b[0] && !memcmp(b, b + 1, len - 1));
}

void bytes_to_hex(const void *p, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *b = p;

	for (size_t i = 0; i < len; i++) {
		out[2 * i] = digits[b[i] >> 4];
		out[2 * i + 1] = digits[b[i] & 15];
	}
	out[2 * len] = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool bytes_from_hex(const char *text, size_t text_len, void *out, size_t len)
{
	uint8_t *b = out;

	if (text_len % 2 || text_len / 2 != len)
		return false;
	for (size_t i = 0; i < text_len; i++)
		if (hex_digit(text[i]) < 0)
			return false;
	for (size_t i = 0; i < len; i++)
		b[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
	return true;
}

bool u64_parse(const char *text, size_t len, uint64_t *ret)
{
	uint64_t v = 0;

	if (!len)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		if (u64_mul_overflows(v, 10, &v) ||
		    u64_add_overflows(v, (uint64_t)(text[i] - '0'), &v))
			return false;
	}
	*ret = v;
	return true;
}

size_t u64_format(uint64_t v, char out[21])
{
	char reversed[20];
	size_t n = 0;

	do {
		reversed[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	for (size_t i = 0; i < n; i++)
		out[i] = reversed[n - 1 - i];
	out[n] = '\0';
	return n;
}

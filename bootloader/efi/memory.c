/*
 * The functions of memory a compiler and lib/core take for granted where there
 * is no C library (lib/core/platform.h). Bytes one by one would cost a visible
 * share of the boot for a UKI of 15 MB, hence the string instructions on x86, by
 * eight bytes: processors take both the same, emulators do not.
 */
#include "lib/core/platform.h"

#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
#if defined(__x86_64__)
	void *d = to;
	size_t words = len / 8, rest = len % 8;

	__asm__ volatile("rep movsq" : "+D"(d), "+S"(from), "+c"(words) : : "memory");
	__asm__ volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(rest) : : "memory");
#else
	uint8_t *d = to;
	const uint8_t *s = from;

	while (len--)
		*d++ = *s++;
#endif
	return to;
}

void *memmove(void *to, const void *from, size_t len)
{
	uint8_t *d = to;
	const uint8_t *s = from;

	if ((uintptr_t)d <= (uintptr_t)s || (uintptr_t)d >= (uintptr_t)s + len) {
		for (size_t i = 0; i < len; i++)
			d[i] = s[i];
		return to;
	}
	while (len--)
		d[len] = s[len];
	return to;
}

void *memset(void *to, int c, size_t len)
{
#if defined(__x86_64__)
	uint64_t pattern = (uint8_t)c * UINT64_C(0x0101010101010101);
	size_t words = len / 8, rest = len % 8;
	void *d = to;

	__asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(pattern) : "memory");
	__asm__ volatile("rep stosb" : "+D"(d), "+c"(rest) : "a"(pattern) : "memory");
#else
	uint8_t *d = to;

	while (len--)
		*d++ = (uint8_t)c;
#endif
	return to;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const uint8_t *x = a, *y = b;

	for (; len; len--, x++, y++)
		if (*x != *y)
			return *x < *y ? -1 : 1;
	return 0;
}

size_t strlen(const char *text)
{
	size_t n = 0;

	while (text[n])
		n++;
	return n;
}

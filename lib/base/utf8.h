/*
 * UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing beyond
 * U+10FFFF. Text from outside is read one character at a time, so that a caller
 * decides what becomes of bytes that are none.
 */
#ifndef LIB_BASE_UTF8_H
#define LIB_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* U+FFFD, what stands for bytes that could not be shown. */
#define UTF8_REPLACEMENT "\xef\xbf\xbd"

/*
 * Decode the character at @s, of which @len bytes may be read. Returns its
 * length (1 to 4) with the code point in *@ret, or 0 when the bytes are no
 * character or @len is 0.
 */
unsigned utf8_decode(const char *s, size_t len, uint32_t *ret);

#endif

/* See utf8.h. */
#include "lib/base/utf8.h"

static unsigned length_of(unsigned char first)
{
	return first < 0x80		? 1
	       : (first & 0xe0) == 0xc0 ? 2
	       : (first & 0xf0) == 0xe0 ? 3
	       : (first & 0xf8) == 0xf0 ? 4
					: 0;
}

unsigned utf8_decode(const char *s, size_t len, uint32_t *ret)
{
	/* The smallest code point that needs so many bytes. */
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned n = len ? length_of((unsigned char)s[0]) : 0;
	uint32_t c;

	if (n == 0 || n > len)
		return 0;
	c = (unsigned char)s[0] & (n > 1 ? 0x7fu >> n : 0x7fu);
	for (unsigned i = 1; i < n; i++) {
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | ((unsigned char)s[i] & 0x3fu);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0;
	*ret = c;
	return n;
}

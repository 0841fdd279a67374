/* See printable.h. */
#include "lib/base/printable.h"

#include <stdint.h>

#include "lib/base/buf.h"

unsigned printable_utf8(const unsigned char *s, size_t len, unsigned *ret_point)
{
	static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned n, c;

	if (!len)
		return 0;
	n = s[0] < 0x80 ? 1 : (s[0] & 0xe0) == 0xc0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 :
	    (s[0] & 0xf8) == 0xf0 ? 4 : 0;
	if (!n || n > len)
		return 0;
	c = n > 1 ? s[0] & (0x7fu >> n) : s[0];
	for (unsigned i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fu);
	}
	if (n > 1 && (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)))
		return 0;
	if (ret_point)
		*ret_point = c;
	return n;
}

bool printable_acts(unsigned point)
{
	return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x61c ||
	       (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
	       (point >= 0x2060 && point <= 0x206f) || point == 0xfeff;
}

void printable_add(struct buf *out, const char *text, size_t len, bool lines)
{
	const unsigned char *s = (const unsigned char *)text;

	for (size_t i = 0; i < len;) {
		unsigned point = 0, n = printable_utf8(s + i, len - i, &point);

		if (lines && s[i] == '\r' && i + 1 < len && s[i + 1] == '\n') {
			i++;
			continue;
		}
		if (n && (!printable_acts(point) || (lines && (point == '\n' || point == '\t')))) {
			buf_add(out, s + i, n);
			i += n;
			continue;
		}
		n = n ? n : 1;
		for (unsigned k = 0; k < n; k++)
			buf_addf(out, "\\x%02x", s[i + k]);
		i += n;
	}
}

/* See printable.h. */
#include "lib/base/printable.h"

#include "lib/base/buf.h"
#include "lib/base/utf8.h"

bool printable_acts(uint32_t point)
{
	return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x61c ||
	       (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
	       (point >= 0x2060 && point <= 0x206f) || point == 0xfeff;
}

void printable_add(struct buf *out, const char *text, size_t len, bool lines)
{
	for (size_t i = 0; i < len;) {
		uint32_t point = 0;
		unsigned n = utf8_decode(text + i, len - i, &point);

		if (lines && text[i] == '\r' && i + 1 < len && text[i + 1] == '\n') {
			i++;
			continue;
		}
		if (n && (!printable_acts(point) || (lines && (point == '\n' || point == '\t')))) {
			buf_add(out, text + i, n);
			i += n;
			continue;
		}
		n = n ? n : 1;
		for (unsigned k = 0; k < n; k++)
			buf_addf(out, "\\x%02x", (unsigned char)text[i + k]);
		i += n;
	}
}

/* See guid.h. */
#include "lib/core/guid.h"

#include "lib/core/bytes.h"
#include "lib/core/platform.h"

/* Which stored byte each pair of digits of the text shows, from left to right. */
static const uint8_t text_order[GUID_BYTES] = {
	3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15,
};

static bool dash_before(unsigned int byte)
{
	return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

bool guid_parse(const char *text, struct guid *ret)
{
	struct guid g;

	if (strlen(text) != GUID_TEXT_SIZE - 1)
		return false;
	for (unsigned int i = 0; i < GUID_BYTES; i++) {
		if (dash_before(i) && *text++ != '-')
			return false;
		if (!bytes_from_hex(text, 2, &g.bytes[text_order[i]], 1))
			return false;
		text += 2;
	}
	*ret = g;
	return true;
}

void guid_format(const struct guid *g, char out[GUID_TEXT_SIZE])
{
	for (unsigned int i = 0; i < GUID_BYTES; i++) {
		if (dash_before(i))
			*out++ = '-';
		bytes_to_hex(&g->bytes[text_order[i]], 1, out);
		out += 2;
	}
}

bool guid_equal(const struct guid *a, const struct guid *b)
{
	return !memcmp(a->bytes, b->bytes, GUID_BYTES);
}

bool guid_is_zero(const struct guid *g)
{
	return bytes_are_zero(g->bytes, GUID_BYTES);
}

struct guid guid_from_text_bytes(const uint8_t hex16[GUID_BYTES])
{
	struct guid g;

	for (unsigned int i = 0; i < GUID_BYTES; i++)
		g.bytes[text_order[i]] = hex16[i];
	return g;
}

void guid_mark_custom(struct guid *g)
{
	/* The version is the top digit of the third field: little-endian in bytes 6 and 7. */
	g->bytes[7] = (uint8_t)((g->bytes[7] & 0x0f) | 0x80);
	g->bytes[8] = (uint8_t)((g->bytes[8] & 0x3f) | 0x80);
}

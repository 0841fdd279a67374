/*
 * GUIDs as GPT and UEFI store them: the first three fields little-endian, the
 * rest as written ("mixed-endian").
 */
#ifndef LIB_CORE_GUID_H
#define LIB_CORE_GUID_H

#include <stdbool.h>
#include <stdint.h>

#define GUID_BYTES 16
#define GUID_TEXT_SIZE 37 /* 36 characters and the NUL */

/* In on-disk byte order. */
struct guid {
	uint8_t bytes[GUID_BYTES];
};

/* A constant GUID: GUID_INIT(0xc12a7328, 0xf81f, 0x11d2, 0xba, 0x4b, 0x00, ...). */
#define GUID_INIT(a, b, c, d0, d1, d2, d3, d4, d5, d6, d7) \
	{ { (uint8_t)(a), (uint8_t)((a) >> 8), (uint8_t)((a) >> 16), (uint8_t)((a) >> 24), \
	    (uint8_t)(b), (uint8_t)((b) >> 8), (uint8_t)(c), (uint8_t)((c) >> 8), \
	    d0, d1, d2, d3, d4, d5, d6, d7 } }

/*
 * Parse the 36 characters `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, either case,
 * then the NUL. False, and @ret alone, for anything else.
 */
bool guid_parse(const char *text, struct guid *ret);

/* Write 36 lowercase characters and a NUL. */
void guid_format(const struct guid *g, char out[GUID_TEXT_SIZE]);

/* The same 16 bytes; all of them zero (a table entry not in use). */
bool guid_equal(const struct guid *a, const struct guid *b);
bool guid_is_zero(const struct guid *g);

/*
 * The GUID whose *text* shows @hex16 from left to right: how the Discoverable
 * Partitions Spec turns a half of a root hash into a partition UUID.
 */
struct guid guid_from_text_bytes(const uint8_t hex16[GUID_BYTES]);

/*
 * Make @g a well-formed random-like UUID (version 8, variant 1) after filling
 * it from a digest.
 */
void guid_mark_custom(struct guid *g);

#endif

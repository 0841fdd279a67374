/*
 * A small PE program for the tests of lib/core/pe and what stands on it: sections as a table,
 * laid out in the file in order from FIXTURE_FILE_AT, every field at a known place.
 */
#ifndef TESTS_UNIT_CORE_PE_FIXTURE_H
#define TESTS_UNIT_CORE_PE_FIXTURE_H

#include <stdint.h>
#include <string.h>

#include "lib/core/bytes.h"
#include "lib/core/pe.h"

enum {
	FIXTURE_PE_AT = 0x80,
	FIXTURE_OPT_AT = FIXTURE_PE_AT + 24,
	FIXTURE_TABLE_AT = FIXTURE_OPT_AT + 240,
	FIXTURE_FILE_AT = 0x400,
	FIXTURE_CODE = 0x60000020,
	FIXTURE_DATA = (int)0xc0000040,
	FIXTURE_CONST = 0x40000040,
};

struct fixture_section {
	const char *name;
	uint32_t address, virtual_bytes, raw_bytes; /* raw bytes: of 512 */
	uint32_t characteristics;
	const void *data; /* of the smaller of both sizes; NULL: bytes counting up from 1 */
};

static inline uint8_t *fixture_section_header(uint8_t *d, unsigned int idx)
{
	return d + FIXTURE_TABLE_AT + 40 * idx;
}

/* Write the program to @d, which has room for it; returns its length. */
static inline uint32_t fixture_pe(uint8_t *d, const struct fixture_section *s, unsigned int n,
				  uint32_t image_bytes, uint32_t entry)
{
	uint32_t at = FIXTURE_FILE_AT;

	memset(d, 0, FIXTURE_FILE_AT);
	memcpy(d, "MZ", 2);
	le32_store(d + 0x3c, FIXTURE_PE_AT);
	memcpy(d + FIXTURE_PE_AT, "PE\0\0", 4);
	le16_store(d + FIXTURE_PE_AT + 4, PE_MACHINE_X64);
	le16_store(d + FIXTURE_PE_AT + 6, (uint16_t)n);
	le16_store(d + FIXTURE_PE_AT + 20, 240);
	le16_store(d + FIXTURE_PE_AT + 22, 0x206);
	le16_store(d + FIXTURE_OPT_AT, 0x20b);
	le32_store(d + FIXTURE_OPT_AT + 16, entry);
	le32_store(d + FIXTURE_OPT_AT + 32, 0x1000);
	le32_store(d + FIXTURE_OPT_AT + 36, 0x200);
	le32_store(d + FIXTURE_OPT_AT + 56, image_bytes);
	le32_store(d + FIXTURE_OPT_AT + 60, FIXTURE_FILE_AT);
	le16_store(d + FIXTURE_OPT_AT + 68, 10);
	le16_store(d + FIXTURE_OPT_AT + 70, PE_NX_COMPAT);
	le32_store(d + FIXTURE_OPT_AT + 108, 16);
	for (unsigned int i = 0; i < n; i++, s++) {
		uint8_t *h = fixture_section_header(d, i);
		uint32_t real = s->virtual_bytes < s->raw_bytes ? s->virtual_bytes : s->raw_bytes;

		memcpy(h, s->name, strlen(s->name));
		le32_store(h + 8, s->virtual_bytes);
		le32_store(h + 12, s->address);
		le32_store(h + 16, s->raw_bytes);
		le32_store(h + 20, s->raw_bytes ? at : 0);
		le32_store(h + 36, s->characteristics);
		memset(d + at, 0xee, s->raw_bytes);
		for (uint32_t k = 0; k < real; k++)
			d[at + k] = s->data ? ((const uint8_t *)s->data)[k] : (uint8_t)(k + 1);
		at += s->raw_bytes;
	}
	return at;
}

#endif

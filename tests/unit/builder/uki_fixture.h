/*
 * A PE file small enough to read: one .text section, header room for more. As a
 * "kernel" it also has the x86 boot protocol's magic and version text.
 */
#ifndef TESTS_UNIT_BUILDER_UKI_FIXTURE_H
#define TESTS_UNIT_BUILDER_UKI_FIXTURE_H

#include <stdint.h>
#include <string.h>

#include "lib/core/bytes.h"

#define FIXTURE_PE_BYTES 0x600
#define FIXTURE_HEADERS 0x400

static inline void fixture_pe(uint8_t pe[FIXTURE_PE_BYTES])
{
	uint8_t *coff = pe + 0x44, *opt = pe + 0x58, *sec = pe + 0x58 + 240;

	memset(pe, 0, FIXTURE_PE_BYTES);
	memcpy(pe, "MZ", 2);
	le32_store(pe + 0x3c, 0x40);
	memcpy(pe + 0x40, "PE\0\0", 4);
	le16_store(coff, 0x8664);
	le16_store(coff + 2, 1); /* sections */
	le16_store(coff + 16, 240); /* optional header */
	le16_store(coff + 18, 0x22);
	le16_store(opt, 0x20b);
	le32_store(opt + 16, 0x1000); /* entry */
	le32_store(opt + 32, 512); /* section alignment; systemd's stub of bookworm has this one */
	le32_store(opt + 36, 512);
	le32_store(opt + 56, 0x1200); /* size of image */
	le32_store(opt + 60, FIXTURE_HEADERS);
	le16_store(opt + 68, 10); /* EFI application */
	le32_store(opt + 108, 16); /* data directories */
	memcpy(sec, ".text", 5);
	le32_store(sec + 8, 0x200);
	le32_store(sec + 12, 0x1000);
	le32_store(sec + 16, 0x200);
	le32_store(sec + 20, FIXTURE_HEADERS);
	le32_store(sec + 36, 0x60000020);
	memset(pe + FIXTURE_HEADERS, 0xcc, 0x200);
}

static inline void fixture_kernel(uint8_t pe[FIXTURE_PE_BYTES], const char *release)
{
	fixture_pe(pe);
	memcpy(pe + 0x202, "HdrS", 4);
	le16_store(pe + 0x20e, 0x100); /* version text at 0x300 */
	strcpy((char *)pe + 0x300, release);
	strcat((char *)pe + 0x300, " (builder@test) #1");
}

#endif

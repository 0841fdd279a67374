/* See pe_load.h. Sums are made in 64 bits of 32-bit fields, so they cannot wrap. */
#include "lib/core/pe_load.h"

#include "lib/core/bytes.h"
#include "lib/core/platform.h"

/* A block of base relocations, and the kinds of its 16-bit entries. */
enum {
	BLOCK_O_PAGE = 0, /* u32: address that the entries' offsets count from */
	BLOCK_O_BYTES = 4, /* u32: of the block, with this head */
	BLOCK_HEAD_BYTES = 8,

	RELOC_PADDING = 0,
	RELOC_DIR64 = 10,
};

uint32_t pe_load_alignment(const struct pe *pe)
{
	return pe->section_alignment > PE_PAGE_BYTES ? pe->section_alignment : PE_PAGE_BYTES;
}

static int check_entry(const struct pe *pe)
{
	struct pe_section s;

	for (unsigned int i = 0; i < pe->n_sections; i++) {
		pe_section_at(pe, i, &s);
		if (pe->entry >= s.virtual_address &&
		    pe->entry - s.virtual_address < s.virtual_bytes)
			return s.characteristics & PE_SECTION_EXECUTE ? PE_OK : PE_E_ENTRY;
	}
	return PE_E_ENTRY;
}

int pe_load_check(const struct pe *pe)
{
	uint32_t alignment = pe_load_alignment(pe);
	struct pe_section s;
	int r;

	for (unsigned int i = 0; i < pe->n_sections; i++) {
		pe_section_at(pe, i, &s);
		if (s.bytes && (uint64_t)s.offset + s.bytes > pe->len)
			return PE_E_RANGE;
		/* Some linkers leave the virtual size out; a loader would then guess. */
		if (s.raw_bytes && !s.virtual_bytes)
			return PE_E_MEMORY;
	}
	if (pe->size_of_headers > pe->len)
		return PE_E_RANGE;
	if (alignment & (alignment - 1) || alignment > PE_LOAD_ALIGNMENT_MAX)
		return PE_E_MEMORY;
	r = pe_check_memory(pe);
	return r ? r : check_entry(pe);
}

bool pe_load_separable(const struct pe *pe)
{
	struct pe_section s;

	if (!(pe->dll_characteristics & PE_NX_COMPAT) || pe->section_alignment < PE_PAGE_BYTES)
		return false;
	for (unsigned int i = 0; i < pe->n_sections; i++) {
		pe_section_at(pe, i, &s);
		if (s.virtual_address % PE_PAGE_BYTES)
			return false;
	}
	return true;
}

/* Apply the entries of one block at @block of @bytes bytes. */
static int relocate_block(const struct pe *pe, uint8_t *image, const uint8_t *block,
			  uint32_t bytes, uint64_t delta)
{
	uint32_t page = le32_load(block + BLOCK_O_PAGE);

	for (uint32_t at = BLOCK_HEAD_BYTES; at < bytes; at += 2) {
		uint16_t entry = le16_load(block + at);
		uint64_t target = (uint64_t)page + (entry & 0xfff);

		if (entry >> 12 == RELOC_PADDING)
			continue;
		if (entry >> 12 != RELOC_DIR64 || target + 8 > pe->size_of_image)
			return PE_E_RELOCATION;
		le64_store(image + target, le64_load(image + target) + delta);
	}
	return PE_OK;
}

/*
 * Without relocations a program is taken for position-independent, as Linux is, unless it says
 * that they were removed.
 */
static int relocate(const struct pe *pe, uint8_t *image, uint64_t delta)
{
	uint64_t at = pe->reloc_address, end = at + pe->reloc_bytes;
	int r = PE_OK;

	if (!delta)
		return PE_OK;
	if (pe->characteristics & PE_RELOCS_STRIPPED || end > pe->size_of_image)
		return PE_E_RELOCATION;
	while (!r && at < end) {
		uint32_t bytes;

		if (end - at < BLOCK_HEAD_BYTES)
			return PE_E_RELOCATION;
		bytes = le32_load(image + at + BLOCK_O_BYTES);
		if (bytes < BLOCK_HEAD_BYTES || bytes % 2 || bytes > end - at)
			return PE_E_RELOCATION;
		r = relocate_block(pe, image, image + at, bytes, delta);
		at += bytes;
	}
	return r;
}

int pe_load(const struct pe *pe, void *image, uint64_t address)
{
	uint8_t *to = image;
	struct pe_section s;

	memset(to, 0, pe->size_of_image);
	memcpy(to, pe->data, pe->size_of_headers);
	for (unsigned int i = 0; i < pe->n_sections; i++) {
		pe_section_at(pe, i, &s);
		memcpy(to + s.virtual_address, pe->data + s.offset, s.bytes);
	}
	return relocate(pe, to, address - pe->image_base);
}

/*
 * See pe.h. Every offset is checked against what is there before it is used;
 * sums are made in 64 bits of 32-bit fields, so they cannot wrap.
 */
#include "lib/core/pe.h"

#include "lib/core/bytes.h"
#include "lib/core/platform.h"

enum pe_offset {
	DOS_O_PE = 0x3c, /* u32: offset of the PE header */
	DOS_BYTES = 0x40,

	/* From the PE header. */
	COFF_O_MACHINE = 4,
	COFF_O_SECTIONS = 6,
	COFF_O_OPTIONAL_BYTES = 20,
	COFF_O_CHARACTERISTICS = 22,
	COFF_BYTES = 24,

	/* From the optional header. */
	OPT_O_ENTRY = 16,
	OPT_O_IMAGE_BASE = 24, /* u64 */
	OPT_O_SECTION_ALIGNMENT = 32,
	OPT_O_FILE_ALIGNMENT = 36,
	OPT_O_SIZE_OF_IMAGE = 56,
	OPT_O_SIZE_OF_HEADERS = 60,
	OPT_O_SUBSYSTEM = 68,
	OPT_O_DLL_CHARACTERISTICS = 70,
	OPT_O_DIRECTORIES = 108, /* u32: number of data directories */
	OPT_BYTES_MIN = 112, /* where the data directories begin, 8 bytes each */

	/* From a section header. */
	SECTION_O_VIRTUAL_BYTES = 8,
	SECTION_O_VIRTUAL_ADDRESS = 12,
	SECTION_O_RAW_BYTES = 16,
	SECTION_O_RAW_OFFSET = 20,
	SECTION_O_CHARACTERISTICS = 36,
	SECTION_HEADER_BYTES = 40,
};

#define PE32PLUS_MAGIC 0x20b
#define CERT_DIRECTORY_IDX 4 /* file offset and size */
#define RELOC_DIRECTORY_IDX 5 /* address in memory and size */

/* The two numbers of a data directory; zero when the header has fewer directories. */
static int directory(const uint8_t *opt, uint32_t opt_bytes, unsigned int idx, uint32_t *ret_at,
		     uint32_t *ret_bytes)
{
	uint32_t o = OPT_BYTES_MIN + 8 * idx;

	*ret_at = *ret_bytes = 0;
	if (le32_load(opt + OPT_O_DIRECTORIES) <= idx)
		return PE_OK;
	if (opt_bytes < o + 8)
		return PE_E_OPTIONAL;
	*ret_at = le32_load(opt + o);
	*ret_bytes = le32_load(opt + o + 4);
	return PE_OK;
}

static int parse_optional(const uint8_t *opt, uint32_t opt_bytes, struct pe *pe)
{
	int r;

	if (opt_bytes < OPT_BYTES_MIN || le16_load(opt) != PE32PLUS_MAGIC)
		return PE_E_OPTIONAL;
	pe->section_alignment = le32_load(opt + OPT_O_SECTION_ALIGNMENT);
	pe->file_alignment = le32_load(opt + OPT_O_FILE_ALIGNMENT);
	pe->size_of_image = le32_load(opt + OPT_O_SIZE_OF_IMAGE);
	pe->subsystem = le16_load(opt + OPT_O_SUBSYSTEM);
	pe->dll_characteristics = le16_load(opt + OPT_O_DLL_CHARACTERISTICS);
	pe->size_of_headers = le32_load(opt + OPT_O_SIZE_OF_HEADERS);
	pe->entry = le32_load(opt + OPT_O_ENTRY);
	pe->image_base = le64_load(opt + OPT_O_IMAGE_BASE);
	r = directory(opt, opt_bytes, CERT_DIRECTORY_IDX, &pe->cert_offset, &pe->cert_bytes);
	if (!r)
		r = directory(opt, opt_bytes, RELOC_DIRECTORY_IDX, &pe->reloc_address,
			      &pe->reloc_bytes);
	return r;
}

static bool ranges_overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a_len && b_len && a < b + b_len && b < a + a_len;
}

/* All sections within @file_limit, none over the headers or another; sets file_bytes. */
static int check_sections(struct pe *pe, uint64_t headers_end, uint64_t file_limit)
{
	struct pe_section s, other;

	pe->file_bytes = headers_end;
	for (unsigned int i = 0; i < pe->n_sections; i++) {
		uint64_t end;

		pe_section_at(pe, i, &s);
		if (!s.raw_bytes)
			continue;
		end = (uint64_t)s.offset + s.raw_bytes;
		if (end > file_limit)
			return PE_E_RANGE;
		if (s.offset < headers_end)
			return PE_E_OVERLAP;
		for (unsigned int j = 0; j < i; j++) {
			pe_section_at(pe, j, &other);
			if (ranges_overlap(s.offset, s.raw_bytes, other.offset, other.raw_bytes))
				return PE_E_OVERLAP;
		}
		if (end > pe->file_bytes)
			pe->file_bytes = end;
	}
	return PE_OK;
}

/* The certificate table follows all sections. */
static int check_certificates(struct pe *pe, uint64_t file_limit)
{
	uint64_t end = (uint64_t)pe->cert_offset + pe->cert_bytes;

	if (!pe->cert_offset && !pe->cert_bytes)
		return PE_OK;
	if (!pe->cert_offset || !pe->cert_bytes || end > file_limit)
		return PE_E_RANGE;
	if (pe->cert_offset < pe->file_bytes)
		return PE_E_OVERLAP;
	pe->file_bytes = end;
	return PE_OK;
}

static uint64_t headers_end(const struct pe *pe)
{
	return pe->section_table + (uint64_t)pe->n_sections * SECTION_HEADER_BYTES;
}

int pe_check_memory(const struct pe *pe)
{
	struct pe_section s, other;

	if (headers_end(pe) > pe->size_of_headers || pe->size_of_headers > pe->size_of_image)
		return PE_E_MEMORY;
	for (unsigned int i = 0; i < pe->n_sections; i++) {
		pe_section_at(pe, i, &s);
		if (!s.virtual_bytes)
			continue;
		if (s.virtual_address < pe->size_of_headers ||
		    (uint64_t)s.virtual_address + s.virtual_bytes > pe->size_of_image)
			return PE_E_MEMORY;
		for (unsigned int j = 0; j < i; j++) {
			pe_section_at(pe, j, &other);
			if (ranges_overlap(s.virtual_address, s.virtual_bytes,
					   other.virtual_address, other.virtual_bytes))
				return PE_E_MEMORY;
		}
	}
	return PE_OK;
}

/* What file and image in memory have in common: the headers, complete within @len bytes. */
static int parse_headers(const uint8_t *d, uint64_t len, struct pe *pe)
{
	uint32_t at, opt_bytes;

	*pe = (struct pe){ .data = d, .len = len };
	if (len < DOS_BYTES)
		return PE_E_SHORT;
	if (d[0] != 'M' || d[1] != 'Z')
		return PE_E_DOS;
	at = le32_load(d + DOS_O_PE);
	if (at < DOS_BYTES || at % 4)
		return PE_E_OFFSET;
	if ((uint64_t)at + COFF_BYTES > len)
		return PE_E_SHORT;
	if (memcmp(d + at, "PE\0\0", 4))
		return PE_E_SIGNATURE;
	pe->machine = le16_load(d + at + COFF_O_MACHINE);
	pe->characteristics = le16_load(d + at + COFF_O_CHARACTERISTICS);
	pe->n_sections = le16_load(d + at + COFF_O_SECTIONS);
	opt_bytes = le16_load(d + at + COFF_O_OPTIONAL_BYTES);
	if (!pe->n_sections || pe->n_sections > PE_SECTIONS_MAX)
		return PE_E_SECTIONS;
	if ((uint64_t)at + COFF_BYTES + opt_bytes > UINT32_MAX)
		return PE_E_SHORT;
	pe->section_table = at + COFF_BYTES + opt_bytes;
	if (headers_end(pe) > len)
		return PE_E_SHORT;
	return parse_optional(d + at + COFF_BYTES, opt_bytes, pe);
}

int pe_parse(const void *data, uint64_t len, uint64_t file_limit, struct pe *ret)
{
	struct pe pe;
	int r = parse_headers(data, len < file_limit ? len : file_limit, &pe);

	pe.len = len;
	if (!r)
		r = check_sections(&pe, headers_end(&pe), file_limit);
	if (!r)
		r = check_certificates(&pe, file_limit);
	if (r)
		return r;
	*ret = pe;
	return PE_OK;
}

int pe_parse_loaded(const void *image, uint64_t len, struct pe *ret)
{
	struct pe pe;
	int r = parse_headers(image, len, &pe);

	if (!r)
		r = pe.size_of_image > len ? PE_E_MEMORY : pe_check_memory(&pe);
	if (r)
		return r;
	*ret = pe;
	return PE_OK;
}

int pe_section_at(const struct pe *pe, unsigned int idx, struct pe_section *ret)
{
	const uint8_t *h;

	if (idx >= pe->n_sections)
		return PE_E_NOT_FOUND;
	h = pe->data + pe->section_table + (size_t)idx * SECTION_HEADER_BYTES;
	ret->header = pe->section_table + idx * SECTION_HEADER_BYTES;
	memcpy(ret->name, h, PE_SECTION_NAME_MAX);
	ret->name[PE_SECTION_NAME_MAX] = '\0';
	ret->virtual_bytes = le32_load(h + SECTION_O_VIRTUAL_BYTES);
	ret->virtual_address = le32_load(h + SECTION_O_VIRTUAL_ADDRESS);
	ret->raw_bytes = le32_load(h + SECTION_O_RAW_BYTES);
	ret->offset = le32_load(h + SECTION_O_RAW_OFFSET);
	ret->characteristics = le32_load(h + SECTION_O_CHARACTERISTICS);
	ret->bytes = ret->virtual_bytes < ret->raw_bytes ? ret->virtual_bytes : ret->raw_bytes;
	return PE_OK;
}

int pe_section_find(const struct pe *pe, const char *name, struct pe_section *ret)
{
	size_t len = strlen(name);
	struct pe_section s, found = { 0 };
	unsigned int n = 0;

	if (len > PE_SECTION_NAME_MAX)
		return PE_E_NOT_FOUND;
	for (unsigned int i = 0; i < pe->n_sections; i++) {
		pe_section_at(pe, i, &s);
		if (memcmp(s.name, name, len + 1))
			continue;
		found = s;
		n++;
	}
	if (n != 1)
		return n ? PE_E_TWICE : PE_E_NOT_FOUND;
	*ret = found;
	return PE_OK;
}

const char *pe_error_text(int error)
{
	switch ((enum pe_error)error) {
	case PE_OK:
		return "no error";
	case PE_E_SHORT:
		return "the PE headers are cut short";
	case PE_E_DOS:
		return "no PE file";
	case PE_E_OFFSET:
		return "the PE header lies at an impossible place";
	case PE_E_SIGNATURE:
		return "no PE signature";
	case PE_E_OPTIONAL:
		return "no PE32+ header";
	case PE_E_SECTIONS:
		return "no section, or too many";
	case PE_E_RANGE:
		return "a section or certificate lies outside the file";
	case PE_E_OVERLAP:
		return "sections overlap";
	case PE_E_NOT_FOUND:
		return "no such section";
	case PE_E_TWICE:
		return "a section is there twice";
	case PE_E_MEMORY:
		return "headers or sections do not fit the image in memory";
	case PE_E_ENTRY:
		return "the entry point is not in an executable section";
	case PE_E_RELOCATION:
		return "a base relocation cannot be applied";
	}
	return "unknown error";
}

/*
 * A bounded reader of PE/COFF files, as far as a UKI needs it: how long the file
 * is, where its named sections lie, in the file and in memory (pe_parse_loaded),
 * and how a program is laid out to run (pe_load.h).
 */
#ifndef LIB_CORE_PE_H
#define LIB_CORE_PE_H

#include <stddef.h>
#include <stdint.h>

#define PE_SECTIONS_MAX 96
#define PE_SECTION_NAME_MAX 8

/* Machine codes. */
#define PE_MACHINE_X64 0x8664
#define PE_MACHINE_ARM64 0xaa64

/* Bits of struct pe's characteristics and dll_characteristics, and of a section's. */
#define PE_RELOCS_STRIPPED 0x0001u
#define PE_NX_COMPAT 0x0100u
#define PE_SECTION_EXECUTE 0x20000000u
#define PE_SECTION_WRITE 0x80000000u

enum pe_error {
	PE_OK = 0,
	PE_E_SHORT, /* the headers do not fit the buffer */
	PE_E_DOS, /* no MZ */
	PE_E_OFFSET, /* the PE header's offset is odd or outside */
	PE_E_SIGNATURE, /* no PE\0\0 */
	PE_E_OPTIONAL, /* no PE32+ optional header */
	PE_E_SECTIONS, /* no section, or more than PE_SECTIONS_MAX */
	PE_E_RANGE, /* a section or the certificate table lies outside the file */
	PE_E_OVERLAP, /* a section's data lies over the headers or over another section's */
	PE_E_NOT_FOUND, /* no such section */
	PE_E_TWICE, /* the section is there more than once */
	PE_E_MEMORY, /* headers or a section lie outside the image in memory, or over another */
	PE_E_ENTRY, /* the entry point lies in no executable section */
	PE_E_RELOCATION, /* a base relocation is malformed, unknown or not to be had */
};

/* A parsed file; refers to the caller's buffer. */
struct pe {
	const uint8_t *data;
	uint64_t len;
	uint16_t machine; /* PE_MACHINE_* */
	uint16_t subsystem; /* 10: EFI application */
	uint16_t characteristics; /* PE_RELOCS_STRIPPED */
	uint16_t dll_characteristics; /* PE_NX_COMPAT */
	unsigned int n_sections;
	uint32_t section_table; /* its file offset in bytes */
	uint32_t section_alignment;
	uint32_t file_alignment;
	uint32_t size_of_image; /* bytes in memory, headers included */
	uint32_t size_of_headers;
	uint32_t entry; /* address of the first instruction, from the image's first byte */
	uint64_t image_base; /* where the linker expected the image */
	uint32_t reloc_address; /* of the base relocations in memory; 0 when there are none */
	uint32_t reloc_bytes;
	uint64_t file_bytes; /* end of the last section's data or of the certificates */
	uint32_t cert_offset; /* 0 when not signed */
	uint32_t cert_bytes;
};

struct pe_section {
	char name[PE_SECTION_NAME_MAX + 1];
	uint32_t header; /* offset of its header, which begins with the name */
	uint32_t offset; /* of its data in the file */
	uint32_t bytes; /* of real data: the smaller of virtual and raw size */
	uint32_t raw_bytes;
	uint32_t virtual_address;
	uint32_t virtual_bytes;
	uint32_t characteristics;
};

/*
 * Check the headers in the first @len bytes at @data, which may be a prefix of
 * a file (or the whole partition after it) of @file_limit bytes: sections must
 * end within @file_limit. An enum pe_error; @ret is written only on PE_OK and
 * refers to @data.
 */
int pe_parse(const void *data, uint64_t len, uint64_t file_limit, struct pe *ret);

/*
 * Check the headers of a program that a loader has laid out in the @len bytes at @image, such as
 * the caller itself: all sections must lie within them, after the headers, none over another. An
 * enum pe_error; @ret is written only on PE_OK and refers to @image. A section's bytes in memory
 * are the virtual_bytes at its virtual_address; what the headers say of the file is not checked.
 */
int pe_parse_loaded(const void *image, uint64_t len, struct pe *ret);

/*
 * The check that pe_parse_loaded() makes, for a file: would its headers and sections, laid out,
 * lie within size_of_image, none over another? PE_OK or PE_E_MEMORY.
 */
int pe_check_memory(const struct pe *pe);

/* The section number @idx, below n_sections. PE_E_NOT_FOUND beyond. */
int pe_section_at(const struct pe *pe, unsigned int idx, struct pe_section *ret);

/* The one section named @name (".cmdline", ".linux", ".initrd", ".osrel", ".uname"). */
int pe_section_find(const struct pe *pe, const char *name, struct pe_section *ret);

/* A short sentence for an enum pe_error. */
const char *pe_error_text(int error);

#endif

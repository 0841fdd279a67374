/*
 * PE files: every section of what is accepted lies inside the file, and inside the image in
 * memory; what may be loaded is loaded within its image; the parts of a UKI lie within it.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/pe.h"
#include "lib/core/pe_load.h"
#include "lib/core/uki_parts.h"

#define IMAGE_MAX (1u << 20)
#define ADDRESS UINT64_C(0x123450000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_file(const struct pe *pe, size_t len)
{
	static const char *const names[] = { ".cmdline", ".linux", ".initrd", ".osrel", ".uname" };
	struct pe_section s;

	if (pe->file_bytes > len || !pe->n_sections)
		abort();
	for (unsigned int i = 0; i < pe->n_sections; i++) {
		if (pe_section_at(pe, i, &s) || s.bytes > s.raw_bytes)
			abort();
		if (s.raw_bytes && (uint64_t)s.offset + s.raw_bytes > len)
			abort();
	}
	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!pe_section_find(pe, names[i], &s) && s.bytes &&
		    (uint64_t)s.offset + s.bytes > len)
			abort();
}

/* The parts as the stub uses them: every byte is read. */
static void check_parts(const uint8_t *image, size_t len)
{
	struct uki_parts p;
	const char *section;
	volatile uint8_t sum = 0;

	if (uki_parts_find(image, len, &p, &section))
		return;
	if (!p.part[UKI_LINUX].bytes || !p.part[UKI_INITRD].bytes || !p.part[UKI_CMDLINE].bytes ||
	    p.part[UKI_CMDLINE].bytes > UKI_CMDLINE_MAX)
		abort();
	for (unsigned int i = 0; i < UKI_PARTS; i++)
		for (uint32_t k = 0; p.part[i].data && k < p.part[i].bytes; k++)
			sum = (uint8_t)(sum + p.part[i].data[k]);
}

/* A buffer of exactly the image's size, so that sanitizers see what is written beyond. */
static void check_load(const struct pe *pe)
{
	struct pe loaded;
	uint8_t *image;

	if (pe_load_check(pe) || pe->size_of_image > IMAGE_MAX)
		return;
	image = malloc(pe->size_of_image);
	if (!image)
		abort();
	if (!pe_load(pe, image, ADDRESS)) {
		if (pe->entry >= pe->size_of_image)
			abort();
		/* Relocations may have been aimed at the headers; without them these are whole. */
		if (!pe->reloc_bytes && pe_parse_loaded(image, pe->size_of_image, &loaded))
			abort();
		check_parts(image, pe->size_of_image);
	}
	free(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct pe pe;

	if (!pe_parse(data, len, len, &pe)) {
		check_file(&pe, len);
		check_load(&pe);
	}
	check_parts(data, len);
	return 0;
}

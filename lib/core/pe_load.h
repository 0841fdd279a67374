/*
 * Laying a PE program out to run, as a firmware's LoadImage does: headers and
 * sections at their addresses, zeroes between them, base relocations applied.
 *
 * The UKI stub starts its kernel this way: the kernel was verified as a part of
 * the UKI, and the firmware's own loader would ask for a signature of its own.
 *
 *	r = pe_parse(file, len, len, &pe);
 *	r = pe_load_check(&pe);
 *	image = allocate(pe.size_of_image), on a multiple of pe_load_alignment(&pe)
 *	r = pe_load(&pe, image, (uintptr_t)image);
 *	... jump to image + pe.entry
 */
#ifndef LIB_CORE_PE_LOAD_H
#define LIB_CORE_PE_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/core/pe.h"

/* Memory is handed out in pages of at least this size. */
#define PE_PAGE_BYTES 4096u

/* Largest alignment looked after; kernels of arm64 want 64 KiB, those of x86 a page. */
#define PE_LOAD_ALIGNMENT_MAX (2u << 20)

/*
 * Can the whole file @pe (parsed with all its bytes there) be laid out? PE_OK; PE_E_RANGE when
 * data of a section is not in the buffer; PE_E_MEMORY when sections do not fit their image or one
 * another, or the alignment is no power of two up to PE_LOAD_ALIGNMENT_MAX; PE_E_ENTRY.
 */
int pe_load_check(const struct pe *pe);

/* What the image's first byte must be a multiple of: the section alignment, at least a page. */
uint32_t pe_load_alignment(const struct pe *pe);

/*
 * True when each section may have rights of its own in memory: the file says that it is made for
 * that (NX_COMPAT), and no page belongs to two sections.
 */
bool pe_load_separable(const struct pe *pe);

/*
 * Lay @pe, which pe_load_check() accepted, out in the size_of_image bytes at @image, to run at the
 * address @address. PE_OK or PE_E_RELOCATION, with @image in disorder.
 */
int pe_load(const struct pe *pe, void *image, uint64_t address);

#endif

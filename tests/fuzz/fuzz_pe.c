/* PE headers: every section of what is accepted lies inside the file. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/core/pe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const names[] = { ".cmdline", ".linux", ".initrd", ".osrel", ".uname" };
	struct pe_section s;
	struct pe pe;

	if (pe_parse(data, len, len, &pe))
		return 0;
	if (pe.file_bytes > len || !pe.n_sections)
		abort();
	for (unsigned int i = 0; i < pe.n_sections; i++) {
		if (pe_section_at(&pe, i, &s) || s.bytes > s.raw_bytes)
			abort();
		if (s.raw_bytes && (uint64_t)s.offset + s.raw_bytes > len)
			abort();
	}
	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!pe_section_find(&pe, names[i], &s) && s.bytes &&
		    (uint64_t)s.offset + s.bytes > len)
			abort();
	return 0;
}

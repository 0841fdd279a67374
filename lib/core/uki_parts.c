/* See uki_parts.h. */
#include "lib/core/uki_parts.h"

#include "lib/core/pe.h"
#include "lib/core/platform.h"

const char *const uki_part_name[UKI_PARTS] = {
	[UKI_LINUX] = ".linux",	 [UKI_OSREL] = ".osrel", [UKI_CMDLINE] = ".cmdline",
	[UKI_INITRD] = ".initrd", [UKI_UNAME] = ".uname", [UKI_SBAT] = ".sbat",
	[UKI_PCRPKEY] = ".pcrpkey",
};

static const enum uki_part needed[] = { UKI_LINUX, UKI_CMDLINE, UKI_INITRD };

/* What UAPI.5 has a stub do and this one does not; .splash and .pcrsig change nothing that runs. */
static const char *const not_obeyed[] = { ".ucode", ".dtb",   ".dtbauto", ".hwids",
					  ".fwauto", ".efifw", ".profile" };

static int check_cmdline(const uint8_t *line, uint32_t bytes)
{
	if (bytes > UKI_CMDLINE_MAX)
		return UKI_E_CMDLINE;
	for (uint32_t i = 0; i < bytes; i++)
		if (line[i] < ' ' || line[i] > '~')
			return UKI_E_CMDLINE;
	return UKI_OK;
}

static int find_all(const struct pe *pe, struct uki_parts *ret, const char **ret_section)
{
	struct pe_section s;

	for (size_t i = 0; i < UKI_PARTS; i++) {
		int r = pe_section_find(pe, uki_part_name[i], &s);

		*ret_section = uki_part_name[i];
		if (r == PE_E_TWICE)
			return UKI_E_TWICE;
		if (r == PE_OK) {
			ret->part[i].data = pe->data + s.virtual_address;
			ret->part[i].bytes = s.virtual_bytes;
		}
	}
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		*ret_section = uki_part_name[needed[i]];
		if (!ret->part[needed[i]].data)
			return UKI_E_MISSING;
		if (!ret->part[needed[i]].bytes)
			return UKI_E_EMPTY;
	}
	for (size_t i = 0; i < sizeof(not_obeyed) / sizeof(not_obeyed[0]); i++) {
		*ret_section = not_obeyed[i];
		if (pe_section_find(pe, not_obeyed[i], &s) != PE_E_NOT_FOUND)
			return UKI_E_UNKNOWN;
	}
	*ret_section = uki_part_name[UKI_CMDLINE];
	return check_cmdline(ret->part[UKI_CMDLINE].data, ret->part[UKI_CMDLINE].bytes);
}

int uki_parts_find(const void *image, uint64_t len, struct uki_parts *ret,
		   const char **ret_section)
{
	struct uki_parts parts = { 0 };
	struct pe pe;
	int r;

	*ret_section = "";
	if (pe_parse_loaded(image, len, &pe))
		return UKI_E_IMAGE;
	r = find_all(&pe, &parts, ret_section);
	if (r)
		return r;
	*ret = parts;
	return UKI_OK;
}

const char *uki_error_text(int error)
{
	switch ((enum uki_error)error) {
	case UKI_OK:
		return "no error";
	case UKI_E_IMAGE:
		return "the image in memory is no sound PE program";
	case UKI_E_MISSING:
		return "the section is missing";
	case UKI_E_TWICE:
		return "the section is there twice";
	case UKI_E_EMPTY:
		return "the section is empty";
	case UKI_E_UNKNOWN:
		return "the section is not supported";
	case UKI_E_CMDLINE:
		return "not printable ASCII of at most 2047 bytes";
	}
	return "unknown error";
}

/* See rights.h. */
#include "bootloader/stub/rights.h"

#include "bootloader/efi/firmware.h"
#include "lib/core/pe_load.h"

#define ALL (EFI_MEMORY_RO | EFI_MEMORY_XP)

static EFI_MEMORY_ATTRIBUTE *find_protocol(void)
{
	EFI_GUID guid = EFI_GUID_MEMORY_ATTRIBUTE;
	void *found = NULL;

	return EFI_ERROR(fw->boot->locate_protocol(&guid, NULL, &found)) ? NULL : found;
}

static uint64_t whole_pages(uint64_t bytes)
{
	return (bytes + EFI_PAGE_BYTES - 1) / EFI_PAGE_BYTES * EFI_PAGE_BYTES;
}

/* Of RO and XP, leave exactly @wanted on these pages. */
static EFI_STATUS set(EFI_MEMORY_ATTRIBUTE *p, uint64_t address, uint64_t bytes, uint64_t wanted)
{
	EFI_STATUS status = EFI_SUCCESS;

	bytes = whole_pages(bytes);
	if (bytes && ALL & ~wanted)
		status = p->clear(p, address, bytes, ALL & ~wanted);
	if (bytes && wanted && !EFI_ERROR(status))
		status = p->set(p, address, bytes, wanted);
	return status;
}

static EFI_STATUS set_sections(EFI_MEMORY_ATTRIBUTE *p, const struct pe *pe, uint64_t address)
{
	EFI_STATUS status = set(p, address, pe->size_of_headers, EFI_MEMORY_RO | EFI_MEMORY_XP);
	struct pe_section s;

	for (unsigned int i = 0; !EFI_ERROR(status) && !pe_section_at(pe, i, &s); i++) {
		uint64_t wanted = 0;

		if (!(s.characteristics & PE_SECTION_WRITE))
			wanted |= EFI_MEMORY_RO;
		if (!(s.characteristics & PE_SECTION_EXECUTE))
			wanted |= EFI_MEMORY_XP;
		status = set(p, address + s.virtual_address, s.virtual_bytes, wanted);
	}
	return status;
}

void rights_give(struct rights *r, const struct pe *pe, uint8_t *image)
{
	EFI_MEMORY_ATTRIBUTE *p = find_protocol();
	EFI_STATUS status;

	*r = (struct rights){
		.address = (uint64_t)(uintptr_t)image,
		.bytes = whole_pages(pe->size_of_image),
	};
	if (!p)
		return;
	status = p->get(p, r->address, r->bytes, &r->before);
	if (!EFI_ERROR(status)) {
		r->changed = true;
		status = pe_load_separable(pe) ? set_sections(p, pe, r->address)
					       : set(p, r->address, r->bytes, 0);
	}
	if (EFI_ERROR(status))
		say("stub: memory rights cannot be set: %s", fw_status_text(status));
}

void rights_take_back(struct rights *r)
{
	EFI_MEMORY_ATTRIBUTE *p = r->changed ? find_protocol() : NULL;

	if (p)
		(void)set(p, r->address, r->bytes, r->before & ALL);
	r->changed = false;
}

/* See acpi.h. Offsets are those of ACPI 6.4, 5.2.5 to 5.2.8. */
#include "bootloader/efi/acpi.h"

#include "bootloader/efi/firmware.h"
#include "lib/core/bytes.h"
#include "lib/core/platform.h"

enum {
	RSDP_O_REVISION = 15,
	RSDP_O_XSDT = 24, /* u64: where it lies */

	XSDT_O_BYTES = 4, /* u32: of the whole table */
	XSDT_O_ENTRIES = 36, /* u64 each */
};

#define CONFIGURATION_TABLES_MAX 1024u
#define XSDT_BYTES_MAX 65536u

static const uint8_t *at(uint64_t address)
{
	return (const uint8_t *)(uintptr_t)address;
}

static const uint8_t *find_xsdt(void)
{
	EFI_GUID acpi = EFI_GUID_ACPI_20;

	for (size_t i = 0; i < fw->n_configuration_tables && i < CONFIGURATION_TABLES_MAX; i++) {
		const uint8_t *rsdp = fw->configuration_tables[i].table;

		if (memcmp(&fw->configuration_tables[i].vendor, &acpi, sizeof(acpi)) || !rsdp ||
		    memcmp(rsdp, "RSD PTR ", 8) || rsdp[RSDP_O_REVISION] < 2)
			continue;
		return at(le64_load(rsdp + RSDP_O_XSDT));
	}
	return NULL;
}

bool acpi_has_table(const char *signature)
{
	const uint8_t *xsdt = find_xsdt();
	uint32_t bytes;

	if (!xsdt || memcmp(xsdt, "XSDT", 4))
		return false;
	bytes = le32_load(xsdt + XSDT_O_BYTES);
	if (bytes > XSDT_BYTES_MAX)
		bytes = XSDT_BYTES_MAX;
	for (uint32_t o = XSDT_O_ENTRIES; o + 8 <= bytes; o += 8) {
		const uint8_t *table = at(le64_load(xsdt + o));

		if (table && !memcmp(table, signature, 4))
			return true;
	}
	return false;
}

/* See loader_variable.h. */
#include "bootloader/efi/loader_variable.h"

#include "bootloader/efi/firmware.h"
#include "lib/core/bytes.h"

#define VALUE_MAX 128

void loader_variable_set_bytes(const CHAR16 *name, const void *value, size_t len)
{
	EFI_GUID vendor = EFI_GUID_LOADER;

	fw_set_variable(&vendor, name, value, len);
}

void loader_variable_set_text(const CHAR16 *name, const char *value)
{
	CHAR16 wide[VALUE_MAX];
	size_t n = 0;

	for (; value[n] && n + 1 < VALUE_MAX; n++)
		wide[n] = (CHAR16)(unsigned char)value[n];
	wide[n++] = 0;
	loader_variable_set_bytes(name, wide, n * sizeof(CHAR16));
}

void loader_variable_set_number(const CHAR16 *name, uint64_t value)
{
	char text[21];

	u64_format(value, text);
	loader_variable_set_text(name, text);
}

bool loader_variable_is_set(const CHAR16 *name)
{
	EFI_GUID vendor = EFI_GUID_LOADER;
	size_t len = 0;

	return fw->runtime->get_variable(name, &vendor, NULL, &len, NULL) == EFI_BUFFER_TOO_SMALL;
}

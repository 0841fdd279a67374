#include "bootloader/selector/bli.h"

#include "bootloader/efi/firmware.h"
#include "bootloader/efi/loader_variable.h"
#include "lib/core/platform.h"

#define FEATURE_BOOT_COUNTING (UINT64_C(1) << 4)

/* Ids one after the other, each with its NUL. */
static void set_entries(const struct bs *bs)
{
	CHAR16 list[BS_SLOTS * 8];
	size_t n = 0;

	for (unsigned int slot = 0; slot < BS_SLOTS; slot++) {
		const char *id = slot ? "slot-b" : "slot-a";

		if (bs->slot[slot].status != BS_READY)
			continue;
		for (size_t i = 0; i <= strlen(id); i++)
			list[n++] = (CHAR16)id[i];
	}
	loader_variable_set_bytes(u"LoaderEntries", list, n * sizeof(CHAR16));
}

void bli_announce(uint64_t init_us, const struct guid *esp, const struct bs *bs)
{
	uint64_t features = FEATURE_BOOT_COUNTING;
	char guid[GUID_TEXT_SIZE];

	loader_variable_set_text(u"LoaderInfo", "kiln " KILN_VERSION);
	loader_variable_set_bytes(u"LoaderFeatures", &features, sizeof(features));
	loader_variable_set_number(u"LoaderTimeInitUSec", init_us);
	if (!guid_is_zero(esp)) {
		guid_format(esp, guid);
		loader_variable_set_text(u"LoaderDevicePartUUID", guid);
	}
	set_entries(bs);
}

void bli_selected(unsigned int slot)
{
	loader_variable_set_text(u"LoaderEntrySelected", slot ? "slot-b" : "slot-a");
	loader_variable_set_number(u"LoaderTimeExecUSec", fw_now_us());
}

bool bli_secure_boot(void)
{
	EFI_GUID vendor = EFI_GUID_GLOBAL_VARIABLE;
	uint8_t on = 0;
	size_t len = sizeof(on);

	return !EFI_ERROR(fw->runtime->get_variable(u"SecureBoot", &vendor, NULL, &len, &on)) &&
	       len == 1 && on == 1;
}

#include "bootloader/selector/bli.h"

#include "bootloader/efi/firmware.h"
#include "lib/core/bytes.h"
#include "lib/core/platform.h"

#define VALUE_MAX 128
#define FEATURE_BOOT_COUNTING (UINT64_C(1) << 4)

static void set_bytes(const CHAR16 *name, const void *value, size_t len)
{
	EFI_GUID vendor = EFI_GUID_LOADER;

	fw_set_variable(&vendor, name, value, len);
}

static void set_text(const CHAR16 *name, const char *value)
{
	CHAR16 wide[VALUE_MAX];
	size_t n = 0;

	for (; value[n] && n + 1 < VALUE_MAX; n++)
		wide[n] = (CHAR16)(unsigned char)value[n];
	wide[n++] = 0;
	set_bytes(name, wide, n * sizeof(CHAR16));
}

static void set_number(const CHAR16 *name, uint64_t value)
{
	char text[21];

	u64_format(value, text);
	set_text(name, text);
}

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
	set_bytes(u"LoaderEntries", list, n * sizeof(CHAR16));
}

void bli_announce(uint64_t init_us, const struct guid *esp, const struct bs *bs)
{
	uint64_t features = FEATURE_BOOT_COUNTING;
	char guid[GUID_TEXT_SIZE];

	set_text(u"LoaderInfo", "kiln " KILN_VERSION);
	set_bytes(u"LoaderFeatures", &features, sizeof(features));
	set_number(u"LoaderTimeInitUSec", init_us);
	if (!guid_is_zero(esp)) {
		guid_format(esp, guid);
		set_text(u"LoaderDevicePartUUID", guid);
	}
	set_entries(bs);
}

void bli_selected(unsigned int slot)
{
	set_text(u"LoaderEntrySelected", slot ? "slot-b" : "slot-a");
	set_number(u"LoaderTimeExecUSec", fw_now_us());
}

bool bli_secure_boot(void)
{
	EFI_GUID vendor = EFI_GUID_GLOBAL_VARIABLE;
	uint8_t on = 0;
	size_t len = sizeof(on);

	return !EFI_ERROR(fw->runtime->get_variable(u"SecureBoot", &vendor, NULL, &len, &on)) &&
	       len == 1 && on == 1;
}

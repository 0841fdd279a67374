/* See measure.h. */
#include "bootloader/stub/measure.h"

#include "bootloader/efi/firmware.h"
#include "bootloader/efi/loader_variable.h"
#include "lib/core/bytes.h"
#include "lib/core/platform.h"

#define PCR_KERNEL_IMAGE 11

static EFI_TCG2 *find_tpm(void)
{
	EFI_GUID guid = EFI_GUID_TCG2;
	EFI_TCG2_CAPABILITY capability = { .size = sizeof(capability) };
	void *found = NULL;
	EFI_TCG2 *tcg;

	if (EFI_ERROR(fw->boot->locate_protocol(&guid, NULL, &found)))
		return NULL;
	tcg = found;
	if (EFI_ERROR(tcg->get_capability(tcg, &capability)) || !capability.tpm_present)
		return NULL;
	return tcg;
}

/* Extend by @bytes bytes at @data; the event log names the section. */
static EFI_STATUS extend(EFI_TCG2 *tcg, const char *section, const void *data, uint64_t bytes)
{
	uint8_t event[EFI_TCG2_EVENT_DATA + 16] = { 0 };
	uint32_t name_bytes = (uint32_t)strlen(section) + 1;

	le32_store(event + EFI_TCG2_EVENT_SIZE, EFI_TCG2_EVENT_DATA + name_bytes);
	le32_store(event + EFI_TCG2_EVENT_HEADER_SIZE, EFI_TCG2_HEADER_BYTES);
	le16_store(event + EFI_TCG2_EVENT_HEADER_VERSION, EFI_TCG2_HEADER_V1);
	le32_store(event + EFI_TCG2_EVENT_PCR, PCR_KERNEL_IMAGE);
	le32_store(event + EFI_TCG2_EVENT_TYPE, EFI_TCG2_EV_IPL);
	memcpy(event + EFI_TCG2_EVENT_DATA, section, name_bytes);
	return tcg->hash_log_extend_event(tcg, 0, (uint64_t)(uintptr_t)data, bytes, event);
}

void measure_parts(const struct uki_parts *parts)
{
	EFI_TCG2 *tcg = find_tpm();

	if (!tcg)
		return;
	for (unsigned int i = 0; i < UKI_PARTS; i++) {
		const char *name = uki_part_name[i];
		EFI_STATUS status;

		if (!parts->part[i].data || !parts->part[i].bytes)
			continue;
		status = extend(tcg, name, name, strlen(name) + 1);
		if (!EFI_ERROR(status))
			status = extend(tcg, name, parts->part[i].data, parts->part[i].bytes);
		if (EFI_ERROR(status)) {
			say("stub: %s cannot be measured: %s", name, fw_status_text(status));
			return;
		}
	}
	loader_variable_set_number(u"StubPcrKernelImage", PCR_KERNEL_IMAGE);
}

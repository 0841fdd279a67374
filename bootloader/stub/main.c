/*
 * The stub: the program that a UKI is, until its kernel runs.
 *
 * It starts the kernel, initramfs and command line that are sections of its own
 * image in memory, which the firmware or the selector has verified, and nothing
 * else. It does not read its LoadOptions, SMBIOS, or any file, and it removes the
 * variable that systemd would take for a second command line: whoever controls
 * these must not control what runs. There is no state, no prompt, no option.
 *
 * Any error ends the program with an EFI error, so that the selector can start
 * the other slot in the same boot.
 */
#include "bootloader/efi/device_path.h"
#include "bootloader/efi/firmware.h"
#include "bootloader/efi/loader_variable.h"
#include "bootloader/stub/kernel.h"
#include "bootloader/stub/measure.h"
#include "lib/core/guid.h"
#include "lib/core/uki_parts.h"

#define FEATURE_REPORT_BOOT_PARTITION (UINT64_C(1) << 0)

/* Generation numbers that Secure Boot revocation (SBAT) compares; shim reads them. */
__attribute__((used, section(".sbat"))) static const char sbat[] =
	"sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\n"
	"kiln.stub,1,kiln,kiln," KILN_VERSION ",https://uapi-group.org/\n";

/* The partition the UKI was loaded from, when no boot loader has said which it came from. */
static void announce_partition(const EFI_LOADED_IMAGE *own)
{
	const EFI_DEVICE_PATH *path, *node;
	char text[GUID_TEXT_SIZE];
	struct guid guid;
	size_t prefix;

	if (!own->device || loader_variable_is_set(u"LoaderDevicePartUUID"))
		return;
	path = device_path_of(own->device);
	node = path ? device_path_partition(path, &prefix) : NULL;
	if (!node || !device_path_partition_guid(node, &guid))
		return;
	guid_format(&guid, text);
	loader_variable_set_text(u"LoaderDevicePartUUID", text);
}

/* "NAME 2.07", as the Boot Loader Interface writes versions of 16 and 16 bits. */
static void announce_version(const CHAR16 *variable, const char *name, uint32_t version)
{
	uint64_t minor = version & 0xffff;
	char text[96];

	if (loader_variable_is_set(variable))
		return;
	text_format(text, sizeof(text), "%s %u.%s%u", name, (uint64_t)version >> 16,
		    minor < 10 ? "0" : "", minor);
	loader_variable_set_text(variable, text);
}

static void announce(const EFI_LOADED_IMAGE *own)
{
	uint64_t features = FEATURE_REPORT_BOOT_PARTITION;
	const CHAR16 *vendor = fw->firmware_vendor;
	char name[64];
	size_t n = 0;

	for (; vendor && vendor[n] && n + 1 < sizeof(name); n++)
		name[n] = vendor[n] < 0x80 ? (char)vendor[n] : '?';
	name[n] = 0;
	announce_partition(own);
	announce_version(u"LoaderFirmwareInfo", name, fw->firmware_revision);
	announce_version(u"LoaderFirmwareType", "UEFI", fw->header.revision);
	loader_variable_set_text(u"StubInfo", "kiln stub " KILN_VERSION);
	loader_variable_set_bytes(u"StubFeatures", &features, sizeof(features));
}

/*
 * Where Secure Boot is off, systemd reads SystemdOptions before the kernel command line: other
 * units, another target, a shell. Anybody who was root once could have left it there.
 */
static EFI_STATUS remove_systemd_options(void)
{
	EFI_GUID vendor = EFI_GUID_SYSTEMD;
	EFI_STATUS status;
	size_t len = 0;

	status = fw->runtime->get_variable(u"SystemdOptions", &vendor, NULL, &len, NULL);
	if (status != EFI_BUFFER_TOO_SMALL)
		return EFI_SUCCESS;
	status = fw->runtime->set_variable(u"SystemdOptions", &vendor, 0, 0, NULL);
	say("stub: EFI variable SystemdOptions: %s",
	    EFI_ERROR(status) ? fw_status_text(status) : "removed");
	return status;
}

EFI_STATUS EFIAPI efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

EFI_STATUS EFIAPI efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	EFI_GUID guid = EFI_GUID_LOADED_IMAGE;
	const EFI_LOADED_IMAGE *own;
	const char *section;
	struct uki_parts parts;
	void *found = NULL;
	EFI_STATUS status;
	int r;

	fw_init(table);
	if (EFI_ERROR(fw->boot->handle_protocol(image, &guid, &found))) {
		say("stub: the firmware does not say where the UKI is");
		return EFI_LOAD_ERROR;
	}
	own = found;
	r = uki_parts_find(own->image_base, own->image_size, &parts, &section);
	if (r) {
		say("stub: %s%s%s", section, *section ? ": " : "", uki_error_text(r));
		return EFI_LOAD_ERROR;
	}
	status = remove_systemd_options();
	if (EFI_ERROR(status))
		return status;
	announce(own);
	measure_parts(&parts);
	return kernel_start(image, &parts);
}

/* See initrd.h. */
#include "bootloader/stub/initrd.h"

#include <stdbool.h>

#include "bootloader/efi/firmware.h"
#include "lib/core/platform.h"

/* A path of one vendor media node, and its end. */
struct initrd_path {
	EFI_DEVICE_PATH vendor;
	EFI_GUID guid;
	EFI_DEVICE_PATH end;
};

_Static_assert(sizeof(struct initrd_path) == 24, "device path nodes have no padding");

static struct initrd_path path = {
	.vendor = { EFI_PATH_MEDIA, EFI_PATH_MEDIA_VENDOR, { 20, 0 } },
	.guid = EFI_GUID_LINUX_INITRD,
	.end = { EFI_PATH_END, EFI_PATH_END_ENTIRE, { 4, 0 } },
};

static EFI_STATUS EFIAPI load_file(EFI_LOAD_FILE2 *self, const EFI_DEVICE_PATH *file,
				   uint8_t boot_policy, size_t *size, void *buffer);

/* The one initramfs of this boot; the firmware hands loader back to load_file(). */
static struct {
	EFI_LOAD_FILE2 loader;
	EFI_HANDLE handle;
	const void *data;
	size_t bytes;
} initrd = { .loader.load_file = load_file };

static EFI_STATUS EFIAPI load_file(EFI_LOAD_FILE2 *self, const EFI_DEVICE_PATH *file,
				   uint8_t boot_policy, size_t *size, void *buffer)
{
	if (self != &initrd.loader || !file || !size)
		return EFI_INVALID_PARAMETER;
	if (boot_policy)
		return EFI_UNSUPPORTED;
	if (!buffer || *size < initrd.bytes) {
		*size = initrd.bytes;
		return EFI_BUFFER_TOO_SMALL;
	}
	memcpy(buffer, initrd.data, initrd.bytes);
	*size = initrd.bytes;
	return EFI_SUCCESS;
}

/* Asked as the kernel will ask. */
static bool offered_by_another(void)
{
	EFI_GUID load_file2 = EFI_GUID_LOAD_FILE2;
	const EFI_DEVICE_PATH *rest = &path.vendor;
	EFI_HANDLE handle = NULL;

	return !EFI_ERROR(fw->boot->locate_device_path(&load_file2, &rest, &handle));
}

EFI_STATUS initrd_offer(const void *data, size_t bytes)
{
	EFI_GUID device_path = EFI_GUID_DEVICE_PATH, load_file2 = EFI_GUID_LOAD_FILE2;
	EFI_STATUS status;

	if (offered_by_another()) {
		say("stub: another program offers the kernel an initramfs");
		return EFI_ALREADY_STARTED;
	}
	initrd.data = data;
	initrd.bytes = bytes;
	status = fw->boot->install_protocol_interface(&initrd.handle, &device_path,
						      EFI_NATIVE_INTERFACE, &path);
	if (!EFI_ERROR(status))
		status = fw->boot->install_protocol_interface(&initrd.handle, &load_file2,
							      EFI_NATIVE_INTERFACE, &initrd.loader);
	if (EFI_ERROR(status)) {
		say("stub: the initramfs cannot be offered: %s", fw_status_text(status));
		initrd_withdraw();
	}
	return status;
}

void initrd_withdraw(void)
{
	EFI_GUID device_path = EFI_GUID_DEVICE_PATH, load_file2 = EFI_GUID_LOAD_FILE2;

	if (!initrd.handle)
		return;
	/* One of the two may not be there; the firmware then says so, and no more is wanted. */
	fw->boot->uninstall_protocol_interface(initrd.handle, &load_file2, &initrd.loader);
	fw->boot->uninstall_protocol_interface(initrd.handle, &device_path, &path);
	initrd.handle = NULL;
}

/* A kernel that panics before its first line: the machine is reset. */
#include "qemu/guest/guest.h"

EFI_STATUS EFIAPI efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	guest_say(table, image, "reset");
	table->runtime->reset_system(EFI_RESET_COLD, EFI_SUCCESS, 0, NULL);
	return EFI_NOT_FOUND;
}

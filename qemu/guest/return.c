/* A UKI whose stub finds no kernel: it comes back. */
#include "qemu/guest/guest.h"

EFI_STATUS EFIAPI efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table)
{
	guest_say(table, image, "return");
	return EFI_NOT_FOUND;
}

/*
 * Programs that stand in for a UKI: for the selector they are one, with a .cmdline
 * section and all, but they fail as a kernel does, at once and on purpose. Whoever
 * puts one into a slot appends the command line.
 */
#ifndef QEMU_GUEST_GUEST_H
#define QEMU_GUEST_GUEST_H

#include "bootloader/efi/uefi.h"

/* Print "guest: @what: " and the program's own command line, so that it shows which slot runs. */
void guest_say(EFI_SYSTEM_TABLE *table, EFI_HANDLE image, const char *what);

EFI_STATUS EFIAPI efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *table);

#endif

/*
 * The initramfs on its way to the kernel: Linux asks for it by LoadFile2 at a
 * device path of its own, as soon as it runs.
 */
#ifndef BOOTLOADER_STUB_INITRD_H
#define BOOTLOADER_STUB_INITRD_H

#include "bootloader/efi/uefi.h"

/*
 * Offer the @bytes bytes at @data, which must stay where they are until the kernel has them. An
 * EFI_STATUS, the reason said on the console; EFI_ALREADY_STARTED when somebody else offers one:
 * the kernel would not ask twice, and which of the two it gets is not ours to decide.
 */
EFI_STATUS initrd_offer(const void *data, size_t bytes);

/* Take the offer back. Harmless when there is none. */
void initrd_withdraw(void);

#endif

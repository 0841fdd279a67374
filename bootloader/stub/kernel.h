/*
 * The kernel: laid out in memory by ourselves, and entered.
 *
 * The firmware's LoadImage would want a signature on the kernel, too, with
 * Secure Boot on. It was verified already, as a part of the UKI.
 */
#ifndef BOOTLOADER_STUB_KERNEL_H
#define BOOTLOADER_STUB_KERNEL_H

#include "bootloader/efi/uefi.h"
#include "lib/core/uki_parts.h"

/*
 * Start the kernel in @parts with its initramfs and exactly its command line, as a child of the
 * program @parent. Returns only when that failed, with everything undone, an EFI_STATUS and the
 * reason said on the console. A kernel may also give up by calling the firmware's Exit(): then
 * the same is undone, and @parent exits with the kernel's status.
 */
EFI_STATUS kernel_start(EFI_HANDLE parent, const struct uki_parts *parts);

#endif

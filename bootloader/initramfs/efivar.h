/* Variables the firmware and the selector set for this boot: hints, never a reason to trust. */
#ifndef BOOTLOADER_INITRAMFS_EFIVAR_H
#define BOOTLOADER_INITRAMFS_EFIVAR_H

#include <stddef.h>
#include <stdint.h>

/*
 * Read the variable @name ("LoaderInfo-4a67b082-...") into @data: the length of its value, cut at
 * @size, or a negative errno (-ENOENT: not set, or no such firmware).
 */
int efivar_read(const char *name, void *data, size_t size);

#endif

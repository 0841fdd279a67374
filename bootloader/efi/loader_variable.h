/*
 * Variables of systemd's Boot Loader Interface, by which the running system
 * learns what started it (`bootctl status`, systemd-analyze). Volatile and
 * unsigned: hints, never a reason to trust. A firmware that refuses them boots
 * all the same, so nothing here returns an error.
 *
 * Format: systemd.io/BOOT_LOADER_INTERFACE, NUL-terminated UTF-16.
 */
#ifndef BOOTLOADER_EFI_LOADER_VARIABLE_H
#define BOOTLOADER_EFI_LOADER_VARIABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bootloader/efi/uefi.h"

/* Set @name to @len bytes, to @value (ASCII, cut after 127 characters), to @value in decimal. */
void loader_variable_set_bytes(const CHAR16 *name, const void *value, size_t len);
void loader_variable_set_text(const CHAR16 *name, const char *value);
void loader_variable_set_number(const CHAR16 *name, uint64_t value);

/* True when an earlier program of this boot has set @name. */
bool loader_variable_is_set(const CHAR16 *name);

#endif

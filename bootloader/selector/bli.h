/*
 * Boot Loader Interface: EFI variables by which the running system learns what
 * booted it (`bootctl status`, systemd-analyze). Volatile and unsigned: hints,
 * never a reason to trust. A firmware that refuses them boots all the same.
 *
 * Format: systemd.io/BOOT_LOADER_INTERFACE, NUL-terminated UTF-16.
 */
#ifndef BOOTLOADER_SELECTOR_BLI_H
#define BOOTLOADER_SELECTOR_BLI_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/core/bootstate.h"
#include "lib/core/guid.h"

/* Set LoaderInfo, LoaderFeatures, LoaderTimeInitUSec, LoaderDevicePartUUID and LoaderEntries. */
void bli_announce(uint64_t init_us, const struct guid *esp, const struct bs *bs);

/* Set LoaderEntrySelected to the slot about to start, and LoaderTimeExecUSec to now. */
void bli_selected(unsigned int slot);

/* True when the firmware says that Secure Boot is enforced. */
bool bli_secure_boot(void);

#endif

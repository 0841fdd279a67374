/*
 * The selector's part of the Boot Loader Interface (loader_variable.h): what it
 * is, what it chose, and when.
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

/*
 * What watchdog.c needs to know of one kind of hardware. Each is a few registers of a
 * PCI function; nothing here outlives the selector.
 */
#ifndef BOOTLOADER_SELECTOR_WATCHDOG_DRIVER_H
#define BOOTLOADER_SELECTOR_WATCHDOG_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "bootloader/efi/uefi.h"

/* One that was found. */
struct watchdog_device {
	EFI_PCI_IO *pci; /* NULL: not found */
	uint64_t base, control; /* as the driver likes */
};

struct watchdog_driver {
	/* Is the function d->pci, with @id its first configuration word, one? Fills in the rest. */
	bool (*found)(struct watchdog_device *d, uint32_t id);
	/* Did it reset the machine, and was that not yet forgotten? */
	bool (*caused_reset)(const struct watchdog_device *d);
	void (*forget_reset)(const struct watchdog_device *d);
	/* Start it, to reset the machine in @seconds. NULL, or why not; then it does not run. */
	const char *(*arm)(const struct watchdog_device *d, unsigned int seconds);
	/* Stop it. True when it says that it has stopped. */
	bool (*disarm)(const struct watchdog_device *d);
};

extern const struct watchdog_driver watchdog_i6300esb;
extern const struct watchdog_driver watchdog_itco;

#endif

/*
 * What memory may be used for, where the firmware enforces it: the kernel's code
 * runs and is not written, its data is written and does not run.
 */
#ifndef BOOTLOADER_STUB_RIGHTS_H
#define BOOTLOADER_STUB_RIGHTS_H

#include <stdbool.h>

#include "bootloader/efi/uefi.h"
#include "lib/core/pe.h"

/* Memory whose rights were changed, and the attributes it had. */
struct rights {
	uint64_t address, bytes;
	uint64_t before;
	bool changed;
};

/*
 * Give the program @pe, laid out at @image, the rights its sections ask for; a program not made
 * for that gets all of them everywhere. Nothing happens on a firmware that does not let rights be
 * set. One that refuses is told on the console: it may still let the program run.
 */
void rights_give(struct rights *r, const struct pe *pe, uint8_t *image);

/* Make the memory what it was, before it goes back to the firmware. Harmless when unchanged. */
void rights_take_back(struct rights *r);

#endif

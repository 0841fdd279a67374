/*
 * One slot on its way to running: find its partition, read its UKI once, check
 * it, hand it to the firmware from memory.
 *
 * Without Secure Boot nothing but the hash check here notices a flipped byte of
 * the kernel. The UKI is read once, so that what was checked is what is
 * started, whatever the disk answers to a second read.
 */
#ifndef BOOTLOADER_SELECTOR_SLOT_H
#define BOOTLOADER_SELECTOR_SLOT_H

#include <stdbool.h>

#include "bootloader/selector/owndisk.h"
#include "lib/core/bootstate.h"
#include "lib/core/gpt.h"

/* Largest UKI read into memory, whatever the state claims. */
#define SLOT_UKI_MAX_BYTES (UINT64_C(1) << 30)

/* Where slots are looked for. */
struct slot_place {
	struct owndisk *disk;
	const struct gpt *gpt;
	EFI_HANDLE selector; /* parent of started images */
};

/* Read the slot descriptor of @slot. True when there is a valid one. */
bool slot_describe(const struct slot_place *place, unsigned int slot, struct slotdesc *ret);

/* A UKI the firmware has loaded. */
struct slot_loaded {
	EFI_HANDLE image;
	unsigned int watchdogs; /* its command line says it can feed these (lib/core/watchdog.h) */
};

/*
 * Read the UKI of @slot, compare size and SHA-256 with @image, have the firmware load it. 0
 * with *@ret, else why not; the reason was said on the console.
 */
enum bs_reason slot_load(const struct slot_place *place, unsigned int slot,
			 const struct slotdesc *image, struct slot_loaded *ret);

/* Start what slot_load() loaded. Returns only when that failed, with the reason. */
enum bs_reason slot_start(unsigned int slot, EFI_HANDLE image);

#endif

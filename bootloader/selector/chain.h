/*
 * From the selector on the ESP, which nobody updates, to a newer one in the boot-state
 * partition. Which one, and whether, is lib/core/bootstate's to say; this starts it.
 *
 * The one that is started learns it from a mark: a protocol on its own image handle. Nothing
 * that outlives a reset, no variable and no boot option, can make one. Whoever runs in this
 * firmware and makes one all the same has a selector that boots slots and chains no further.
 */
#ifndef BOOTLOADER_SELECTOR_CHAIN_H
#define BOOTLOADER_SELECTOR_CHAIN_H

#include "bootloader/efi/uefi.h"
#include "lib/core/bootstate.h"
#include "lib/core/disk.h"

/*
 * What the one says to the other. They may be many years apart: fields are only ever appended,
 * with a higher revision.
 */
struct chain_mark {
	uint32_t revision; /* CHAIN_REVISION or later */
	uint32_t area; /* where the started one lay */
	uint32_t watchdogs; /* hardware watchdogs left running, bits 1 << enum watchdog_kind */
	uint32_t caused_reset; /* ... and those that caused the last reset */
};

#define CHAIN_REVISION 1u

/* The mark on @image; NULL when the firmware started it. */
const struct chain_mark *chain_mark_of(EFI_HANDLE image);

/* Who chains, and from where. */
struct chain_place {
	EFI_HANDLE self;
	const struct disk_ops *state; /* the boot-state partition */
};

/*
 * Read the selector @image from @area, compare its SHA-256, have the firmware load it. 0 with
 * *@ret, else why not.
 */
enum bs_selector_reason chain_load(const struct chain_place *place, unsigned int area,
				   const struct bs_selector_image *image, EFI_HANDLE *ret);

/* Start what chain_load() loaded. Returns only when that failed or it came back. */
enum bs_selector_reason chain_start(const struct chain_place *place, EFI_HANDLE image,
				    struct chain_mark *mark);

#endif

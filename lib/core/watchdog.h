/*
 * Hardware watchdogs: which ones a slot's kernel can feed, and the note that one
 * of them cannot be fed on this machine after all.
 *
 * The selector arms a watchdog before it starts a kernel, so that a kernel that
 * hangs ends in a counted reset. That is right only where the same kernel takes
 * the watchdog over in time; armed for a kernel without the driver it would turn
 * a good slot into a reset loop. So the builder writes the names of the drivers
 * that are really in the initramfs into the signed command line, and nothing
 * else is armed. Early init has the last word: when it finds one armed that no
 * driver took, it leaves a note in the boot-state partition, and for that image
 * the selector does not arm it again.
 */
#ifndef LIB_CORE_WATCHDOG_H
#define LIB_CORE_WATCHDOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/bootstate.h"

/* Those the selector can arm; the first one that is there is armed. Sets are bits 1 << kind. */
enum watchdog_kind {
	WATCHDOG_I6300ESB, /* PCI device 8086:25ab; what QEMU calls i6300esb */
	WATCHDOG_ITCO, /* TCO timer of Intel's I/O controller hubs, version 2 */
	WATCHDOG_KINDS
};

/* The command line's word: "kiln.watchdog=i6300esb,iTCO". */
#define WATCHDOG_KEY "kiln.watchdog"

/* Room for the longest list of names, with its NUL. */
#define WATCHDOG_TEXT_SIZE 64

/* "i6300esb", "iTCO": as in the command line and in messages. */
const char *watchdog_name(enum watchdog_kind kind);

/* The kind called so, exactly @len characters; WATCHDOG_KINDS when there is none. */
enum watchdog_kind watchdog_kind_of(const char *name, size_t len);

/* The names of @set in order, separated by commas; "" for the empty set. */
void watchdog_format(unsigned int set, char out[WATCHDOG_TEXT_SIZE]);

/* The set of the names in @text, separated by commas. Names of a newer kiln are passed over. */
unsigned int watchdog_parse(const char *text);

/*
 * The set a command line of @len bytes names. An enum cmdline_error, CMDLINE_E_MISSING when it
 * names none; *@ret only on CMDLINE_OK.
 */
int watchdog_from_cmdline(const char *line, size_t len, unsigned int *ret);

/* ---- the note -------------------------------------------------------------------- */

#define WATCHDOG_NOTE_BYTES 4096
#define WATCHDOG_NOTE_MAGIC "kilnwdog"
#define WATCHDOG_NOTE_FORMAT 1

/* In the boot-state partition: one block a slot, at its very end. */
#define WATCHDOG_NOTE_OFFSET(slot) \
	(BS_PARTITION_BYTES - (uint64_t)(BS_SLOTS - (slot)) * WATCHDOG_NOTE_BYTES)

/* Byte offsets; numbers are little-endian, the rest is zero. */
enum watchdog_note_offset {
	WATCHDOG_NOTE_O_MAGIC = 0, /* 8 bytes */
	WATCHDOG_NOTE_O_FORMAT = 8, /* u32 */
	WATCHDOG_NOTE_O_SET = 12, /* u32: bits 1 << kind */
	WATCHDOG_NOTE_O_ROOT_HASH = 16, /* 32 bytes: of the image that cannot feed them */
	WATCHDOG_NOTE_O_CRC = 48, /* u32: CRC-32 of everything before */
	WATCHDOG_NOTE_O_END = 52,
};

/* Encode the note that the image with @root_hash cannot feed @set on this machine. */
void watchdog_note_encode(unsigned int set, const uint8_t root_hash[32],
			  uint8_t out[WATCHDOG_NOTE_BYTES]);

/*
 * What the note @data says of the image with @root_hash: the watchdogs it cannot feed. The empty
 * set when there is no valid note, or one about another image.
 */
unsigned int watchdog_note_decode(const uint8_t data[WATCHDOG_NOTE_BYTES],
				  const uint8_t root_hash[32]);

#endif

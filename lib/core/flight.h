/*
 * The flight recorder: what the last boots that failed had to say, kept where
 * the next boot finds it.
 *
 * It lies in the boot-state partition (BS_FLIGHT_OFFSET) as four entries of
 * 64 KiB; a boot's number picks its entry, so the logs of the last four boots that
 * wrote one are there even after three failed tries. Early init writes the tail
 * of the kernel log when a step fails, slotctl what a health check said, and early
 * init of the next boot what a panicking kernel left in pstore.
 *
 * An entry is evidence for people and decides nothing: it is checksummed against
 * torn writes only, and whoever prints its text must expect any byte in it.
 */
#ifndef LIB_CORE_FLIGHT_H
#define LIB_CORE_FLIGHT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/core/bootstate.h"

#define FLIGHT_ENTRIES 4
#define FLIGHT_ENTRY_BYTES (64 * 1024)
#define FLIGHT_TEXT_OFFSET 512 /* of the text in an entry */
#define FLIGHT_TEXT_MAX (FLIGHT_ENTRY_BYTES - FLIGHT_TEXT_OFFSET) /* bytes */

/* Where the entry of boot @number lies in the boot-state partition. */
#define FLIGHT_OFFSET(number) \
	(BS_FLIGHT_OFFSET + (uint64_t)((number) % FLIGHT_ENTRIES) * FLIGHT_ENTRY_BYTES)

enum flight_error {
	FLIGHT_OK = 0,
	FLIGHT_E_MAGIC, /* nothing was recorded here */
	FLIGHT_E_CHECKSUM, /* torn or damaged */
	FLIGHT_E_FORMAT, /* written by a newer kiln */
	FLIGHT_E_FIELD, /* a field makes no sense */
};

/* What an entry is about. */
struct flight {
	uint64_t boot; /* number of the boot in the boot state's ring */
	uint32_t text_bytes; /* up to FLIGHT_TEXT_MAX */
	uint8_t slot;
	enum bs_stage stage;
	enum bs_reason reason;
	char version[VERSION_TEXT_SIZE];
};

/*
 * Fill @entry (FLIGHT_ENTRY_BYTES) from @f, with the last FLIGHT_TEXT_MAX bytes of
 * @text when it is longer: the end of a log says why. @f->text_bytes is ignored.
 */
void flight_encode(const struct flight *f, const char *text, size_t len, uint8_t *entry);

/*
 * Decode @entry (FLIGHT_ENTRY_BYTES). An enum flight_error; @ret and *@ret_text
 * (inside @entry, no NUL) are written only on FLIGHT_OK.
 */
int flight_decode(const uint8_t *entry, struct flight *ret, const char **ret_text);

/* What the ring of @bs says of boot @number, as the head of its entry. False: not in the ring. */
bool flight_of_boot(const struct bs *bs, uint64_t number, struct flight *ret);

#endif

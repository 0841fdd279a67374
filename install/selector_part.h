/*
 * A newer selector into the boot-state partition, from where the selector on the ESP starts it
 * (lib/core/bootstate.h, "newer selectors"). The ESP itself is only read.
 *
 * THE ORDER, and what a power cut leaves:
 *	1. the boot state says that the area is empty, stored	the selectors there were
 *	2. the bytes are written, flushed, read back		the same
 *	3. the boot state says `trial`, stored			the new one is next, with two tries
 * The area that is overwritten is never that of a good selector, unless the other one's is good
 * as well. Begun again after a cut, it starts over: there are only some pages to write.
 */
#ifndef INSTALL_SELECTOR_PART_H
#define INSTALL_SELECTOR_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/bootstate.h"

struct err;

/* Positive results of selector_part_install(). */
enum selector_part_error {
	SELECTOR_PART_OK = 0, /* it is next */
	SELECTOR_PART_SAME, /* these very bytes are what starts already: nothing was to be done */
	SELECTOR_PART_E_REFUSED, /* they failed on this machine before */
	SELECTOR_PART_E_FORMAT, /* no selector of kiln's, or larger than an area */
	SELECTOR_PART_E_STATE, /* the boot state is lost, or of a newer kiln */
	SELECTOR_PART_E_READBACK, /* the medium gives back something else than was written */
};

struct selector_part {
	const void *data; /* the selector, verified */
	size_t len;
	bool allow_refused;
	/* Of the boot-state partition. Nobody else may change it meanwhile: hold its lock. */
	const struct disk_ops *state;
	bool on_esp; /* these very bytes are the ESP's selector: see selector_part_on_esp() */
};

/*
 * Is the ESP's selector the one of @len bytes with that hash? Then *@ret, of @len bytes, is it;
 * else it holds anything. What cannot be read is not there.
 *
 * A file that was written to a fresh file system lies in one piece, and nothing is written there
 * later; so it is looked for without reading FAT. Not found where it is costs an area that says
 * the same again.
 */
bool selector_part_on_esp(const struct disk_ops *esp, uint64_t esp_bytes, size_t len,
			  const uint8_t sha256[32], void *ret);

/*
 * Does @area of the boot-state partition behind @state hold the very bytes of @image? Then
 * *@ret, of image->bytes, is them; else it holds anything. What cannot be read is not there.
 */
bool selector_part_in_area(const struct disk_ops *state, unsigned area,
			   const struct bs_selector_image *image, void *ret);

/*
 * Put the selector in place; it is started at the next boot. Not 0: an enum
 * selector_part_error or a negative errno, with @err set; then what started before still does.
 * SELECTOR_PART_SAME is no failure; @err is left alone.
 */
int selector_part_install(const struct selector_part *part, struct err *err);

/*
 * What the selector of @len bytes at @data calls its version, in its SBAT section. False: it is
 * no selector of kiln's.
 */
bool selector_part_version(const void *data, size_t len, char ret[VERSION_TEXT_SIZE]);

/* A stable word for an enum selector_part_error, for --json. */
const char *selector_part_error_name(int error);

#endif

/*
 * The boot as phases, read off the serial port.
 *
 *	power on .. `kiln: selector`        firmware
 *	         .. `kiln: slot X: starting`  selector
 *	         .. `kiln-init: start`        kernel
 *	         .. `kiln-init: switch root`  early init
 *	         .. `kiln-health: confirmed`, else login prompt or multi-user   systemd
 *
 * A reset starts the next boot; the last TIMELINE_BOOTS_MAX are kept, so that a
 * fallback can be seen as what it is.
 */
#ifndef QEMU_TIMELINE_H
#define QEMU_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"

struct json;

#define TIMELINE_BOOTS_MAX 16
#define TIMELINE_UNSEEN UINT64_MAX

enum timeline_phase {
	PHASE_FIRMWARE,
	PHASE_SELECTOR,
	PHASE_KERNEL,
	PHASE_INIT,
	PHASE_SYSTEMD,
	PHASE_COUNT,
};

struct timeline_boot {
	uint64_t start_ms; /* power on or reset, on the monotonic clock */
	uint64_t end_ms[PHASE_COUNT]; /* when each phase ended; TIMELINE_UNSEEN when not */
	bool confirmed; /* the health check spoke; else the login prompt ended systemd's phase */
	char slot; /* 'a', 'b', or 0 while unknown */
};

struct timeline {
	struct timeline_boot boot[TIMELINE_BOOTS_MAX];
	unsigned n; /* boots in use; boot[n - 1] is the running one */
	unsigned dropped; /* older boots no longer kept */
};

void timeline_init(struct timeline *t);

/* The machine was switched on or reset at @at_ms. */
void timeline_start(struct timeline *t, uint64_t at_ms);

/* The serial port said the plain line @text, first byte at @at_ms. */
void timeline_line(struct timeline *t, uint64_t at_ms, const char *text);

/* Name of a phase as a person reads it: "firmware", "early init", ... */
const char *timeline_phase_name(enum timeline_phase phase);

/* Time from power on to the end of the last phase seen, in ms; 0 when none. */
uint64_t timeline_total_ms(const struct timeline_boot *b);

/*
 * Time from the first power on kept to the confirm that ended it all, in ms: how long the
 * machine took to be well again. 0 when the last boot was not confirmed, or boots were dropped.
 */
uint64_t timeline_recovery_ms(const struct timeline *t);

/* Draw @b as bars, @width columns for the longest; @unicode chooses block characters. */
void timeline_text(const struct timeline_boot *b, unsigned width, bool unicode, struct buf *out);

/* Draw every boot kept, headed "boot N" when there are several. */
void timeline_text_all(const struct timeline *t, unsigned width, bool unicode, struct buf *out);

/* {"boots": [{"slot": "a", "confirmed": true, "total_ms": n, "phases": [{...}]}]} into @j under
 * @key. */
void timeline_json(const struct timeline *t, struct json *j, const char *key);

#endif

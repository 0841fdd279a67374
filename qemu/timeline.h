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
 * fallback can be seen as what it is. How a boot ended is told by QEMU and by
 * whoever pulls the plug, not by the serial port.
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

/* How a boot ended. */
enum timeline_end {
	TIMELINE_RUNS, /* it has not */
	TIMELINE_RESET, /* the machine was reset, by the guest or from outside */
	TIMELINE_OFF, /* the guest switched it off, or QEMU died */
	TIMELINE_CUT, /* the plug was pulled */
};

struct timeline_boot {
	uint64_t start_ms; /* power on or reset, on the monotonic clock */
	uint64_t stop_ms; /* when it ended; TIMELINE_UNSEEN while it runs */
	enum timeline_end end;
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

/* The machine was switched on, or reset while it ran, at @at_ms. */
void timeline_start(struct timeline *t, uint64_t at_ms);

/* The running boot ended at @at_ms. Nothing when none runs: the first to say so is right. */
void timeline_stop(struct timeline *t, uint64_t at_ms, enum timeline_end end);

/* The serial port said the plain line @text, first byte at @at_ms. */
void timeline_line(struct timeline *t, uint64_t at_ms, const char *text);

/*
 * "kiln: slot a: starting web 1.4.0": the letter, or 0. Anywhere in @text: firmware that is slow
 * to take characters loses some, and the end of the line before may be among them.
 */
char timeline_slot_started(const char *text);

/* Name of a phase as a person reads it: "firmware", "early init", ... */
const char *timeline_phase_name(enum timeline_phase phase);

/* "reset", "off", "cut"; NULL while it runs. These words stand in timeline.json. */
const char *timeline_end_name(enum timeline_end end);

/* Time from power on to the end of the last phase seen, in ms; 0 when none. */
uint64_t timeline_total_ms(const struct timeline_boot *b);

/*
 * Start and length of @phase, in ms from the boot's power on; what came before an unseen
 * marker belongs to the next phase that was seen. False when its end was not seen.
 */
bool timeline_phase(const struct timeline_boot *b, enum timeline_phase phase, uint64_t *ret_from,
		    uint64_t *ret_len);

/*
 * The phase the boot was in when it was last seen, which for one that did not come
 * up is the phase it ended in. PHASE_COUNT when userspace was up.
 */
enum timeline_phase timeline_reached(const struct timeline_boot *b);

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

/* The members of the object of boot @idx alone, into an object that is open in @j. */
void timeline_boot_json(const struct timeline *t, unsigned idx, struct json *j);

#endif

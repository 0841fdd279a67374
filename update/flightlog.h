/*
 * The flight recorder of the running device: what its last failed boots said.
 * The layout is lib/core/flight.h's.
 */
#ifndef UPDATE_FLIGHTLOG_H
#define UPDATE_FLIGHTLOG_H

#include <stddef.h>

#include "lib/core/flight.h"
#include "update/device.h"

struct flightlog {
	struct flight about;
	/* about.text_bytes of any bytes but NUL, then one; of a kernel log without its "<6>". */
	char *text;
};

/* Write @text for the boot that runs. 0 or a negative errno; durable after the next flush. */
int flightlog_write(struct device *dev, const char *text);

/*
 * Read what boot @number said. 0 and an owned *ret (flightlog_done()); a positive
 * enum flight_error when nothing readable of that boot is there; or a negative errno.
 */
int flightlog_read(struct device *dev, uint64_t number, struct flightlog *ret);

/*
 * The heads of all readable entries, newest boot first; returns how many, or a
 * negative errno.
 */
int flightlog_list(struct device *dev, struct flight ret[FLIGHT_ENTRIES]);

/* Release what @log holds; it may be all zero. */
void flightlog_done(struct flightlog *log);

#endif

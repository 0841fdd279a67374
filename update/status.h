/*
 * All that `slotctl status` says, gathered once and written in three ways: text
 * for a person, JSON, and Prometheus' text format.
 */
#ifndef UPDATE_STATUS_H
#define UPDATE_STATUS_H

#include <stdbool.h>

#include "update/declined.h"
#include "update/device.h"
#include "update/fallback.h"
#include "update/flightlog.h"
#include "update/promise.h"

struct buf;
struct err;

#define STATUS_EFIVARS "/sys/firmware/efi/efivars"
#define STATUS_DEGRADED_MAX 512

enum secure_boot { SECURE_BOOT_UNKNOWN, SECURE_BOOT_OFF, SECURE_BOOT_ON };

struct status {
	struct device *dev; /* the caller's, open */
	enum secure_boot secure_boot;
	bool degraded; /* the state partition could not be used as it should */
	char degraded_text[STATUS_DEGRADED_MAX]; /* early init's line about it, of any bytes */
	char selector[VERSION_TEXT_SIZE]; /* version of that which started this boot; "": unknown */
	unsigned selector_area; /* where that lay, or BS_SELECTOR_NONE: on the ESP */
	enum promise promise;
	bool has_declined; /* a version that was offered and is not taken */
	struct declined declined;
	bool next_known;
	unsigned next; /* slot the selector would start now */
	bool fell_back;
	struct fallback fallback;
	struct flightlog log; /* of the fallback; text NULL: none */
};

/*
 * Gather @ret about the open @dev. @run_dir and @efivars NULL: the usual places.
 * What cannot be read is told as unknown; only a disk that cannot be read is a
 * failure (negative errno). Release with status_done().
 */
int status_gather(struct device *dev, const char *run_dir, const char *efivars, struct status *ret,
		  struct err *err);
void status_done(struct status *s);

/* The line early init left in @run_dir when it could not use state as it should; false: none. */
bool status_degraded(const char *run_dir, char ret[STATUS_DEGRADED_MAX]);

/* Append the whole output, with a newline at its end. */
void status_text(const struct status *s, struct buf *out);
void status_json(const struct status *s, struct buf *out);
void status_prometheus(const struct status *s, struct buf *out);

#endif

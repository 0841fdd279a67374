/*
 * Waiting for the system to be healthy.
 *
 * Healthy: multi-user.target and boot-complete.target (where other packages
 * order their own checks) are reached, every check of the image passes, and all
 * of it still holds a moment later: a service that dies right after its start
 * must not be confirmed. The state of systemd as a whole is not asked for: it
 * is "starting" for as long as our own job runs.
 */
#ifndef UPDATE_HEALTH_H
#define UPDATE_HEALTH_H

#include <stdint.h>

#include "update/health_conf.h"

struct buf;
struct err;

/* Positive results. */
enum {
	HEALTH_FAILED = 1, /* a check said no for good */
	HEALTH_TIMEOUT = 2, /* something did not come up before the deadline */
};

struct health_pace {
	int64_t timeout_ms; /* for everything together */
	int settle_ms; /* how long everything must hold */
	int pause_ms; /* between two looks */
};

/*
 * Wait until @conf's checks pass, or one fails, or the time is over. The time is
 * @pace's, which the command takes from @conf and the tests make short.
 * Returns 0, HEALTH_FAILED or HEALTH_TIMEOUT with one sentence in @err, or a
 * negative errno. @details (text for a person) gets what was seen on failure.
 */
int health_wait(const struct health_conf *conf, const struct health_pace *pace,
		struct buf *details, struct err *err);

#endif

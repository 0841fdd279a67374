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

#include "update/health_conf.h"

struct buf;

/* Positive results. */
enum {
	HEALTH_FAILED = 1, /* a check said no for good */
	HEALTH_TIMEOUT = 2, /* something did not come up before the deadline */
};

#define HEALTH_SETTLE_MS 3000 /* how long everything must hold */
#define HEALTH_PAUSE_MS 1000 /* between two looks */

/*
 * Wait until @conf's checks pass, or one fails, or the time is over.
 * @settle_ms and @pause_ms are HEALTH_SETTLE_MS and HEALTH_PAUSE_MS but in tests.
 * Returns 0, HEALTH_FAILED or HEALTH_TIMEOUT with one sentence in @err, or a
 * negative errno. @details (text for a person) gets what was seen on failure.
 */
int health_wait(const struct health_conf *conf, int settle_ms, int pause_ms, struct buf *details,
		struct err *err);

#endif

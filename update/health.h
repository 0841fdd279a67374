/*
 * Waiting for the system to be healthy.
 *
 * Healthy: multi-user.target and boot-complete.target (where other packages
 * order their own checks) are reached, every check of the image passes, all of
 * it holds for a while (the soak), and a root that was never confirmed was read
 * to its end (the scrub). The state of systemd as a whole is not asked for: it is
 * "starting" for as long as our own job runs.
 *
 * A required unit that is started again during the soak begins the soak anew
 * instead of failing it: a service may need a second start because what it talks
 * to was slower, and one that cannot stay up for a soak before the deadline is
 * refused all the same.
 */
#ifndef UPDATE_HEALTH_H
#define UPDATE_HEALTH_H

#include <stdint.h>

#include "update/health_conf.h"

struct buf;
struct err;
struct scrub;

/* Positive results. */
enum {
	HEALTH_FAILED = 1, /* a check said no for good */
	HEALTH_TIMEOUT = 2, /* something did not come up before the deadline */
	HEALTH_CORRUPT = 3, /* the root is not what was signed */
};

struct health_pace {
	int64_t timeout_ms; /* for everything but soak and scrub */
	int64_t soak_ms; /* how long everything must hold */
	int64_t scrub_ms; /* how long the scrub may go on after that */
	int pause_ms; /* between two looks at what is not ready yet */
	int soak_pause_ms; /* between two looks at what is */
	int boot_pause_ms; /* between two looks while @booted is not there */
	/*
	 * A file that something makes when the boot is through (NULL: none): looking before
	 * takes time from the boot. Only the pace depends on it.
	 */
	const char *booted;
	struct scrub *scrub; /* running; NULL: the root was confirmed before */
	void (*progress)(unsigned percent); /* when only the scrub is waited for; may be NULL */
};

/*
 * Wait until @conf's checks pass, or one fails, or the time is over. The times are
 * @pace's, which the command takes from @conf and the tests make short.
 * Returns 0, HEALTH_FAILED, HEALTH_TIMEOUT or HEALTH_CORRUPT with one sentence in @err.
 * @details (text for a person) gets what was seen on failure.
 */
int health_wait(const struct health_conf *conf, const struct health_pace *pace,
		struct buf *details, struct err *err);

#endif

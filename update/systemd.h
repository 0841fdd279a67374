/*
 * Asking systemd, through systemctl: no library of its is in a static program.
 *
 * One question costs a process and a round trip for each unit, which on a small
 * or emulated machine is a tenth of a second of the boot that is being judged:
 * everything wanted at one moment is asked for at once.
 */
#ifndef UPDATE_SYSTEMD_H
#define UPDATE_SYSTEMD_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct err;

#define SYSTEMD_UNITS_MAX 72

/* What systemd says of one unit; "" for what it does not say. */
struct unit_state {
	char load[24]; /* "loaded", "not-found", "masked" */
	char active[24]; /* "active", "activating", "failed", "inactive" */
	char sub[32]; /* "running", "auto-restart" */
	char result[32]; /* "success", "exit-code", "signal" */
	char invocation[40]; /* another one at every start */
	unsigned restarts; /* by systemd itself since the boot; saturates */
	bool job; /* something is queued or being done to it */
	bool started; /* its main process was started in this boot */
};

/*
 * The states of @n units (up to SYSTEMD_UNITS_MAX) in their order. 0; -ENOENT when
 * systemctl cannot be run; -EAGAIN when systemd does not answer as it should, as it may
 * when it is busy.
 */
int systemd_show(const char *const *units, size_t n, struct unit_state *ret);

/*
 * Parse the @len bytes `systemctl show` printed about @n units. False, and @ret is
 * undefined, when there are fewer or more.
 */
bool systemd_parse(const char *text, size_t len, size_t n, struct unit_state *ret);

/*
 * The names of all units that failed, or that crashed and wait to be started
 * again, one a line. 0, -ENOENT, -EAGAIN as systemd_show().
 */
int systemd_broken_units(struct buf *ret);

/* Append what a person needs to understand why @unit failed: its status and last log lines. */
void systemd_explain_unit(const char *unit, struct buf *out);

/* Append what systemd is still doing or waiting for. */
void systemd_explain_jobs(struct buf *out);

/*
 * Reboot in order, or at once when systemd does not take the order within half a
 * minute. Returns when the order was taken; a negative errno when nothing helped.
 */
int systemd_reboot(struct err *err);

/* Is @when a time as systemd.time(7) has them, "03:00" or "Sun 04:30"? 0, -EINVAL, -ENOENT. */
int systemd_check_time(const char *when, struct err *err);

/* Reboot in order at @when, once; another such order is replaced. 0 or a negative errno. */
int systemd_reboot_at(const char *when, struct err *err);

#endif

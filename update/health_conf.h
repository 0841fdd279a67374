/*
 * /usr/lib/kiln/health.conf: what "healthy" means for this image, written by the
 * builder from the recipe. Lines KEY=VALUE; '#' begins a comment line:
 *
 *	TIMEOUT_S=n	everything below must be true by then, from systemd's start
 *	SOAK_S=n	for so long it must stay true; 0: it need not
 *	SCRUB_S=n	for so long the check of the whole root may go on after that
 *	SETTLE_S=n	a confirmed boot counts as a success after so much uptime; 0: at once
 *	UNIT=name	this systemd unit is active
 *	RUN=/path	this program exits 0
 *	PORT=n		this TCP port on this machine accepts a connection
 */
#ifndef UPDATE_HEALTH_CONF_H
#define UPDATE_HEALTH_CONF_H

#include <stddef.h>

struct err;

#define HEALTH_CONF_PATH "/usr/lib/kiln/health.conf"
#define HEALTH_CHECKS_MAX 64
#define HEALTH_VALUE_MAX 255
#define HEALTH_TIMEOUT_DEFAULT_S 120
#define HEALTH_SOAK_DEFAULT_S 10
#define HEALTH_SCRUB_DEFAULT_S 600
#define HEALTH_SETTLE_DEFAULT_S 300
#define HEALTH_S_MAX 86400 /* of each of them */

enum health_kind { HEALTH_UNIT, HEALTH_RUN, HEALTH_PORT };

struct health_check {
	enum health_kind kind;
	unsigned port; /* HEALTH_PORT */
	char value[HEALTH_VALUE_MAX + 1]; /* the text behind '=' */
};

struct health_conf {
	unsigned timeout_s, soak_s, scrub_s, settle_s;
	size_t n_checks; /* 0: the default check, that no unit failed */
	struct health_check check[HEALTH_CHECKS_MAX];
};

/* Parse @text of @len bytes. 0, or -EINVAL with the line in @err; *ret only on success. */
int health_conf_parse(const char *text, size_t len, struct health_conf *ret, struct err *err);

/* Read @path; a missing file gives the defaults. As health_conf_parse(), or an errno. */
int health_conf_read(const char *path, struct health_conf *ret, struct err *err);

#endif

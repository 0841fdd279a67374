/*
 * /usr/lib/kiln/health.conf: what "healthy" means for this image, written by the
 * builder from the recipe. Lines KEY=VALUE; '#' begins a comment line:
 *
 *	TIMEOUT_S=n	the deadline for everything together
 *	UNIT=name	this systemd unit is active
 *	RUN=/path	this program exits 0
 *	PORT=n		this TCP port on this machine accepts a connection
 */
#ifndef UPDATE_HEALTH_CONF_H
#define UPDATE_HEALTH_CONF_H

#include <stddef.h>

struct err;

#define HEALTH_CHECKS_MAX 64
#define HEALTH_VALUE_MAX 255
#define HEALTH_TIMEOUT_DEFAULT_S 120
#define HEALTH_TIMEOUT_MAX_S 86400

enum health_kind { HEALTH_UNIT, HEALTH_RUN, HEALTH_PORT };

struct health_check {
	enum health_kind kind;
	unsigned port; /* HEALTH_PORT */
	char value[HEALTH_VALUE_MAX + 1]; /* the text behind '=' */
};

struct health_conf {
	unsigned timeout_s;
	size_t n_checks; /* 0: the default check, that no unit failed */
	struct health_check check[HEALTH_CHECKS_MAX];
};

/* Parse @text of @len bytes. 0, or -EINVAL with the line in @err; *ret only on success. */
int health_conf_parse(const char *text, size_t len, struct health_conf *ret, struct err *err);

/* Read @path; a missing file gives the defaults. As health_conf_parse(), or an errno. */
int health_conf_read(const char *path, struct health_conf *ret, struct err *err);

#endif

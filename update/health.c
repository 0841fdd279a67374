/* See health.h. */
#include "update/health.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "update/run.h"
#include "update/scrub.h"
#include "update/systemd.h"

/* What one look at one thing says. */
enum look { LOOK_OK, LOOK_WAIT, LOOK_FAILED };

#define CONNECT_MS 2000
#define RUN_LEAST_MS 1000 /* for a check that starts just before the deadline */
#define NAP_MS 100 /* between two looks that cost nothing */
#define PROGRESS_MS 10000
#define EXPLAINED_MAX 3 /* units whose status and log are kept */

#define MULTI_USER "multi-user.target"
#define BOOT_COMPLETE "boot-complete.target"
#define TARGETS 2

_Static_assert(TARGETS + HEALTH_CHECKS_MAX <= SYSTEMD_UNITS_MAX, "one question is enough");

/* A required unit as the last look saw it active. */
struct seen {
	bool active;
	unsigned restarts;
	char invocation[40];
};

struct watch {
	const struct health_conf *conf;
	const struct health_pace *pace;
	int64_t deadline_ms, last_look_ms, said_ms;
	int64_t healthy_since_ms; /* -1: not healthy */
	struct seen seen[HEALTH_CHECKS_MAX];
	char blamed[HEALTH_VALUE_MAX + 1]; /* the unit the last look complains of; "" for none */
	struct buf *details;
	struct err *err; /* why the last look was not LOOK_OK */
};

static enum look say(struct watch *w, enum look look, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static enum look say(struct watch *w, enum look look, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	err_set(w->err, 0, "%s", text);
	return look;
}

static enum look blame(struct watch *w, const char *unit, enum look look)
{
	snprintf(w->blamed, sizeof(w->blamed), "%s", unit);
	return look;
}

/* Everything looked fine before; was it the same run of the unit? */
static enum look look_restarts(struct watch *w, size_t check, const struct unit_state *s)
{
	struct seen *seen = &w->seen[check];
	bool again = seen->active && (s->restarts > seen->restarts ||
				      strcmp(s->invocation, seen->invocation) != 0);

	seen->active = true;
	seen->restarts = s->restarts;
	memcpy(seen->invocation, s->invocation, sizeof(seen->invocation));
	if (!again)
		return LOOK_OK;
	return blame(w, w->conf->check[check].value,
		     say(w, LOOK_WAIT, "unit %s was started again (%u automatic restarts)",
			 w->conf->check[check].value, s->restarts));
}

static enum look look_unit(struct watch *w, size_t check, const struct unit_state *s)
{
	const char *unit = w->conf->check[check].value;

	if (strcmp(s->active, "active") == 0)
		return look_restarts(w, check, s);
	if (strcmp(s->active, "failed") == 0)
		return blame(w, unit,
			     say(w, LOOK_FAILED, "unit %s failed (%s)", unit, s->result));
	if (strcmp(s->load, "loaded") != 0)
		return say(w, LOOK_FAILED, "unit %s is %s", unit, s->load);
	/* A one-shot job that ran and went well is inactive again. */
	if (strcmp(s->active, "inactive") == 0 && strcmp(s->result, "success") == 0 && s->started)
		return LOOK_OK;
	return blame(w, unit, say(w, LOOK_WAIT, "unit %s is %s (%s)", unit, s->active, s->sub));
}

/* A target that nothing works on any more was given up: something it requires failed. */
static enum look look_target(struct watch *w, const char *target, bool optional,
			     const struct unit_state *s)
{
	if (strcmp(s->active, "active") == 0)
		return LOOK_OK;
	if (strcmp(s->load, "loaded") != 0 && optional)
		return LOOK_OK;
	if (!s->job)
		return say(w, LOOK_FAILED, "%s cannot be reached: something it requires failed",
			   target);
	return say(w, LOOK_WAIT, "%s is not reached", target);
}

/* The default check: as `systemctl is-system-running` means "running", without our own job. */
static enum look look_broken_units(struct watch *w)
{
	_cleanup_buf_ struct buf names = BUF_INIT;
	struct unit_state s = { .active = "" };
	char unit[sizeof(w->blamed)];
	const char *one = unit;
	int r = systemd_broken_units(&names);

	if (r)
		return say(w, r == -ENOENT ? LOOK_FAILED : LOOK_WAIT,
			   "systemd does not list its units");
	if (!names.len)
		return LOOK_OK;
	snprintf(unit, sizeof(unit), "%.*s", (int)strcspn(names.data, "\n"), names.data);
	blame(w, unit, LOOK_OK);
	if (systemd_show(&one, 1, &s) == 0 && strcmp(s.active, "failed") != 0)
		return say(w, LOOK_WAIT, "unit %s is %s (%u automatic restarts)", unit, s.sub,
			   s.restarts);
	return say(w, LOOK_FAILED, "unit %s failed (%s)", unit, s.result);
}

static enum look look_run(struct watch *w, const char *path)
{
	char *argv[] = { (char *)path, NULL };
	_cleanup_buf_ struct buf out = BUF_INIT;
	int64_t least = run_now_ms() + RUN_LEAST_MS;
	int r = run_until(argv, least > w->deadline_ms ? least : w->deadline_ms, &out);

	if (r == 0)
		return LOOK_OK;
	buf_addf(w->details, "%s said:\n%s\n", path, out.data ? out.data : "");
	if (r == -ETIMEDOUT)
		return say(w, LOOK_WAIT, "check %s does not end", path);
	/* A check may only need time; it is asked again until the deadline. */
	return say(w, LOOK_WAIT, "check %s exits with %d", path, r);
}

static bool connects(const struct sockaddr *addr, socklen_t len)
{
	_cleanup_close_ int fd =
		socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t size = sizeof(int);
	int error = 0;

	if (fd < 0)
		return false;
	if (connect(fd, addr, len) == 0)
		return true;
	return errno == EINPROGRESS && poll(&p, 1, CONNECT_MS) == 1 &&
	       getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

static enum look look_port(struct watch *w, unsigned port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port),
				   .sin6_addr = IN6ADDR_LOOPBACK_INIT };

	if (connects((struct sockaddr *)&v4, sizeof(v4)) ||
	    connects((struct sockaddr *)&v6, sizeof(v6)))
		return LOOK_OK;
	return say(w, LOOK_WAIT, "port %u does not accept connections", port);
}

/* Targets and units, by one question to systemd. What failed for good comes before what waits. */
static enum look look_systemd(struct watch *w)
{
	const char *units[TARGETS + HEALTH_CHECKS_MAX] = { MULTI_USER, BOOT_COMPLETE };
	struct unit_state s[TARGETS + HEALTH_CHECKS_MAX];
	enum look look, worst = LOOK_OK;
	size_t n = TARGETS;
	int r;

	for (size_t i = 0; i < w->conf->n_checks; i++)
		if (w->conf->check[i].kind == HEALTH_UNIT)
			units[n++] = w->conf->check[i].value;
	r = systemd_show(units, n, s);
	if (r)
		return say(w, r == -ENOENT ? LOOK_FAILED : LOOK_WAIT, "%s",
			   r == -ENOENT ? "systemctl cannot be run" : "systemd does not answer");
	look = look_target(w, MULTI_USER, false, &s[0]);
	if (look == LOOK_OK)
		look = look_target(w, BOOT_COMPLETE, true, &s[1]);
	if (look != LOOK_OK)
		return look;
	n = TARGETS;
	for (size_t i = 0; worst != LOOK_FAILED && i < w->conf->n_checks; i++) {
		if (w->conf->check[i].kind != HEALTH_UNIT)
			continue;
		look = look_unit(w, i, &s[n++]);
		if (look > worst)
			worst = look;
	}
	return worst;
}

static enum look look_at_all(struct watch *w)
{
	enum look look;

	w->details->len = 0; /* only what the last look saw matters */
	w->blamed[0] = '\0';
	look = look_systemd(w);
	if (look == LOOK_OK && w->conf->n_checks == 0)
		look = look_broken_units(w);
	for (size_t i = 0; look == LOOK_OK && i < w->conf->n_checks; i++) {
		const struct health_check *c = &w->conf->check[i];

		if (c->kind == HEALTH_RUN)
			look = look_run(w, c->value);
		else if (c->kind == HEALTH_PORT)
			look = look_port(w, c->port);
	}
	w->last_look_ms = run_now_ms();
	if (look == LOOK_WAIT)
		w->healthy_since_ms = -1;
	else if (w->healthy_since_ms < 0)
		w->healthy_since_ms = w->last_look_ms;
	return look;
}

static enum scrub_state scrub_now(struct watch *w, struct err *err)
{
	return w->pace->scrub ? scrub_poll(w->pace->scrub, err) : SCRUB_DONE;
}

/* Sleep until @until_ms; shorter when the scrub ends. */
static void nap_until(struct watch *w, int64_t until_ms)
{
	bool running = scrub_now(w, NULL) == SCRUB_RUNNING;
	int64_t left;

	while ((left = until_ms - run_now_ms()) > 0) {
		poll(NULL, 0, left < NAP_MS ? (int)left : NAP_MS);
		if (running && scrub_now(w, NULL) != SCRUB_RUNNING)
			return;
	}
}

/* While the boot goes on a look is rarely worth what it takes from it. */
static void wait_for_boot(struct watch *w)
{
	int64_t look_ms = w->last_look_ms + w->pace->boot_pause_ms;

	while (w->pace->booted && access(w->pace->booted, F_OK) && run_now_ms() < look_ms &&
	       run_now_ms() < w->deadline_ms && scrub_now(w, NULL) <= SCRUB_DONE)
		poll(NULL, 0, NAP_MS);
}

/* Only the scrub is missing. 0 to go on, or HEALTH_TIMEOUT. */
static int wait_for_scrub(struct watch *w, int64_t soaked_ms)
{
	int64_t now = run_now_ms(), waited = now - soaked_ms;
	unsigned percent = scrub_percent(w->pace->scrub);

	scrub_hurry(w->pace->scrub);
	if (waited >= w->pace->scrub_ms) {
		err_set(w->err, 0, "the root was checked to %u %% only, after %g s more", percent,
			(double)w->pace->scrub_ms / 1000);
		return HEALTH_TIMEOUT;
	}
	if (w->pace->progress && now - w->said_ms >= PROGRESS_MS) {
		w->pace->progress(percent);
		w->said_ms = now;
	}
	return 0;
}

/* All is well in this look: true with the verdict when there is nothing more to wait for. */
static bool healthy_enough(struct watch *w, int *ret)
{
	int64_t now = run_now_ms(), soaked = w->healthy_since_ms + w->pace->soak_ms;
	int64_t pause = now + w->pace->soak_pause_ms;

	*ret = 0;
	if (now >= soaked && scrub_now(w, NULL) == SCRUB_DONE)
		return true;
	if (now >= soaked)
		*ret = wait_for_scrub(w, soaked);
	if (*ret)
		return true;
	nap_until(w, now < soaked && soaked < pause ? soaked : pause);
	return false;
}

static bool look_again(struct watch *w, int *ret)
{
	enum look look;
	enum scrub_state scrub;

	wait_for_boot(w);
	look = look_at_all(w);
	scrub = scrub_now(w, w->err);
	*ret = scrub == SCRUB_CORRUPT ? HEALTH_CORRUPT : HEALTH_FAILED;
	if (scrub > SCRUB_DONE || look == LOOK_FAILED)
		return false;
	if (look == LOOK_OK)
		return !healthy_enough(w, ret);
	if (w->last_look_ms >= w->deadline_ms) {
		err_append(w->err, " after %g s", (double)w->pace->timeout_ms / 1000);
		*ret = HEALTH_TIMEOUT;
		return false;
	}
	nap_until(w, w->last_look_ms + w->pace->pause_ms);
	return true;
}

/* What the reader of the flight recorder needs, the most telling last. */
static void explain(struct watch *w, int verdict)
{
	_cleanup_buf_ struct buf names = BUF_INIT;
	const char *at;

	if (verdict == HEALTH_TIMEOUT)
		systemd_explain_jobs(w->details);
	systemd_broken_units(&names);
	at = names.data;
	for (int i = 0; at && *at && i < EXPLAINED_MAX; i++) {
		char unit[HEALTH_VALUE_MAX + 1];

		snprintf(unit, sizeof(unit), "%.*s", (int)strcspn(at, "\n"), at);
		if (strcmp(unit, w->blamed) != 0)
			systemd_explain_unit(unit, w->details);
		at += strcspn(at, "\n");
		at += *at == '\n';
	}
	if (w->blamed[0])
		systemd_explain_unit(w->blamed, w->details);
}

int health_wait(const struct health_conf *conf, const struct health_pace *pace,
		struct buf *details, struct err *err)
{
	struct watch w = { .conf = conf, .pace = pace, .details = details, .err = err,
			   .healthy_since_ms = -1 };
	int r = 0;

	w.last_look_ms = w.said_ms = run_now_ms();
	w.deadline_ms = w.last_look_ms + pace->timeout_ms;
	err_set(err, 0, "nothing was checked");
	while (look_again(&w, &r))
		;
	if (r == HEALTH_FAILED || r == HEALTH_TIMEOUT)
		explain(&w, r);
	return r;
}

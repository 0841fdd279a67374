/* See health.h. systemd is asked through systemctl: no library of its is in a static program. */
#include "update/health.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "update/run.h"

/* What one look at one thing says. */
enum look { LOOK_OK, LOOK_WAIT, LOOK_FAILED };

#define ASK_MS 10000 /* one question to systemd; a busy one is asked again */
#define CONNECT_MS 2000
#define RUN_LEAST_MS 1000 /* for a check that starts just before the deadline */

struct watch {
	const struct health_conf *conf;
	int64_t deadline_ms;
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

/*
 * A question to systemd may outlive the deadline a little: cut short, its
 * silence would hide what really was not ready in time.
 */
static int64_t ask_deadline(void)
{
	return run_now_ms() + ASK_MS;
}

/* Copy the value of "NAME=value" from the lines of `systemctl show`; "" when it is not there. */
static void property(const struct buf *out, const char *name, char *value, size_t size)
{
	size_t n = strlen(name);
	const char *at = out->data;

	value[0] = '\0';
	while (at && *at) {
		size_t len = strcspn(at, "\n");

		if (len > n && strncmp(at, name, n) == 0 && at[n] == '=') {
			size_t v = len - n - 1 < size - 1 ? len - n - 1 : size - 1;

			memcpy(value, at + n + 1, v);
			value[v] = '\0';
			return;
		}
		at += len + (at[len] == '\n');
	}
}

struct unit_state {
	char load[32], active[32], sub[32], result[32], started[32];
};

static enum look ask_unit(struct watch *w, const char *unit, struct unit_state *ret)
{
	char *argv[] = { (char *)"systemctl", (char *)"show", (char *)"--no-pager",
			 (char *)"--property=LoadState,ActiveState,SubState,Result,"
				 "ExecMainStartTimestampMonotonic",
			 (char *)"--", (char *)unit, NULL };
	_cleanup_buf_ struct buf out = BUF_INIT;
	int r = run_until(argv, ask_deadline(), &out);

	if (r == 127)
		return say(w, LOOK_FAILED, "systemctl cannot be run");
	if (r || !out.data)
		return say(w, LOOK_WAIT, "systemd does not answer about %s", unit);
	property(&out, "LoadState", ret->load, sizeof(ret->load));
	property(&out, "ActiveState", ret->active, sizeof(ret->active));
	property(&out, "SubState", ret->sub, sizeof(ret->sub));
	property(&out, "Result", ret->result, sizeof(ret->result));
	property(&out, "ExecMainStartTimestampMonotonic", ret->started, sizeof(ret->started));
	return LOOK_OK;
}

static enum look look_unit(struct watch *w, const char *unit)
{
	struct unit_state s;
	enum look look = ask_unit(w, unit, &s);

	if (look != LOOK_OK || strcmp(s.active, "active") == 0)
		return look;
	if (strcmp(s.active, "failed") == 0)
		return say(w, LOOK_FAILED, "unit %s failed (%s)", unit, s.result);
	if (strcmp(s.load, "loaded") != 0)
		return say(w, LOOK_FAILED, "unit %s is %s", unit, s.load);
	/* A one-shot job that ran and went well is inactive again. */
	if (strcmp(s.active, "inactive") == 0 && strcmp(s.result, "success") == 0 &&
	    s.started[0] && strcmp(s.started, "0") != 0)
		return LOOK_OK;
	return say(w, LOOK_WAIT, "unit %s is %s (%s)", unit, s.active, s.sub);
}

static enum look look_target(struct watch *w, const char *target, bool optional)
{
	struct unit_state s;
	enum look look = ask_unit(w, target, &s);

	if (look != LOOK_OK || strcmp(s.active, "active") == 0)
		return look;
	if (optional && strcmp(s.load, "loaded") != 0)
		return LOOK_OK;
	return say(w, LOOK_WAIT, "%s is not reached", target);
}

/* The default check: as `systemctl is-system-running` means "running", without our own job. */
static enum look look_failed_units(struct watch *w)
{
	char *argv[] = { (char *)"systemctl", (char *)"list-units", (char *)"--state=failed",
			 (char *)"--plain", (char *)"--no-legend", (char *)"--no-pager", NULL };
	_cleanup_buf_ struct buf out = BUF_INIT;
	int r = run_until(argv, ask_deadline(), &out);

	if (r)
		return say(w, r == 127 ? LOOK_FAILED : LOOK_WAIT,
			   "systemd does not list its units");
	if (out.len == 0 || out.data[0] == '\n')
		return LOOK_OK;
	buf_add(w->details, out.data, out.len);
	return say(w, LOOK_FAILED, "unit %.*s failed", (int)strcspn(out.data, " \n"), out.data);
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

static enum look look_check(struct watch *w, const struct health_check *c)
{
	switch (c->kind) {
	case HEALTH_UNIT:
		return look_unit(w, c->value);
	case HEALTH_RUN:
		return look_run(w, c->value);
	case HEALTH_PORT:
		return look_port(w, c->port);
	}
	return LOOK_FAILED;
}

static enum look look_at_all(struct watch *w)
{
	enum look look = look_target(w, "multi-user.target", false);

	if (look == LOOK_OK)
		look = look_target(w, "boot-complete.target", true);
	if (look == LOOK_OK && w->conf->n_checks == 0)
		look = look_failed_units(w);
	for (size_t i = 0; look == LOOK_OK && i < w->conf->n_checks; i++)
		look = look_check(w, &w->conf->check[i]);
	return look;
}

int health_wait(const struct health_conf *conf, const struct health_pace *pace,
		struct buf *details, struct err *err)
{
	struct watch w = { .conf = conf, .details = details, .err = err };
	int64_t healthy_since = -1;

	w.deadline_ms = run_now_ms() + pace->timeout_ms;
	err_set(err, 0, "nothing was checked");
	for (;;) {
		enum look look;

		details->len = 0; /* only what the last look saw matters */
		look = look_at_all(&w);
		if (look == LOOK_FAILED)
			return HEALTH_FAILED;
		if (look == LOOK_WAIT)
			healthy_since = -1;
		else if (healthy_since < 0)
			healthy_since = run_now_ms();
		if (look == LOOK_OK && run_now_ms() - healthy_since >= pace->settle_ms)
			return 0;
		if (look == LOOK_WAIT && run_now_ms() >= w.deadline_ms) {
			err_append(err, " after %g s", (double)pace->timeout_ms / 1000);
			return HEALTH_TIMEOUT;
		}
		poll(NULL, 0, pace->pause_ms);
	}
}

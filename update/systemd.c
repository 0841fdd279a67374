/* See systemd.h. */
#include "update/systemd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/printable.h"
#include "update/device.h"
#include "update/run.h"

#define ASK_MS 10000 /* a busy systemd is asked again */
#define REBOOT_MS 30000
#define RESTARTS_MAX 1000000u

/*
 * Not cut short by the caller's deadline: systemd's silence would then hide what
 * really was not ready in time.
 */
static int ask(char *const *argv, struct buf *out)
{
	int r = run_until(argv, run_now_ms() + ASK_MS, out);

	if (r == 127)
		return -ENOENT;
	return r || !buf_ok(out) ? -EAGAIN : 0;
}

static unsigned number(const char *text)
{
	unsigned n = 0;

	for (; *text >= '0' && *text <= '9' && n < RESTARTS_MAX; text++)
		n = n * 10 + (unsigned)(*text - '0');
	return n;
}

/* Take "NAME=value" into the field it belongs to. */
static void take_property(struct unit_state *s, const char *name, size_t name_len,
			  const char *value, size_t value_len)
{
	char job[24] = "", restarts[24] = "", started[24] = "";
	const struct {
		const char *name;
		char *field;
		size_t size;
	} table[] = {
		{ "LoadState", s->load, sizeof(s->load) },
		{ "ActiveState", s->active, sizeof(s->active) },
		{ "SubState", s->sub, sizeof(s->sub) },
		{ "Result", s->result, sizeof(s->result) },
		{ "InvocationID", s->invocation, sizeof(s->invocation) },
		{ "NRestarts", restarts, sizeof(restarts) },
		{ "Job", job, sizeof(job) },
		{ "ExecMainStartTimestampMonotonic", started, sizeof(started) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (strlen(table[i].name) != name_len || memcmp(table[i].name, name, name_len))
			continue;
		if (value_len >= table[i].size)
			value_len = table[i].size - 1;
		memcpy(table[i].field, value, value_len);
		table[i].field[value_len] = '\0';
	}
	if (restarts[0])
		s->restarts = number(restarts);
	s->job |= number(job) > 0;
	s->started |= number(started) > 0;
}

bool systemd_parse(const char *text, size_t len, size_t n, struct unit_state *ret)
{
	const char *at = text, *end = text + len;
	bool inside = false;
	size_t unit = 0;

	memset(ret, 0, n * sizeof(*ret));
	/* One block of lines for each unit, an empty line between two. */
	while (at < end) {
		const char *eol = memchr(at, '\n', (size_t)(end - at)), *eq;

		if (!eol)
			eol = end;
		if (eol == at) {
			unit += inside;
			inside = false;
		} else if (unit == n) {
			return false;
		} else {
			inside = true;
			eq = memchr(at, '=', (size_t)(eol - at));
			if (eq)
				take_property(&ret[unit], at, (size_t)(eq - at), eq + 1,
					      (size_t)(eol - eq - 1));
		}
		at = eol + 1;
	}
	return unit + inside == n;
}

int systemd_show(const char *const *units, size_t n, struct unit_state *ret)
{
	static const char *const head[] = {
		"systemctl", "show", "--no-pager",
		"--property=LoadState,ActiveState,SubState,Result,InvocationID,NRestarts,Job,"
		"ExecMainStartTimestampMonotonic",
		"--",
	};
	const char *argv[ARRAY_SIZE(head) + SYSTEMD_UNITS_MAX + 1] = { NULL };
	_cleanup_buf_ struct buf out = BUF_INIT;
	int r;

	if (n > SYSTEMD_UNITS_MAX)
		return -E2BIG;
	memcpy(argv, head, sizeof(head));
	memcpy(argv + ARRAY_SIZE(head), units, n * sizeof(*units));
	r = ask((char *const *)argv, &out);
	if (r)
		return r;
	return systemd_parse(out.data ? out.data : "", out.len, n, ret) ? 0 : -EAGAIN;
}

int systemd_broken_units(struct buf *ret)
{
	static const char *const argv[] = { "systemctl", "list-units",
					    "--state=failed,auto-restart", "--plain",
					    "--no-legend", "--no-pager", NULL };
	_cleanup_buf_ struct buf out = BUF_INIT;
	int r = ask((char *const *)argv, &out);
	const char *at = out.data;

	while (r == 0 && at && *at) {
		size_t line = strcspn(at, "\n"), name = strcspn(at, " \n");

		if (name) {
			buf_add(ret, at, name);
			buf_addc(ret, '\n');
		}
		at += line + (at[line] == '\n');
	}
	return r;
}

static void explain(const char *const *argv, struct buf *out)
{
	buf_addc(out, '$');
	for (size_t i = 0; argv[i]; i++)
		buf_addf(out, " %s", argv[i]);
	buf_addc(out, '\n');
	run_until((char *const *)argv, run_now_ms() + ASK_MS, out);
	if (out->len && out->data[out->len - 1] != '\n')
		buf_addc(out, '\n');
}

void systemd_explain_unit(const char *unit, struct buf *out)
{
	const char *const status[] = { "systemctl", "status",	  "--no-pager", "--full",
				       "--lines=0", "--", unit, NULL };
	const char *const journal[] = { "journalctl",	"--no-pager", "--boot",
					"--output=short-monotonic", "--lines=40", "--unit", unit,
					NULL };

	explain(status, out);
	explain(journal, out);
}

void systemd_explain_jobs(struct buf *out)
{
	static const char *const jobs[] = { "systemctl", "list-jobs", "--no-pager", NULL };

	explain(jobs, out);
}

int systemd_reboot(struct err *err)
{
	static const char *const argv[] = { "systemctl", "--no-block", "reboot", NULL };
	_cleanup_buf_ struct buf out = BUF_INIT;

	if (run_until((char *const *)argv, run_now_ms() + REBOOT_MS, &out) == 0)
		return 0;
	/* Whoever runs this on another machine by mistake keeps it running. */
	if (access(DEVICE_RUN_DIR "/boot-state", F_OK))
		return err_set(err, -EPERM, "this system was not started by kiln: no reboot");
	sync();
	reboot(RB_AUTOBOOT);
	return err_errno(err, -errno, "neither systemd nor the kernel takes the order to reboot");
}

/* Run @argv; what it said is the reason when it fails. */
static int order(const char *const *argv, const char *what, struct err *err)
{
	_cleanup_buf_ struct buf out = BUF_INIT, shown = BUF_INIT;
	int r = run_until((char *const *)argv, run_now_ms() + REBOOT_MS, &out);

	if (r == 0)
		return 0;
	if (r == 127)
		return err_set(err, -ENOENT, "%s: cannot run %s", what, argv[0]);
	while (out.len && out.data[out.len - 1] == '\n')
		out.len--;
	printable_add(&shown, out.data ? out.data : "", out.len, false);
	return err_set(err, -EINVAL, "%s: %s", what, shown.len ? shown.data : "it failed");
}

int systemd_check_time(const char *when, struct err *err)
{
	const char *const argv[] = { "systemd-analyze", "calendar", "--", when, NULL };

	return order(argv, "the time", err);
}

/* A timer of this boot: the reboot it makes is also its end. */
int systemd_reboot_at(const char *when, struct err *err)
{
	static const char *const stop[] = { "systemctl", "stop", "kiln-reboot.timer", NULL };
	_cleanup_free_ char *calendar = str_printf("--on-calendar=%s", when);
	const char *const argv[] = { "systemd-run", "--quiet",
				     "--unit=kiln-reboot",
				     "--description=Reboot into the version that was installed",
				     "--timer-property=AccuracySec=1s", calendar,
				     "systemctl", "reboot", NULL };
	_cleanup_buf_ struct buf out = BUF_INIT;

	if (!calendar)
		return err_oom(err);
	run_until((char *const *)stop, run_now_ms() + ASK_MS, &out);
	return order(argv, "no reboot at that time", err);
}

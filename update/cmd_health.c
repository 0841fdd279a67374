/*
 * slotctl health: wait until this boot is healthy and confirm its slot; when it
 * is not, record why and reboot. kiln-health.service runs it at every boot.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/log.h"
#include "update/commands.h"
#include "update/confirm.h"
#include "update/health.h"
#include "update/run.h"

#define HEALTH_CONF "/usr/lib/kiln/health.conf"
#define SETTLE_MS 3000
#define PAUSE_MS 1000
#define REBOOT_MS 30000 /* for systemd to accept the request */

struct options {
	uint64_t timeout_s;
	bool no_reboot;
	const char *run_dir, *conf;
};

static const struct arg_option options[] = {
	{ "timeout", 't', ARG_U64, "SECONDS", "deadline instead of the image's own",
	  offsetof(struct options, timeout_s) },
	{ "no-reboot", 0, ARG_FLAG, NULL, "on failure only record and report it",
	  offsetof(struct options, no_reboot) },
	{ "run-dir", 0, ARG_STR, "DIR", "where early init left its notes (default: /run/kiln)",
	  offsetof(struct options, run_dir) },
	{ "conf", 0, ARG_STR, "FILE", "the checks (default: " HEALTH_CONF ")",
	  offsetof(struct options, conf) },
	{ .name = NULL },
};

/* To the console, which the boot lab and people at a serial line read, and to the journal. */
static void announce(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void announce(const char *fmt, ...)
{
	_cleanup_close_ int console =
		open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	char text[2048], line[2200];
	va_list ap;
	int n;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printf("kiln-health: %s\n", text);
	fflush(stdout);
	/* A login prompt may stand on the line already. */
	n = snprintf(line, sizeof(line), "\r\nkiln-health: %s\r\n", text);
	if (console >= 0)
		io_write_all(console, line, (size_t)n);
}

static void reboot_now(void)
{
	char *argv[] = { (char *)"systemctl", (char *)"--no-block", (char *)"reboot", NULL };
	_cleanup_buf_ struct buf out = BUF_INIT;

	if (run_until(argv, run_now_ms() + REBOOT_MS, &out) == 0)
		return;
	sync();
	reboot(RB_AUTOBOOT);
}

/*
 * Rebooting is for reaching something better: the other slot, or another try of
 * a slot that has some. With neither it would be an endless loop; a machine that
 * is up, though unhealthy, can still be looked at.
 */
static bool reboot_helps(const struct device *dev)
{
	const struct bs_slot *s = &dev->bs.slot[dev->running];

	return bs_slot_bootable(&dev->bs, !dev->running) || (!s->good && s->tries_left > 0);
}

static int healthy(struct device *dev, const struct options *opts, struct err *err)
{
	int r = device_open(dev, opts->run_dir, true, err);

	if (r == 0) {
		r = confirm_running(dev, err);
		device_done(dev);
	}
	if (r) {
		announce("FAILED: healthy, but not confirmed: %s", err->text);
		return EXIT_FAILED;
	}
	announce("confirmed slot %s %s", bs_slot_name(dev->running),
		 dev->bs.slot[dev->running].image.version);
	return EXIT_OK;
}

static int unhealthy(struct device *dev, const struct options *opts, enum bs_reason reason,
		     const char *details, struct err *err)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	static struct err second;
	int r;

	announce("FAILED: %s", err->text);
	buf_addf(&text, "kiln-health: FAILED: %s\n%s", err->text, details ? details : "");
	r = device_open(dev, opts->run_dir, true, &second);
	if (r == 0) {
		r = confirm_failed(dev, reason, buf_ok(&text) ? text.data : "", &second);
		device_done(dev);
	}
	if (r) {
		announce("the failure is not recorded: %s", second.text);
		return EXIT_FAILED;
	}
	if (opts->no_reboot)
		return EXIT_FAILED;
	if (!reboot_helps(dev)) {
		announce("there is no other slot and no try left: staying up, not confirmed");
		return EXIT_FAILED;
	}
	announce("rebooting");
	reboot_now();
	return EXIT_FAILED;
}

/* The stage is for the record only: that it cannot be stored fails later, when it matters. */
static void note_userspace(struct device *dev, const struct options *opts)
{
	static struct err ignored;

	if (device_open(dev, opts->run_dir, true, &ignored))
		return;
	confirm_stage_userspace(dev, &ignored);
	device_done(dev);
}

static int run(const struct command *cmd, int argc, char **argv, struct err *err)
{
	static struct device dev;
	static struct health_conf conf;
	_cleanup_buf_ struct buf details = BUF_INIT;
	struct health_pace pace = { .settle_ms = SETTLE_MS, .pause_ms = PAUSE_MS };
	struct options opts = { .conf = HEALTH_CONF };
	int r;

	if (args_parse(cmd, argc, argv, &opts, err) < 0)
		return EXIT_USAGE;
	if (opts.timeout_s > HEALTH_TIMEOUT_MAX_S) {
		err_set(err, -EINVAL, "--timeout takes up to %d seconds", HEALTH_TIMEOUT_MAX_S);
		return EXIT_USAGE;
	}
	note_userspace(&dev, &opts);
	r = health_conf_read(opts.conf, &conf, err);
	if (r == 0 && opts.timeout_s)
		conf.timeout_s = (unsigned)opts.timeout_s;
	pace.timeout_ms = (int64_t)conf.timeout_s * 1000;
	if (r == 0)
		r = health_wait(&conf, &pace, &details, err);
	if (r == 0)
		return healthy(&dev, &opts, err);
	r = unhealthy(&dev, &opts,
		      r == HEALTH_TIMEOUT ? BS_REASON_HEALTH_TIMEOUT : BS_REASON_HEALTH,
		      details.len ? details.data : NULL, err);
	err_init(err); /* said already */
	return r;
}

const struct command cmd_health = {
	.name = "health",
	.synopsis = "[OPTION...]",
	.summary = "wait for a healthy system and confirm the slot, or record why not and reboot",
	.options = options,
	.run = run,
};

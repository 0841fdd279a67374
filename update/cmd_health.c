/*
 * slotctl health: wait until this boot is healthy and confirm its slot; when it
 * is not, record why and reboot. kiln-health.service runs it at every boot, and
 * kiln-unhealthy.service (--aftermath) when that ended without a verdict.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/log.h"
#include "lib/base/printable.h"
#include "lib/core/verity_table.h"
#include "update/commands.h"
#include "update/confirm.h"
#include "update/health.h"
#include "update/scrub.h"
#include "update/status.h"
#include "update/systemd.h"

#define PAUSE_MS 1000
#define SOAK_PAUSE_MS 3000
#define BOOT_PAUSE_MS 5000
#define CMDLINE "/proc/cmdline"
#define CMDLINE_MAX_BYTES 65536

struct options {
	uint64_t timeout_s;
	bool no_reboot, aftermath;
	const char *run_dir, *conf, *cmdline;
};

static const struct arg_option options[] = {
	{ "timeout", 't', ARG_U64, "SECONDS", "deadline instead of the image's own",
	  offsetof(struct options, timeout_s) },
	{ "no-reboot", 0, ARG_FLAG, NULL, "on failure only record and report it",
	  offsetof(struct options, no_reboot) },
	{ "aftermath", 0, ARG_FLAG, NULL, "the check itself failed: record that, and reboot",
	  offsetof(struct options, aftermath) },
	{ "run-dir", 0, ARG_STR, "DIR", "where early init left its notes (default: /run/kiln)",
	  offsetof(struct options, run_dir) },
	{ "conf", 0, ARG_STR, "FILE", "the checks (default: " HEALTH_CONF_PATH ")",
	  offsetof(struct options, conf) },
	{ "cmdline", 0, ARG_STR, "FILE", "the kernel's command line (default: " CMDLINE ")",
	  offsetof(struct options, cmdline) },
	{ .name = NULL },
};

/* To the console, which the boot lab and people at a serial line read, and to the journal. */
static void announce(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Notes from somewhere else are about another machine: not a word on this one's console. */
static bool has_console;

static void announce(const char *fmt, ...)
{
	_cleanup_close_ int console =
		has_console ? open("/dev/console", O_WRONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK) :
			      -1;
	_cleanup_buf_ struct buf shown = BUF_INIT, line = BUF_INIT;
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	printable_add(&shown, text, strlen(text), false);
	/* A login prompt may stand on the line already. */
	buf_addf(&line, "\r\nkiln-health: %s\r\n", buf_ok(&shown) ? shown.data : "");
	printf("kiln-health: %s\n", buf_ok(&shown) ? shown.data : "");
	fflush(stdout);
	if (console >= 0 && buf_ok(&line))
		io_write_all(console, line.data, line.len);
}

static void announce_progress(unsigned percent)
{
	announce("everything is up; %u %% of the root are checked", percent);
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

static void reboot_if_it_helps(const struct device *dev, const struct options *opts)
{
	static struct err err;

	if (opts->no_reboot || opts->run_dir)
		return;
	if (!reboot_helps(dev)) {
		announce("there is no other slot and no try left: staying up, not confirmed");
		return;
	}
	announce("rebooting");
	if (systemd_reboot(&err))
		announce("%s", err.text);
}

/* For node_exporter: what `slotctl status --prometheus` says after the verdict. */
static void write_metrics(struct device *dev, const struct options *opts)
{
	const char *dir = opts->run_dir ? opts->run_dir : DEVICE_RUN_DIR;
	_cleanup_free_ char *path = str_printf("%s/kiln.prom", dir);
	_cleanup_buf_ struct buf out = BUF_INIT;
	static struct err err;
	struct status s;
	int r = path ? device_open(dev, opts->run_dir, false, &err) : err_oom(&err);

	if (r == 0) {
		r = status_gather(dev, opts->run_dir, NULL, &s, &err);
		device_done(dev);
	}
	if (r == 0) {
		status_prometheus(&s, &out);
		status_done(&s);
		r = atomic_file_write(path, out.data, out.len, 0644, &err);
	}
	if (r)
		log_warning("no metrics: %s", err.text);
}

static int healthy(struct device *dev, const struct options *opts, const struct health_conf *conf,
		   struct err *err)
{
	char degraded[STATUS_DEGRADED_MAX];
	int r = device_open(dev, opts->run_dir, true, err);

	if (r == 0) {
		r = confirm_running(dev, confirm_is_settled(conf->settle_s), err);
		device_done(dev);
	}
	if (r) {
		announce("FAILED: healthy, but not confirmed: %s", err->text);
		return EXIT_FAILED;
	}
	announce("confirmed slot %s %s", bs_slot_name(dev->running),
		 dev->bs.slot[dev->running].image.version);
	/* The slot is not to blame, but somebody should know. */
	if (status_degraded(opts->run_dir ? opts->run_dir : DEVICE_RUN_DIR, degraded))
		announce("state is degraded: %s", degraded);
	return EXIT_OK;
}

/* A boot that was confirmed stays so: what fails later is for an operator to judge. */
static int record(struct device *dev, const struct confirm_failure *failure, struct err *err)
{
	if (dev->counted && bs_boot_confirmed(&dev->bs))
		return err_set(err, -EALREADY, "this boot was confirmed before");
	return confirm_failed(dev, failure, err);
}

static int unhealthy(struct device *dev, const struct options *opts, int verdict,
		     const struct buf *details, struct err *err)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct confirm_failure failure = {
		.reason = verdict == HEALTH_TIMEOUT ? BS_REASON_HEALTH_TIMEOUT :
			  verdict == HEALTH_CORRUPT ? BS_REASON_VERITY :
						      BS_REASON_HEALTH,
		.hopeless = verdict == HEALTH_CORRUPT,
	};
	static struct err second;
	int r;

	announce("FAILED: %s", err->text);
	if (details->len)
		buf_add(&text, details->data, details->len);
	buf_addf(&text, "kiln-health: FAILED: %s\n", err->text);
	failure.text = buf_ok(&text) ? text.data : "";
	r = device_open(dev, opts->run_dir, true, &second);
	if (r == 0) {
		r = record(dev, &failure, &second);
		device_done(dev);
	}
	if (r)
		announce("the failure is not recorded: %s", second.text);
	else
		reboot_if_it_helps(dev, opts);
	return EXIT_FAILED;
}

/*
 * kiln-health.service failed. If it said why, only the reboot may be missing; if it
 * was killed, or hung, that is the verdict. Not to know more is no reason to fail:
 * systemd would then reboot whatever there is to be reached.
 */
static int aftermath(struct device *dev, const struct options *opts, struct err *err)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	const char *result = getenv("MONITOR_SERVICE_RESULT");
	struct confirm_failure failure = { .reason = BS_REASON_HEALTH };
	int r;

	result = result ? result : "unknown";
	if (strcmp(result, "timeout") == 0)
		failure.reason = BS_REASON_HEALTH_TIMEOUT;
	systemd_explain_jobs(&text);
	systemd_explain_unit("kiln-health.service", &text);
	buf_addf(&text, "kiln-health: FAILED: the check itself ended without a verdict (%s)\n",
		 result);
	failure.text = buf_ok(&text) ? text.data : "";
	r = device_open(dev, opts->run_dir, true, err);
	if (r == 0) {
		if (!dev->counted || dev->bs.ring[0].reason == BS_REASON_NONE)
			r = record(dev, &failure, err);
		device_done(dev);
	}
	if (r)
		announce("staying up: %s", err->text);
	else
		reboot_if_it_helps(dev, opts);
	err_init(err);
	return EXIT_OK;
}

/*
 * The stage is for the record only: that it cannot be stored fails later, when it
 * matters. True when the root that runs was never confirmed.
 */
static bool begin(struct device *dev, const struct options *opts)
{
	static struct err ignored;

	if (device_open(dev, opts->run_dir, true, &ignored))
		return false;
	confirm_stage_userspace(dev, &ignored);
	device_done(dev);
	return dev->counted && !dev->bs.slot[dev->running].good;
}

static int start_scrub(const struct device *dev, const struct options *opts, struct scrub *ret,
		       struct err *err)
{
	_cleanup_free_ char *line = NULL;
	struct verity_params params;
	size_t len;
	int r = io_read_file(opts->cmdline, CMDLINE_MAX_BYTES, &line, &len, err);

	if (r)
		return r;
	r = verity_params_from_cmdline(line, len, &params);
	if (r == 0 && memcmp(params.root_hash, dev->root_hash, sizeof(params.root_hash)) != 0)
		r = VERITY_E_ROOT_HASH;
	if (r)
		return err_set(err, -EBADMSG, "%s: %s", opts->cmdline, verity_error_text(r));
	return scrub_start(dev->disk_path, dev->running, &params, ret, err);
}

/* As health_wait(), or a negative errno. */
static int watch(struct device *dev, const struct options *opts, const struct health_conf *conf,
		 struct buf *details, struct err *err)
{
	const char *dir = opts->run_dir ? opts->run_dir : DEVICE_RUN_DIR;
	_cleanup_free_ char *booted = str_printf("%s/booted", dir);
	struct scrub scrub = { 0 };
	struct health_pace pace = {
		.timeout_ms = (int64_t)conf->timeout_s * 1000,
		.soak_ms = (int64_t)conf->soak_s * 1000,
		.scrub_ms = (int64_t)conf->scrub_s * 1000,
		.pause_ms = PAUSE_MS,
		.soak_pause_ms = SOAK_PAUSE_MS,
		.boot_pause_ms = BOOT_PAUSE_MS,
		.booted = booted,
		.progress = announce_progress,
	};
	int r = 0;

	if (!booted)
		return err_oom(err);
	if (begin(dev, opts)) {
		r = start_scrub(dev, opts, &scrub, err);
		pace.scrub = &scrub;
	}
	if (r == 0)
		r = health_wait(conf, &pace, details, err);
	scrub_stop(&scrub);
	return r;
}

static int run(const struct command *cmd, int argc, char **argv, struct err *err)
{
	static struct device dev;
	static struct health_conf conf;
	_cleanup_buf_ struct buf details = BUF_INIT;
	struct options opts = { .conf = HEALTH_CONF_PATH, .cmdline = CMDLINE };
	int r;

	if (args_parse(cmd, argc, argv, &opts, err) < 0)
		return EXIT_USAGE;
	if (opts.timeout_s > HEALTH_S_MAX) {
		err_set(err, -EINVAL, "--timeout takes up to %d seconds", HEALTH_S_MAX);
		return EXIT_USAGE;
	}
	has_console = !opts.run_dir;
	if (opts.aftermath)
		return aftermath(&dev, &opts, err);
	r = health_conf_read(opts.conf, &conf, err);
	if (r == 0 && opts.timeout_s)
		conf.timeout_s = (unsigned)opts.timeout_s;
	if (r == 0)
		r = watch(&dev, &opts, &conf, &details, err);
	r = r == 0 ? healthy(&dev, &opts, &conf, err) : unhealthy(&dev, &opts, r, &details, err);
	err_init(err); /* said already */
	write_metrics(&dev, &opts);
	return r;
}

const struct command cmd_health = {
	.name = "health",
	.synopsis = "[OPTION...]",
	.summary = "Wait for a healthy system and confirm the slot, or record why not and reboot",
	.options = options,
	.run = run,
	.details = "kiln-health.service runs it at every boot.",
};

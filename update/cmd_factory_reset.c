/* slotctl factory-reset: let the next boot erase what this machine keeps. */
#include <errno.h>
#include <stdio.h>

#include "lib/base/ask.h"
#include "lib/base/err.h"
#include "update/commands.h"
#include "update/operator.h"
#include "update/promise.h"

struct options {
	bool cancel, reboot, yes;
	const char *run_dir;
};

static const struct arg_option options[] = {
	{ "yes", 'y', ARG_FLAG, NULL, "do not ask", offsetof(struct options, yes) },
	{ "cancel", 0, ARG_FLAG, NULL, "take the order back", offsetof(struct options, cancel) },
	{ "reboot", 0, ARG_FLAG, NULL, "and reboot", offsetof(struct options, reboot) },
	{ "run-dir", 0, ARG_STR, "DIR", "where early init left its notes (default: /run/kiln)",
	  offsetof(struct options, run_dir) },
	{ .name = NULL },
};

/* Nobody is asked where it cannot be done; while somebody thinks, nothing is locked. */
static int ask(const struct command *cmd, struct device *dev, const char *run_dir, struct err *err)
{
	if (device_open(dev, run_dir, false, err))
		return EXIT_FAILED;
	device_done(dev);
	return ask_yes(cmd->name,
		       "The next boot erases everything this machine keeps: /var, /root and the "
		       "kept paths.\nThe versions in the slots stay.",
		       err);
}

static int store(struct device *dev, enum promise want, struct err *err)
{
	enum promise now;
	int r = promise_read(&dev->ops, &now);

	/* A state partition half formatted is early init's business: that promise stands. */
	if (r == 0 && now == PROMISE_FORMATTING)
		return err_set(err, -EBUSY,
			       "early init has not finished to format the state partition; "
			       "reboot first");
	if (r == 0 && now != want)
		r = promise_store(&dev->ops, want);
	if (r < 0)
		return err_errno(err, r, "cannot write to %s", dev->state_path);
	if (r)
		return err_set(err, -EIO, "%s: %s", dev->state_path, bs_error_text(r));
	return 0;
}

static int run(const struct command *cmd, int argc, char **argv, struct err *err)
{
	static struct device dev;
	struct options opts = { 0 };
	int r;

	if (args_parse(cmd, argc, argv, &opts, err) < 0 ||
	    operator_check_reboot(cmd->name, opts.reboot, opts.run_dir, err))
		return EXIT_USAGE;
	if (opts.cancel && (opts.reboot || opts.yes)) {
		err_set(err, -EINVAL, "factory-reset: --cancel stands alone");
		return EXIT_USAGE;
	}
	r = opts.cancel || opts.yes ? EXIT_OK : ask(cmd, &dev, opts.run_dir, err);
	if (r)
		return r;
	if (device_open(&dev, opts.run_dir, true, err))
		return EXIT_FAILED;
	r = store(&dev, opts.cancel ? PROMISE_NONE : PROMISE_RESET, err);
	device_done(&dev);
	if (r)
		return EXIT_FAILED;
	puts(opts.cancel ? "no factory reset" : "factory reset at the next boot");
	return opts.cancel ? EXIT_OK : operator_finish(opts.reboot, err);
}

const struct command cmd_factory_reset = {
	.name = "factory-reset",
	.synopsis = "[OPTION...]",
	.summary = "Erase at the next boot what this machine keeps",
	.options = options,
	.run = run,
	.details = "Early init formats the state partition: /var, /root and the kept paths begin\n"
		   "anew, as at the first boot. The versions in both slots stay.",
};

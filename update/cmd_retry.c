/* slotctl retry: try a version again although it failed here. */
#include <errno.h>
#include <stdio.h>

#include "lib/base/err.h"
#include "update/commands.h"
#include "update/operator.h"

struct options {
	bool reboot;
	const char *run_dir;
};

static const struct arg_option options[] = {
	{ "reboot", 0, ARG_FLAG, NULL, "and reboot", offsetof(struct options, reboot) },
	{ "run-dir", 0, ARG_STR, "DIR", "where early init left its notes (default: /run/kiln)",
	  offsetof(struct options, run_dir) },
	{ .name = NULL },
};

static int retry(struct device *dev, unsigned slot, struct err *err)
{
	const struct bs_slot *s = &dev->bs.slot[slot];
	int r = bs_retry(&dev->bs, slot);

	if (r)
		return operator_refused(dev, "retry", slot, r, err);
	if (device_store(dev, err))
		return EXIT_FAILED;
	printf("slot %s with %s %s is first in line again, with %u tries\n", bs_slot_name(slot),
	       s->image.name, s->image.version, s->tries_left);
	return EXIT_OK;
}

static int run(const struct command *cmd, int argc, char **argv, struct err *err)
{
	static struct device dev;
	struct options opts = { 0 };
	unsigned slot = 0;
	int n = args_parse(cmd, argc, argv, &opts, err), r;

	if (n < 0 || operator_check_reboot(cmd->name, opts.reboot, opts.run_dir, err) ||
	    (n && operator_slot(argv[1], &slot, err)))
		return EXIT_USAGE;
	if (device_open(&dev, opts.run_dir, true, err))
		return EXIT_FAILED;
	r = !n && operator_other_slot(&dev, &slot, err) ? EXIT_FAILED : retry(&dev, slot, err);
	device_done(&dev);
	return r ? r : operator_finish(opts.reboot, err);
}

const struct command cmd_retry = {
	.name = "retry",
	.synopsis = "[OPTION...] [a|b]",
	.summary = "Try a version again that failed here",
	.options = options,
	.max_args = 1,
	.run = run,
	.details = "The slot, by default the one that does not run, gets all its tries back and\n"
		   "is first in line; its image is no longer refused.",
};

/* slotctl rollback: prefer the other slot, which was confirmed before. */
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

static int roll_back(struct device *dev, struct err *err)
{
	unsigned slot;
	int r;

	if (operator_other_slot(dev, &slot, err))
		return EXIT_FAILED;
	r = bs_rollback(&dev->bs, slot);
	if (r)
		return operator_refused(dev, "rollback", slot, r, err);
	if (device_store(dev, err))
		return EXIT_FAILED;
	printf("slot %s with %s %s is first in line\n", bs_slot_name(slot),
	       dev->bs.slot[slot].image.name, dev->bs.slot[slot].image.version);
	return EXIT_OK;
}

static int run(const struct command *cmd, int argc, char **argv, struct err *err)
{
	static struct device dev;
	struct options opts = { 0 };
	int r;

	if (args_parse(cmd, argc, argv, &opts, err) < 0 ||
	    operator_check_reboot(cmd->name, opts.reboot, opts.run_dir, err))
		return EXIT_USAGE;
	if (device_open(&dev, opts.run_dir, true, err))
		return EXIT_FAILED;
	r = roll_back(&dev, err);
	device_done(&dev);
	return r ? r : operator_finish(opts.reboot, err);
}

const struct command cmd_rollback = {
	.name = "rollback",
	.synopsis = "[OPTION...]",
	.summary = "Go back to the version in the other slot",
	.options = options,
	.run = run,
	.details = "The other slot must have been confirmed before. It stays first in line until\n"
		   "a version is installed or 'slotctl rollback' is called from there.",
};

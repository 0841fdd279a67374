/* slotctl boot-once: start a slot at the next boot only. */
#include <errno.h>
#include <stdio.h>

#include "lib/base/err.h"
#include "update/commands.h"
#include "update/operator.h"

struct options {
	bool cancel, reboot;
	const char *run_dir;
};

static const struct arg_option options[] = {
	{ "cancel", 0, ARG_FLAG, NULL, "take the order back", offsetof(struct options, cancel) },
	{ "reboot", 0, ARG_FLAG, NULL, "and reboot", offsetof(struct options, reboot) },
	{ "run-dir", 0, ARG_STR, "DIR", "where early init left its notes (default: /run/kiln)",
	  offsetof(struct options, run_dir) },
	{ .name = NULL },
};

/* @slot BS_SLOT_NONE: forget the order. */
static int order(struct device *dev, unsigned slot, struct err *err)
{
	int r = bs_set_oneshot(&dev->bs, slot);

	if (r)
		return operator_refused(dev, "start", slot, r, err);
	if (device_store(dev, err))
		return EXIT_FAILED;
	if (slot == BS_SLOT_NONE)
		puts("no slot is started for once");
	else
		printf("slot %s with %s %s is started next, for once\n", bs_slot_name(slot),
		       dev->bs.slot[slot].image.name, dev->bs.slot[slot].image.version);
	return EXIT_OK;
}

static int run(const struct command *cmd, int argc, char **argv, struct err *err)
{
	static struct device dev;
	struct options opts = { 0 };
	unsigned slot = BS_SLOT_NONE;
	int n = args_parse(cmd, argc, argv, &opts, err), r;

	if (n < 0 || operator_check_reboot(cmd->name, opts.reboot, opts.run_dir, err))
		return EXIT_USAGE;
	if (opts.cancel ? n > 0 || opts.reboot : n == 0) {
		err_set(err, -EINVAL, "boot-once takes a slot, a or b, or --cancel alone");
		return EXIT_USAGE;
	}
	if (n && operator_slot(argv[1], &slot, err))
		return EXIT_USAGE;
	if (device_open(&dev, opts.run_dir, true, err))
		return EXIT_FAILED;
	r = order(&dev, slot, err);
	device_done(&dev);
	return r || opts.cancel ? r : operator_finish(opts.reboot, err);
}

const struct command cmd_boot_once = {
	.name = "boot-once",
	.synopsis = "[OPTION...] a|b",
	.summary = "Start a slot at the next boot only",
	.options = options,
	.max_args = 1,
	.run = run,
	.details = "The boot after that chooses as always. A slot that was never confirmed uses a\n"
		   "try, and is confirmed if it is healthy.",
};

/* slotctl confirm: the running slot is good. */
#include <errno.h>
#include <stdio.h>

#include "lib/base/err.h"
#include "update/commands.h"
#include "update/confirm.h"

struct options {
	const char *run_dir;
};

static const struct arg_option options[] = {
	{ "run-dir", 0, ARG_STR, "DIR", "where early init left its notes (default: /run/kiln)",
	  offsetof(struct options, run_dir) },
	{ .name = NULL },
};

static int run(const struct command *cmd, int argc, char **argv, struct err *err)
{
	static struct device dev;
	struct options opts = { 0 };
	int r;

	if (args_parse(cmd, argc, argv, &opts, err) < 0)
		return EXIT_USAGE;
	r = device_open(&dev, opts.run_dir, true, err);
	if (r == 0) {
		r = confirm_running(&dev, err);
		device_done(&dev);
	}
	if (r)
		return EXIT_FAILED;
	printf("confirmed slot %s %s\n", bs_slot_name(dev.running),
	       dev.bs.slot[dev.running].image.version);
	return EXIT_OK;
}

const struct command cmd_confirm = {
	.name = "confirm",
	.synopsis = "[OPTION...]",
	.summary = "mark the running slot good, so that it is booted from now on",
	.options = options,
	.run = run,
};

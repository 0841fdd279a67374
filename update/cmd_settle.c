/*
 * slotctl settle: this boot ran long enough to count as a success, or is being
 * shut down in order. kiln-settle.service and kiln-shutdown.service run it.
 */
#include <errno.h>
#include <stdio.h>

#include "lib/base/err.h"
#include "update/commands.h"
#include "update/confirm.h"

struct options {
	bool shutdown;
	const char *run_dir;
};

static const struct arg_option options[] = {
	{ "shutdown", 0, ARG_FLAG, NULL, "it is being shut down",
	  offsetof(struct options, shutdown) },
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
	if (device_open(&dev, opts.run_dir, true, err))
		return EXIT_FAILED;
	r = confirm_ended(&dev, opts.shutdown ? BS_END_SHUT_DOWN : BS_END_SETTLED, err);
	device_done(&dev);
	if (r < 0)
		return EXIT_FAILED;
	if (r == CONFIRM_NOT_YET)
		puts("this boot is not confirmed yet; it settles when it is");
	return EXIT_OK;
}

const struct command cmd_settle = {
	.name = "settle",
	.synopsis = "[OPTION...]",
	.summary = "Note that this boot ran long enough, or is being shut down",
	.options = options,
	.run = run,
	.details = "kiln-settle.service and kiln-shutdown.service call it. A confirmed boot that\n"
		   "stops before either is a relapse.",
};

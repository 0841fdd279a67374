/* slotctl confirm: the running slot is good. */
#include <errno.h>
#include <stdio.h>

#include "lib/base/err.h"
#include "update/commands.h"
#include "update/confirm.h"
#include "update/health_conf.h"

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
	static struct health_conf conf;
	struct options opts = { 0 };
	bool settled;
	int r;

	if (args_parse(cmd, argc, argv, &opts, err) < 0)
		return EXIT_USAGE;
	/* Who confirms by hand may do so because of what stands there. */
	settled = health_conf_read(HEALTH_CONF_PATH, &conf, NULL) == 0 &&
		  confirm_is_settled(conf.settle_s);
	r = device_open(&dev, opts.run_dir, true, err);
	if (r == 0) {
		r = confirm_running(&dev, settled, err);
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
	.summary = "Mark the running slot good, so that it is booted from now on",
	.options = options,
	.run = run,
};

/* slotctl status: what the slots hold, how the last boots went, what fell back and why. */
#include <errno.h>
#include <stdio.h>

#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "update/commands.h"
#include "update/status.h"

struct options {
	bool json, prometheus;
	const char *output, *run_dir, *efivars;
};

static const struct arg_option options[] = {
	{ "json", 0, ARG_FLAG, NULL, "machine-readable, stable", offsetof(struct options, json) },
	{ "prometheus", 0, ARG_FLAG, NULL, "in Prometheus' text format",
	  offsetof(struct options, prometheus) },
	{ "output", 'o', ARG_STR, "FILE", "replace FILE at once instead of printing",
	  offsetof(struct options, output) },
	{ "run-dir", 0, ARG_STR, "DIR", "where early init left its notes (default: /run/kiln)",
	  offsetof(struct options, run_dir) },
	{ "efivars", 0, ARG_STR, "DIR",
	  "the firmware's variables (default: " STATUS_EFIVARS ")",
	  offsetof(struct options, efivars) },
	{ .name = NULL },
};

static int deliver(const struct options *opts, const struct buf *out, struct err *err)
{
	if (!buf_ok(out))
		return err_oom(err);
	if (opts->output)
		return atomic_file_write(opts->output, out->data, out->len, 0644, err);
	fwrite(out->data, 1, out->len, stdout);
	return 0;
}

static int run(const struct command *cmd, int argc, char **argv, struct err *err)
{
	static struct device dev;
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct options opts = { 0 };
	struct status s;
	int r;

	if (args_parse(cmd, argc, argv, &opts, err) < 0)
		return EXIT_USAGE;
	if (opts.json && opts.prometheus) {
		err_set(err, -EINVAL, "status: only one of --json and --prometheus");
		return EXIT_USAGE;
	}
	if (device_open(&dev, opts.run_dir, false, err))
		return EXIT_FAILED;
	r = status_gather(&dev, opts.run_dir, opts.efivars, &s, err);
	if (r == 0) {
		if (opts.json)
			status_json(&s, &out);
		else if (opts.prometheus)
			status_prometheus(&s, &out);
		else
			status_text(&s, &out);
		r = deliver(&opts, &out, err);
		status_done(&s);
	}
	device_done(&dev);
	return r ? EXIT_FAILED : EXIT_OK;
}

const struct command cmd_status = {
	.name = "status",
	.synopsis = "[OPTION...]",
	.summary = "Show the slots, their versions and tries, the last boots and the last fallback",
	.options = options,
	.run = run,
};

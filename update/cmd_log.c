/* slotctl log: what the last failed boots said, from the flight recorder. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/base/json.h"
#include "lib/base/printable.h"
#include "update/commands.h"
#include "update/flightlog.h"

struct options {
	uint64_t boot;
	bool list, json;
	const char *run_dir;
};

static const struct arg_option options[] = {
	{ "boot", 'b', ARG_U64, "N", "of boot N instead of the newest that left one",
	  offsetof(struct options, boot) },
	{ "list", 'l', ARG_FLAG, NULL, "only say which boots left one",
	  offsetof(struct options, list) },
	{ "json", 0, ARG_FLAG, NULL, "machine-readable, stable", offsetof(struct options, json) },
	{ "run-dir", 0, ARG_STR, "DIR", "where early init left its notes (default: /run/kiln)",
	  offsetof(struct options, run_dir) },
	{ .name = NULL },
};

static void json_head(struct json *j, const struct flight *f)
{
	json_u64(j, "boot", f->boot);
	json_str(j, "slot", bs_slot_name(f->slot));
	json_str(j, "version", f->version);
	json_str(j, "stage", bs_stage_name(f->stage));
	json_str(j, "reason", bs_reason_name(f->reason));
	json_u64(j, "bytes", f->text_bytes);
}

static void add_head(struct buf *out, const struct flight *f)
{
	buf_addf(out, "boot %" PRIu64 ", slot %s, %s: reached the stage '%s': %s", f->boot,
		 bs_slot_name(f->slot), f->version[0] ? f->version : "unknown version",
		 bs_stage_name(f->stage), bs_reason_text(f->reason));
}

static void list(const struct flight *heads, int n, bool as_json, struct buf *out)
{
	struct json j = JSON_INIT(out);

	if (as_json)
		json_open(&j, NULL, '[');
	for (int i = 0; i < n; i++) {
		if (!as_json) {
			add_head(out, &heads[i]);
			buf_addf(out, " (%" PRIu32 " bytes)\n", heads[i].text_bytes);
			continue;
		}
		json_open(&j, NULL, '{');
		json_head(&j, &heads[i]);
		json_close(&j);
	}
	if (as_json) {
		json_close(&j);
		buf_addc(out, '\n');
	}
}

static void show(const struct flightlog *log, bool as_json, struct buf *out)
{
	struct json j = JSON_INIT(out);

	if (as_json) {
		json_open(&j, NULL, '{');
		json_head(&j, &log->about);
		json_str(&j, "text", log->text);
		json_close(&j);
		buf_addc(out, '\n');
		return;
	}
	add_head(out, &log->about);
	buf_addc(out, '\n');
	printable_add(out, log->text, log->about.text_bytes, true);
	if (out->len && out->data[out->len - 1] != '\n')
		buf_addc(out, '\n');
}

static int show_boot(struct device *dev, uint64_t number, bool as_json, struct buf *out,
		     struct err *err)
{
	struct flightlog log = { .text = NULL };
	int r = flightlog_read(dev, number, &log);

	if (r < 0)
		return err_errno(err, r, "cannot read the flight recorder on %s", dev->state_path);
	if (r)
		return err_set(err, -ENOENT,
			       "boot %" PRIu64 " left no log; which ones did: slotctl log --list",
			       number);
	show(&log, as_json, out);
	flightlog_done(&log);
	return 0;
}

static int answer(struct device *dev, const struct options *opts, struct buf *out, struct err *err)
{
	struct flight heads[FLIGHT_ENTRIES];
	int n = opts->boot ? 0 : flightlog_list(dev, heads);

	if (n < 0)
		return err_errno(err, n, "cannot read the flight recorder on %s", dev->state_path);
	if (opts->boot)
		return show_boot(dev, opts->boot, opts->json, out, err);
	if (opts->list || !n) {
		list(heads, n, opts->json, out);
		if (!n && !opts->json)
			buf_adds(out, "no boot left a log\n");
		return 0;
	}
	return show_boot(dev, heads[0].boot, opts->json, out, err);
}

static int run(const struct command *cmd, int argc, char **argv, struct err *err)
{
	static struct device dev;
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct options opts = { 0 };
	int r;

	if (args_parse(cmd, argc, argv, &opts, err) < 0)
		return EXIT_USAGE;
	if (opts.list && opts.boot) {
		err_set(err, -EINVAL, "log: only one of --list and --boot");
		return EXIT_USAGE;
	}
	if (device_open(&dev, opts.run_dir, false, err))
		return EXIT_FAILED;
	r = answer(&dev, &opts, &out, err);
	device_done(&dev);
	if (r == 0 && !buf_ok(&out))
		r = err_oom(err);
	if (r == 0)
		fwrite(out.data, 1, out.len, stdout);
	return r ? EXIT_FAILED : EXIT_OK;
}

const struct command cmd_log = {
	.name = "log",
	.synopsis = "[OPTION...]",
	.summary = "Show what a failed boot said before it was given up",
	.options = options,
	.run = run,
	.details = "The logs of the last four boots that left one are kept, up to 63 KiB of each.",
};

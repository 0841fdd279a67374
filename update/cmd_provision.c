/* slotctl provision: the running system onto another disk, from which it boots alone. */
#include <errno.h>
#include <stdio.h>

#include "install/provision_verb.h"
#include "install/provision_source.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "update/commands.h"
#include "update/device.h"
#include "update/update_conf.h"
#include "verity/cms.h"

struct options {
	bool yes, dry_run, discard, json;
	uint64_t size_bytes;
	const char *run_dir;
};

static const struct arg_option options[] = {
	{ "yes", 'y', ARG_FLAG, NULL, "do not ask", offsetof(struct options, yes) },
	{ "dry-run", 'n', ARG_FLAG, NULL, "say what would be lost, and stop",
	  offsetof(struct options, dry_run) },
	{ "discard", 0, ARG_FLAG, NULL, "tell the disk that nothing on it is needed any more",
	  offsetof(struct options, discard) },
	{ "size", 's', ARG_SIZE, "SIZE", "make the file TARGET, this large",
	  offsetof(struct options, size_bytes) },
	{ "json", 'j', ARG_FLAG, NULL, "progress and result as JSON lines",
	  offsetof(struct options, json) },
	{ "run-dir", 0, ARG_STR, "DIR", "where early init left its notes (default: /run/kiln)",
	  offsetof(struct options, run_dir) },
	{ .name = NULL },
};

/*
 * The root hash that early init verified is the anchor: whatever is read from the disk must
 * be that. So the signature is checked once more where there are certificates, and missing ones
 * weaken nothing.
 */
static int provision_from(const struct options *opts, const struct device *dev, const char *target,
			  struct err *err)
{
	_cleanup_provision_source_ struct provision_source *source = NULL;
	_cleanup_free_ char *pem = NULL;
	int r = io_read_file(UPDATE_POLICY_DIR "/" UPDATE_TRUSTED_NAME, CMS_PEM_MAX, &pem, NULL,
			     err);

	if (r && r != -ENOENT)
		return provision_verb_end(opts->json, EXIT_FAILED, "policy", err);
	r = provision_source_open(dev->disk_path, dev->root_hash, &source, err);
	if (r)
		return provision_verb_end(opts->json, r > 0 ? EXIT_REFUSED : EXIT_FAILED, "image",
					  err);

	const struct provision_verb v = {
		.verb = "provision",
		.source = source,
		.from = dev->disk_path,
		.target = target,
		.target_options = { .world = { "/proc", "/sys",
					       opts->run_dir ? opts->run_dir : DEVICE_RUN_DIR },
				    .file_bytes = opts->size_bytes },
		.trusted_pem = pem,
		.yes = opts->yes,
		.dry_run = opts->dry_run,
		.discard = opts->discard,
		.json = opts->json,
	};

	return provision_verb(&v, err);
}

static int run(const struct command *cmd, int argc, char **argv, struct err *err)
{
	static struct device dev;
	struct options opts = { 0 };

	if (args_parse(cmd, argc, argv, &opts, err) < 0)
		return EXIT_USAGE;
	/* Only its notes are needed: nothing is locked while somebody thinks. */
	if (device_open(&dev, opts.run_dir, false, err))
		return provision_verb_end(opts.json, EXIT_FAILED, "device", err);
	device_done(&dev);
	return provision_from(&opts, &dev, argv[1], err);
}

const struct command cmd_provision = {
	.name = "provision",
	.synopsis = "[OPTION...] TARGET",
	.summary = "Put the running version onto another disk, from where it boots",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
	.details = "The version goes to slot a of TARGET; slot b is empty there, and the state\n"
		   "partition blank. Everything on TARGET is lost. A disk of which anything is in\n"
		   "use is refused, whatever you say. Exit status 3 means that a check refused.",
};

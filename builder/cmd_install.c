/* kiln install: an image onto a disk or into a file, so that it boots there alone. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "builder/commands.h"
#include "builder/disk/inspect.h"
#include "builder/keys.h"
#include "builder/verify.h"
#include "install/provision_verb.h"
#include "install/provision_source.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/log.h"

struct options {
	const char *cert, *keys_dir;
	uint64_t size_bytes, sector_bytes;
	bool yes, dry_run, discard, json;
};

static const struct arg_option options[] = {
	{ "yes", 'y', ARG_FLAG, NULL, "do not ask", offsetof(struct options, yes) },
	{ "dry-run", 'n', ARG_FLAG, NULL, "check everything, say what would be lost, and stop",
	  offsetof(struct options, dry_run) },
	{ "cert", 'c', ARG_STR, "FILE", "PEM certificates to trust, instead of those in the keys",
	  offsetof(struct options, cert) },
	{ "keys", 'k', ARG_STR, "DIR",
	  "where the keys are (default: $KILN_KEYS, or ~/.config/kiln/keys)",
	  offsetof(struct options, keys_dir) },
	{ "discard", 0, ARG_FLAG, NULL, "tell the disk that nothing on it is needed any more",
	  offsetof(struct options, discard) },
	{ "size", 's', ARG_SIZE, "SIZE", "make the file TARGET, this large",
	  offsetof(struct options, size_bytes) },
	{ "sector-size", 0, ARG_U64, "BYTES", "of the disk that a file stands for: 512 or 4096",
	  offsetof(struct options, sector_bytes) },
	{ "json", 'j', ARG_FLAG, NULL, "progress and result as JSON lines",
	  offsetof(struct options, json) },
	{ .name = NULL },
};

/* All that `kiln verify` would say; only its end is worth a line here. */
static int verify(const char *image, const char *pem, struct err *err)
{
	const struct verify_trust trust = { .pem = pem, .len = strlen(pem) };
	_cleanup_buf_ struct buf report = BUF_INIT;
	int r = verify_disk(image, &trust, &report, err);

	if (r == 0)
		log_debug("%s", report.data);
	return r;
}

static int install(const struct options *opts, const char *image, const char *target,
		   struct err *err)
{
	_cleanup_provision_source_ struct provision_source *source = NULL;
	_cleanup_free_ char *pem = NULL;
	int r = keys_trust(opts->cert, opts->keys_dir, &pem, err);

	if (r == 0)
		r = verify(image, pem, err);
	if (r == 0)
		r = provision_source_open(image, NULL, &source, err);
	if (r)
		return provision_verb_end(opts->json, r > 0 ? EXIT_REFUSED : EXIT_FAILED, "image",
					  err);

	const struct provision_verb v = {
		.verb = "install",
		.source = source,
		.from = image,
		.target = target,
		.target_options = { .world = TARGET_WORLD_INIT,
				    .file_bytes = opts->size_bytes,
				    .file_sector_bytes = (uint32_t)opts->sector_bytes },
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
	_cleanup_free_ char *image = NULL;
	struct options opts = { 0 };

	if (args_parse(cmd, argc, argv, &opts, err) < 0)
		return EXIT_USAGE;
	if (opts.sector_bytes && opts.sector_bytes != 512 && opts.sector_bytes != 4096) {
		err_set(err, -EINVAL, "install: --sector-size is 512 or 4096");
		return EXIT_USAGE;
	}
	if (disk_find(argv[1], &image, err))
		return provision_verb_end(opts.json, EXIT_FAILED, "image", err);
	return install(&opts, image, argv[2], err);
}

const struct command cmd_install = {
	.name = "install",
	.synopsis = "[OPTION...] IMAGE TARGET",
	.summary = "Put an image onto a disk or into a file, from where it boots",
	.options = options,
	.min_args = 2,
	.max_args = 2,
	.run = run,
	.details = "IMAGE is a .raw disk, or the directory it was published to. Everything on\n"
		   "TARGET is lost. A disk of which anything is in use is refused, whatever you\n"
		   "say. Exit status 3 means that a check refused.",
};

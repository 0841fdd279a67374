/* kiln verify: is this image what it says it is, and signed by whom we trust? */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "builder/bundle/read.h"
#include "builder/commands.h"
#include "builder/keys.h"
#include "builder/verify.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

struct options {
	const char *cert, *keys_dir;
};

static const struct arg_option options[] = {
	{ "cert", 'c', ARG_STR, "FILE", "PEM certificates to trust, instead of those in the keys",
	  offsetof(struct options, cert) },
	{ "keys", 'k', ARG_STR, "DIR",
	  "where the keys are (default: $KILN_KEYS, or ~/.config/kiln/keys)",
	  offsetof(struct options, keys_dir) },
	{ .name = NULL },
};

static int run(const struct command *cmd, int argc, char **argv, struct err *err)
{
	_cleanup_buf_ struct buf report = BUF_INIT;
	_cleanup_free_ char *pem = NULL;
	struct options opts = { 0 };
	struct verify_trust trust;
	struct stat st;
	int r;

	if (args_parse(cmd, argc, argv, &opts, err) < 0)
		return EXIT_USAGE;
	if (stat(argv[1], &st)) {
		err_errno(err, -errno, "%s", argv[1]);
		return EXIT_FAILED;
	}
	r = keys_trust(opts.cert, opts.keys_dir, &pem, err);
	if (r)
		return EXIT_FAILED;
	trust = (struct verify_trust){ .pem = pem, .len = strlen(pem) };
	if (S_ISDIR(st.st_mode))
		r = verify_artefacts(argv[1], &trust, &report, err);
	else if (bundle_file_is(argv[1]))
		r = verify_bundle(argv[1], &trust, &report, err);
	else
		r = verify_disk(argv[1], &trust, &report, err);
	if (report.len)
		fputs(report.data, stdout);
	if (r == 0)
		printf("%s is whole and signed\n", argv[1]);
	return r == 0 ? EXIT_OK : r > 0 ? EXIT_REFUSED : EXIT_FAILED;
}

const struct command cmd_verify = {
	.name = "verify",
	.synopsis = "[OPTION...] DISK|BUNDLE|DIRECTORY",
	.summary = "Check a disk, a bundle or published artefacts: blocks, signature, agreement",
	.options = options,
	.min_args = 1,
	.max_args = 1,
	.run = run,
	.details = "Exit status 3 means that something is not what was signed.",
};

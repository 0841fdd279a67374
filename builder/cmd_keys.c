/* kiln keys: make the signing keys, or show which ones are in use. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "builder/commands.h"
#include "builder/keys.h"
#include "lib/base/args.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/log.h"

struct options {
	const char *dir;
};

static const struct arg_option options[] = {
	{ "dir", 'd', ARG_STR, "DIR",
	  "where the keys are (default: $KILN_KEYS, or ~/.config/kiln/keys)",
	  offsetof(struct options, dir) },
	{ .name = NULL },
};

static void show(const struct keys *keys)
{
	char hex[DIGEST_HEX_SIZE];

	digest_hex(keys->fingerprint, 32, hex);
	printf("directory    %s\n", keys->dir);
	printf("image key    %s/image.key\n", keys->dir);
	printf("fingerprint  %s\n", hex);
	printf("purpose      %s\n", keys->development ? "development only" : "yours");
}

static int run(const struct command *cmd, int argc, char **argv, struct err *err)
{
	struct options opts = { 0 };
	struct keys *keys = NULL;
	const char *verb = "show";
	bool created = false;
	int n, r;

	n = args_parse(cmd, argc, argv, &opts, err);
	if (n < 0)
		return EXIT_USAGE;
	if (n > 0)
		verb = argv[1];
	if (strcmp(verb, "show") != 0 && strcmp(verb, "init") != 0) {
		err_set(err, -EINVAL, "unknown action '%s'; it is init or show", verb);
		return EXIT_USAGE;
	}
	r = keys_open(opts.dir, strcmp(verb, "init") == 0, &keys, &created, err);
	if (r)
		return EXIT_FAILED;
	if (created)
		log_warning("new DEVELOPMENT keys, readable by this machine: not for production");
	else if (strcmp(verb, "init") == 0)
		log_step("keys", "%s is there already and was left as it is", keys->dir);
	show(keys);
	keys_free(keys);
	return EXIT_OK;
}

const struct command cmd_keys = {
	.name = "keys",
	.synopsis = "[OPTION...] [init|show]",
	.summary = "Make development signing keys, or show those in use",
	.options = options,
	.min_args = 0,
	.max_args = 1,
	.run = run,
	.details =
		"init makes an offline root, an image signing key and Secure Boot keys (PK, KEK,\n"
		"db) when the directory does not exist; existing keys are never changed.",
};

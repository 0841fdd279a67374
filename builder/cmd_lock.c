/* `kiln lock`: choose the exact packages of a recipe, have them, and say what changed. */
#include <errno.h>
#include <stdio.h>

#include "builder/commands.h"
#include "builder/recipe/recipe.h"
#include "builder/resolve/fetch.h"
#include "builder/resolve/lock.h"
#include "builder/resolve/resolve.h"
#include "builder/resolve/store.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/log.h"

struct lock_options {
	bool update, locked, offline, allow_expired, no_fetch;
	struct arg_list mirrors;
	const char *keyring, *output;
};

static const struct arg_option options[] = {
	{ "update", 'u', ARG_FLAG, NULL, "take newer versions, of the PACKAGEs named or of all",
	  offsetof(struct lock_options, update) },
	{ "locked", 0, ARG_FLAG, NULL, "fail if the lock would have to change",
	  offsetof(struct lock_options, locked) },
	{ "offline", 0, ARG_FLAG, NULL, "use only what the store holds",
	  offsetof(struct lock_options, offline) },
	{ "mirror", 'm', ARG_LIST, "URL", "fetch from here; main=URL, security=URL for one archive",
	  offsetof(struct lock_options, mirrors) },
	{ "output", 'o', ARG_STR, "FILE", "the lock's path (beside the recipe)",
	  offsetof(struct lock_options, output) },
	{ "keyring", 0, ARG_STR, "FILE", "who may sign indexes (Debian's archive keyring)",
	  offsetof(struct lock_options, keyring) },
	{ "allow-expired", 0, ARG_FLAG, NULL, "accept indexes past their Valid-Until",
	  offsetof(struct lock_options, allow_expired) },
	{ "no-fetch", 0, ARG_FLAG, NULL, "write the lock only, leave the packages for the build",
	  offsetof(struct lock_options, no_fetch) },
	{ 0 },
};

static void warn(const char *text)
{
	log_warning("%s", text);
}

static int exit_code(int rc)
{
	if (rc == 0)
		return EXIT_OK;
	return rc == -EBADMSG ? EXIT_REFUSED : rc == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
}

static void report(const struct lock *l, bool changed, const struct buf *changes)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < l->n_packages; i++)
		bytes += l->packages[i].size_bytes;
	if (changed && changes->len)
		fputs(changes->data, stdout);
	log_step("lock", "%s: %zu packages, %.1f MiB%s", l->recipe, l->n_packages,
		 (double)bytes / 1048576, changed ? "" : ", unchanged");
}

static int lock_and_fetch(const struct recipe *recipe, const struct lock_options *o,
			  const char *const *names, size_t n_names, struct err *err)
{
	_cleanup_buf_ struct buf changes = BUF_INIT;
	struct store *store;
	struct lock *lock;
	bool changed;
	int r = store_open(NULL, &store, err);
	struct resolve_options ro = {
		.mirrors = o->mirrors.item, .n_mirrors = o->mirrors.n, .keyring = o->keyring,
		.lock_path = o->output,
		.locked = o->locked, .offline = o->offline, .update = o->update,
		.update_names = names, .n_update_names = n_names,
		.allow_expired = o->allow_expired, .warn = warn, .changes = &changes,
	};
	struct fetch_options fo = { .mirrors = o->mirrors.item, .n_mirrors = o->mirrors.n,
				    .offline = o->offline };

	if (r < 0)
		return r;
	ro.store = fo.store = store;
	r = resolve_lock(recipe, &ro, &lock, &changed, err);
	if (r == 0) {
		report(lock, changed, &changes);
		if (!o->no_fetch)
			r = fetch_packages(lock, &fo, err);
		lock_free(lock);
	}
	store_free(store);
	return r;
}

static int run(const struct command *cmd, int argc, char **argv, struct err *err)
{
	struct lock_options o = { 0 };
	struct recipe *recipe;
	int n = args_parse(cmd, argc, argv, &o, err), r;

	if (n < 0)
		return EXIT_USAGE;
	if (n > 1 && !o.update) {
		err_set(err, -EINVAL, "packages may be named with --update only");
		return EXIT_USAGE;
	}
	if (o.locked && o.update) {
		err_set(err, -EINVAL, "--locked and --update exclude each other");
		return EXIT_USAGE;
	}
	r = recipe_load(argv[1], NULL, &recipe, err);
	if (r == 0) {
		r = lock_and_fetch(recipe, &o, (const char *const *)argv + 2, (size_t)n - 1, err);
		recipe_free(recipe);
	}
	return exit_code(r);
}

const struct command cmd_lock = {
	"lock", "[OPTION...] RECIPE [PACKAGE...]",
	"Choose and fetch the exact packages of a recipe",
	options, 1, -1, run,
	"The lock is written beside the recipe (NAME.yaml gives NAME.lock) and belongs in\n"
	"version control. Without --update an existing lock is kept as long as it answers\n"
	"the recipe; what a changed recipe adds is resolved around the locked versions.\n"
	"Mirrors come from --mirror, else $KILN_MIRROR, else the host's apt sources.",
};

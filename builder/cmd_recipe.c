/* kiln recipe: check a recipe, print it merged, or tell the language. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>

#include "builder/commands.h"
#include "builder/recipe/load.h"
#include "builder/recipe/lookup.h"
#include "builder/recipe/recipe.h"
#include "lib/base/args.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

struct recipe_args {
	bool schema, show, man, json;
	const char *version;
};

#define OPT(option_, field_, kind_, value_, help_) \
	{ option_, 0, kind_, value_, help_, offsetof(struct recipe_args, field_) }

static const struct arg_option options[] = {
	OPT("show", show, ARG_FLAG, NULL, "print it with includes merged and defaults filled in"),
	OPT("image-version", version, ARG_STR, "VERSION", "instead of the recipe's version"),
	OPT("json", json, ARG_FLAG, NULL, "print the verdict and all mistakes as JSON"),
	OPT("schema", schema, ARG_FLAG, NULL, "print the JSON Schema of recipes, for editors"),
	OPT("man", man, ARG_FLAG, NULL, "print recipe(5)"),
	{ 0 },
};

static int print(struct buf *b, struct err *err)
{
	if (!buf_ok(b)) {
		err_oom(err);
		return EXIT_FAILED;
	}
	if (fwrite(b->data, 1, b->len, stdout) != b->len || fflush(stdout)) {
		err_set(err, -1, "cannot write the output");
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

static void recipe_freep(struct recipe **r)
{
	recipe_free(*r);
}

static int check(const struct recipe_args *a, const char *path, struct err *err)
{
	_cleanup_(recipe_freep) struct recipe *r = NULL;
	_cleanup_free_ char *shipped = lookup_shipped();
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct recipe_options opt = {
		.version = a->version,
		.shipped_dir = shipped,
		.ret_json = a->json ? &out : NULL,
	};
	int rc = recipe_load_with(path, &opt, &r, err);

	if (rc < 0) {
		if (a->json && out.len && print(&out, err) != EXIT_OK)
			return EXIT_FAILED;
		return rc == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
	}
	if (a->show)
		recipe_show(r, &out);
	else if (!a->json)
		buf_addf(&out, "%s: ok: %s %s, %s, %zu package%s named\n", path, r->name,
			 r->version, r->suite, r->packages.n, r->packages.n == 1 ? "" : "s");
	return print(&out, err);
}

static int run(const struct command *cmd, int argc, char **argv, struct err *err)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct recipe_args a = { 0 };
	int n = args_parse(cmd, argc, argv, &a, err);

	if (n < 0)
		return EXIT_USAGE;
	if (a.schema + a.man + a.show + a.json > 1 || ((a.schema || a.man) && n)) {
		err_set(err, -EINVAL,
			"recipe: --schema, --man, --show and --json exclude each other\n"
			"Usage: recipe %s", cmd->synopsis);
		return EXIT_USAGE;
	}
	if (!a.schema && !a.man && n != 1) {
		err_set(err, -EINVAL, "recipe: the name of a recipe is missing\nUsage: recipe %s",
			cmd->synopsis);
		return EXIT_USAGE;
	}
	if (!a.schema && !a.man)
		return check(&a, argv[1], err);
	if (a.schema)
		recipe_schema(&out);
	else
		recipe_manual(&out);
	return print(&out, err);
}

const struct command cmd_recipe = {
	.name = "recipe",
	.synopsis = "[--show | --json] [--image-version=VERSION] RECIPE | --schema | --man",
	.summary = "Check a recipe, print it merged, or tell the recipe language",
	.options = options,
	.min_args = 0,
	.max_args = 1,
	.run = run,
};

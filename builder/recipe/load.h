/*
 * Loading with everything that recipe_load() decides by itself spelled out,
 * for tests and the fuzzer.
 */
#ifndef BUILDER_RECIPE_LOAD_H
#define BUILDER_RECIPE_LOAD_H

#include <stddef.h>

struct buf;
struct err;
struct recipe;

struct recipe_options {
	const char *version; /* overrides the recipe's; NULL: keep */
	const char *shipped_dir; /* folder of kiln's own recipes; NULL: none */
	/*
	 * When set: the verdict as JSON, {"ok": ..., "errors": [{"file", "line",
	 * "column", "message"}]}, whenever the texts could be looked at.
	 */
	struct buf *ret_json;
};

/* recipe_load() with options. */
int recipe_load_with(const char *path, const struct recipe_options *opt, struct recipe **ret,
		     struct err *err);

/* Read a recipe from memory. It has no folder: includes and sources come from shipped_dir. */
int recipe_load_text(const char *name, const char *data, size_t len,
		     const struct recipe_options *opt, struct recipe **ret, struct err *err);

#endif

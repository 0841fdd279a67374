/*
 * A kernel's module tree: names, what each needs, and what is built in. Reads
 * modules.dep, modules.builtin, modules.softdep and modules.alias of
 * usr/lib/modules/VERSION; never a module itself.
 */
#ifndef BUILDER_ROOTFS_MODULES_H
#define BUILDER_ROOTFS_MODULES_H

#include <stdbool.h>
#include <stddef.h>

#include "builder/recipe/recipe.h"

struct err;
struct tree;

#define MODULES_MAX 65536u

struct module {
	char *name; /* "dm_verity": no '-', no ending */
	char *path; /* below usr/lib/modules/VERSION */
	char *needs; /* the rest of its line in modules.dep */
	bool keep; /* for the caller: marked by modules_mark() */
};

struct modules {
	struct module *item; /* sorted by name */
	size_t n;
	char *builtin, *softdep, *alias; /* texts of those files; "" when missing */
};

/* Read the index of @version. 0, -ENOENT when there is no such kernel, another negative errno. */
int modules_read(struct tree *t, const char *version, struct modules *ret, struct err *err);

/* Release what @m holds; it may be all zero. */
void modules_done(struct modules *m);

/* The module called @name ('-' and '_' are the same), or NULL. */
struct module *modules_find(const struct modules *m, const char *name);

/* True when @name is built into the kernel. */
bool modules_builtin(const struct modules *m, const char *name);

/*
 * Append the paths of @mod and of everything it needs to @out, dependencies
 * first, leaving out what is there already. 0 or -ENOMEM.
 */
int modules_load_order(const struct modules *m, const struct module *mod, struct recipe_strv *out);

/* Append a copy of @s. 0 or -ENOMEM. */
int modules_list_add(struct recipe_strv *v, const char *s);

#endif

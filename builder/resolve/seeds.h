/*
 * What a set of packages grows from: Essential packages, the kernel, and what the
 * recipe names.
 */
#ifndef BUILDER_RESOLVE_SEEDS_H
#define BUILDER_RESOLVE_SEEDS_H

#include <stdbool.h>
#include <stddef.h>

#include "builder/resolve/index.h"

struct err;
struct recipe;
struct sources;

struct seeds {
	struct package **item; /* owned; roots are set */
	size_t n, cap;
};

/*
 * Find the seeds among the candidates. An entry of the recipe is a package name,
 * NAME=VERSION, or a virtual package that a single package provides. -ENOPKG with @err
 * naming the recipe, the package and similar names.
 */
int seeds_find(struct seeds *s, struct index *x, const struct recipe *recipe, struct err *err);

void seeds_done(struct seeds *s);

/* True when the recipe names @package (with or without a version, or as its kernel). */
bool seeds_asked_for(const struct recipe *recipe, const char *package);

/* Candidates again, only from releases that are current: after old ones were added. */
void seeds_choose_current(struct index *x, const struct sources *sources);

/* Let a pinned name go to its newest current version. */
void seeds_unpin(struct name *n, const struct sources *sources);

#endif

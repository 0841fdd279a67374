/*
 * Why each package is there: the shortest chain of dependencies from something
 * that was asked for by name.
 */
#ifndef BUILDER_RESOLVE_REASONS_H
#define BUILDER_RESOLVE_REASONS_H

#include <stddef.h>

#include "builder/resolve/index.h"

/*
 * For the @n packages of @set, whose roots are set, set `by` of all others. A package
 * nobody reaches keeps by == NULL and root == NULL. 0 or -ENOMEM.
 */
int reasons_find(struct index *x, struct package *const *set, size_t n);

#endif

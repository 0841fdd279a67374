/*
 * The second opinion: libsolv checks what the walk chose, and speaks when nothing fits.
 */
#ifndef BUILDER_RESOLVE_SOLVE_H
#define BUILDER_RESOLVE_SOLVE_H

#include <stddef.h>

#include "builder/resolve/index.h"

struct err;

/*
 * Can exactly the @n packages of @set be installed together, nothing added? 0;
 * -ENOPKG with the explanation in @err when not.
 */
int solve_check(struct index *x, struct package *const *set, size_t n, struct err *err);

/*
 * Find any installable set that contains @seeds, preferring the @n_favored packages
 * of @favored. 0 with the owned *ret of *ret_n candidates; -ENOPKG when there is
 * none, with libsolv's explanation in @err.
 */
int solve_search(struct index *x, struct package *const *seeds, size_t n_seeds,
		 struct package *const *favored, size_t n_favored, struct package ***ret,
		 size_t *ret_n, struct err *err);

#endif

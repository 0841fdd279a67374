/*
 * Choosing packages as apt does: depth first, the first alternative that can be
 * had, a real package before a virtual one, whatever is chosen already counts.
 */
#ifndef BUILDER_RESOLVE_WALK_H
#define BUILDER_RESOLVE_WALK_H

#include <stddef.h>

#include "builder/resolve/index.h"

struct err;

struct walk {
	struct index *index;
	struct package **chosen; /* in the order they were chosen; also marked in their names */
	size_t n, cap;
	struct package **needed; /* what every solution contains */
	size_t n_needed, needed_cap;
	unsigned long steps;
	unsigned depth;
	struct against *spare;
	struct name *unpin; /* the first pinned name that stood in the way, or NULL */
};

/*
 * Choose the seeds and all they depend on. 0; -ENOPKG when the walk finds no way (a
 * solver may), with @err saying where it got stuck; -EINVAL for a malformed
 * dependency. The choice stays marked in the names until walk_done().
 */
int walk_run(struct walk *w, struct index *index, struct package *const *seeds, size_t n_seeds,
	     struct err *err);

/* Forget the choice, unmark the names. */
void walk_done(struct walk *w);

#endif

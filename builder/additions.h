/*
 * What kiln itself puts into every tree: slotctl and kiln-fetch, their units, and the
 * files early init and slotctl read (image.conf, health.conf, update.conf), made from
 * the recipe.
 */
#ifndef BUILDER_ADDITIONS_H
#define BUILDER_ADDITIONS_H

#include <stddef.h>

#include "builder/rootfs/rootfs.h"

struct additions {
	struct rootfs_inject *item;
	size_t n;
	char **owned; /* strings the items point at */
	size_t n_owned;
};

/*
 * Fill @ret for @recipe, whose versions are signed by the keys of @certificates (PEM, the
 * caller's; used until additions_done()). 0 or a negative errno; release with
 * additions_done().
 */
int additions_make(const struct recipe *recipe, const char *certificates, struct additions *ret,
		   struct err *err);

/* Release what @a holds; it may be all zero. */
void additions_done(struct additions *a);

#endif

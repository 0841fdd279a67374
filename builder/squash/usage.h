/*
 * Who takes the space: bytes per installed package, from a tree's manifest and
 * its dpkg database. For "does not fit" errors and the summary of a build.
 */
#ifndef BUILDER_SQUASH_USAGE_H
#define BUILDER_SQUASH_USAGE_H

#include <stddef.h>
#include <stdint.h>

struct err;
struct manifest;
struct owners;

/* What files no package owns are filed under. */
#define USAGE_NO_PACKAGE "(no package)"

struct usage_package {
	const char *name; /* belongs to the owners, or is USAGE_NO_PACKAGE */
	uint64_t bytes; /* sum of the sizes of its regular files */
};

struct usage {
	struct usage_package *packages; /* largest first, then by name */
	size_t n_packages;
	uint64_t total_bytes; /* of all regular files */
};

/*
 * Sum up @m by the packages of @o. 0 or -ENOMEM; release with usage_done() before
 * the owners.
 */
int usage_sum(const struct manifest *m, const struct owners *o, struct usage *ret, struct err *err);

/* Release what @u holds; it may be all zero. */
void usage_done(struct usage *u);

#endif

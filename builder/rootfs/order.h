/*
 * The order in which packages are installed: what a package depends on comes
 * before it, as far as cycles allow.
 */
#ifndef BUILDER_ROOTFS_ORDER_H
#define BUILDER_ROOTFS_ORDER_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct package;

/* What packages of one set need of each other, by index. */
struct order_deps {
	size_t *item;
	size_t n;
};

/*
 * Sort @pkgs into installation order: base-files and base-passwd, essential
 * packages, then the rest, each after its Pre-Depends and Depends. The result
 * depends only on the set, not on the order it came in. 0 or -ENOMEM.
 */
int order_packages(struct package *pkgs, size_t n, struct err *err);

/*
 * For each package of the sorted set whether dpkg must have configured
 * everything before it (something it pre-depends on is not in an earlier
 * batch): ret_new_batch[i] is true where a new batch begins. 0 or -ENOMEM.
 */
int order_batches(const struct package *pkgs, size_t n, bool *ret_new_batch, struct err *err);

#endif

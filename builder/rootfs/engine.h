/*
 * The two ways from packages to a configured tree. Both run inside the sandbox.
 */
#ifndef BUILDER_ROOTFS_ENGINE_H
#define BUILDER_ROOTFS_ENGINE_H

#include <stddef.h>

struct cage;
struct err;
struct package;

/*
 * Unpack and configure @pkgs (sorted by order_packages()) into the empty directory
 * cage->tree. Returns 0; UNPACK_E_OVERLAP when only dpkg can settle which package
 * a file belongs to (start over with the faithful engine in an empty tree);
 * -EINVAL when a maintainer script failed; another negative errno.
 */
int engine_fast(const struct cage *cage, struct package *pkgs, size_t n, struct err *err);

/*
 * The same by dpkg alone: the essential packages' files are put there once so
 * that dpkg can run, then it installs everything in dependency batches.
 */
int engine_faithful(const struct cage *cage, struct package *pkgs, size_t n, struct err *err);

#endif

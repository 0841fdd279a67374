/*
 * The dpkg database of a tree whose packages were unpacked by us: what
 * /var/lib/dpkg would hold had dpkg itself just unpacked them.
 */
#ifndef BUILDER_ROOTFS_DPKGDB_H
#define BUILDER_ROOTFS_DPKGDB_H

#include <stddef.h>

struct err;
struct package;
struct tree;

/* Make the empty database, as both engines need it before dpkg first runs. */
int dpkgdb_init(struct tree *t, struct err *err);

/*
 * Enter @pkgs (those without ->diverts) as "install ok unpacked": info/ files, status stanzas with
 * the conffiles' hashes, trigger interests. After unpack_all().
 */
int dpkgdb_write(struct tree *t, const struct package *pkgs, size_t n, struct err *err);

#endif

/*
 * The fast engine's unpacker: every data.tar into the tree, several at a time.
 */
#ifndef BUILDER_ROOTFS_UNPACK_H
#define BUILDER_ROOTFS_UNPACK_H

#include <stddef.h>

struct err;
struct package;

/* Two packages ship the same path, or one a directory and one a link: dpkg must decide. */
#define UNPACK_E_OVERLAP 1

/*
 * Make the skeleton (merged /usr) and unpack @pkgs into the directory @tree,
 * all but those with ->diverts set. @pkgs is in installation order, which
 * decides mode and owner of directories that several packages ship. Fills
 * ->list, ->conffile[].md5. Returns 0, UNPACK_E_OVERLAP with @err naming path
 * and package, -EBADMSG or another negative errno.
 */
int unpack_all(const char *tree, struct package *pkgs, size_t n, struct err *err);

#endif

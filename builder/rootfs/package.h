/*
 * One package on its way into the tree: what its control.tar says, and what
 * unpacking its data.tar left behind for the dpkg database.
 */
#ifndef BUILDER_ROOTFS_PACKAGE_H
#define BUILDER_ROOTFS_PACKAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "builder/rootfs/deb.h"
#include "lib/base/buf.h"

struct err;
struct rootfs_deb;

struct package_conffile {
	char *path; /* absolute, as in the conffiles file */
	uint8_t md5[16];
	bool seen; /* data.tar had it; without it there is no hash */
	bool obsolete; /* "remove-on-upgrade": not shipped */
};

/* A directory of data.tar; the first package to bring one decides its mode and owner. */
struct package_dir {
	char *path; /* merged, relative */
	uint32_t mode, uid, gid;
};

struct package {
	const struct rootfs_deb *deb;
	char *name; /* "libc6" */
	char *info_name; /* "libc6:amd64" for Multi-Arch: same, else the name */
	bool essential;
	bool diverts; /* its preinst moves others' files away: dpkg must unpack it */
	struct deb_control control;
	uint64_t deb_bytes; /* size of the .deb */

	struct buf list; /* info/NAME.list */
	struct package_conffile *conffile;
	size_t n_conffiles;
	struct package_dir *dir;
	size_t n_dirs;
};

/*
 * Open deb->path, read control.tar into @ret and check it: the control file must be one
 * stanza that names this package, version and architecture and carries nothing
 * only dpkg may write. Release with package_done(). Returns 0, -EBADMSG or
 * another negative errno.
 */
int package_read(const struct rootfs_deb *deb, struct package *ret, struct err *err);

/* Release what @p holds; it may be all zero. */
void package_done(struct package *p);

/* Forget what unpacking filled in, so that the package can be installed again from nothing. */
void package_forget_unpacked(struct package *p);

/* The value of field @name of the control file (first line only), owned; NULL when absent. */
char *package_field(const struct package *p, const char *name);

/* Text of a control file (NUL-terminated), or NULL. */
const char *package_control_text(const struct package *p, const char *name);

#endif

/*
 * The outer shell of a .deb: where its two tars are. See deb(5) and ar(5).
 */
#ifndef BUILDER_ROOTFS_DEB_AR_H
#define BUILDER_ROOTFS_DEB_AR_H

#include <stdint.h>

struct err;

/* How a member is compressed, by its name's ending. */
enum deb_compression { DEB_PLAIN, DEB_GZ, DEB_XZ, DEB_ZST };

struct deb_member {
	char name[17];
	uint64_t offset_bytes, size_bytes; /* of the content in the file */
	enum deb_compression compression;
};

struct deb_members {
	struct deb_member control, data;
};

/*
 * Find the members. Exactly debian-binary (version 2.x), control.tar[.gz|.xz|.zst]
 * and data.tar[.gz|.xz|.zst] in this order are accepted, with members whose
 * name begins with '_' between and after them skipped as deb(5) says; anything
 * else, and bytes after the last member, is -EBADMSG.
 */
int deb_ar_read(int fd, struct deb_members *ret, struct err *err);

#endif

/*
 * Checking what was built, from its bytes alone: the root file system against
 * the hash tree, the tree against the root hash, the root hash's signature, and
 * that UKI, slot descriptor, boot state and partition table all speak of the
 * same image. What is verified here is what selector and early init verify at
 * boot, and more (every block, both copies of the table).
 */
#ifndef BUILDER_VERIFY_H
#define BUILDER_VERIFY_H

#include <stddef.h>

struct buf;
struct err;

/* A positive return: something was read and is not right. */
enum { VERIFY_REFUSED = 1 };

/* The pinned certificates (PEM) a root hash must be signed by. */
struct verify_trust {
	const char *pem;
	size_t len;
};

/*
 * Verify the disk image or block device @path. One line per check that passed
 * is added to @report. 0; VERIFY_REFUSED with the first wrong thing in @err; or the
 * negative errno of a read.
 */
int verify_disk(const char *path, const struct verify_trust *trust, struct buf *report,
		struct err *err);

/*
 * Verify the bundle @path: signature, every byte of it, and the slot it would make. Parts
 * are unpacked into files without a name in $TMPDIR or /var/tmp. As verify_disk().
 */
int verify_bundle(const char *path, const struct verify_trust *trust, struct buf *report,
		  struct err *err);

/*
 * Verify the published artefacts in @dir (SHA256SUMS, then each against the
 * others, then the bundle and the disk image if they are there). As verify_disk().
 */
int verify_artefacts(const char *dir, const struct verify_trust *trust, struct buf *report,
		     struct err *err);

#endif

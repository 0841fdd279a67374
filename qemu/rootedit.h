/*
 * A changed copy of a squashfs root: files added, replaced or taken away, all
 * else as it was, without root and without mounting anything.
 *
 * squashfs-tools do it: unsquashfs writes the tree as pseudo files, in which
 * owners, modes and devices are text, and mksquashfs reads them again.
 */
#ifndef QEMU_ROOTEDIT_H
#define QEMU_ROOTEDIT_H

#include <stddef.h>
#include <stdint.h>

struct err;

/* One change. Neither content nor link: the path is taken away. */
struct root_edit {
	const char *path; /* without a leading slash, [A-Za-z0-9._/@-] only */
	const char *content; /* of a regular file */
	const char *link; /* target of a symbolic link */
	unsigned mode; /* of a regular file; 0: 0644 */
};

/*
 * Write the squashfs at @offset_bytes of @file, with @edits made, to the new file
 * @output (absolute), compressed quickly and, when that takes more than @max_bytes, well. @work
 * is a directory for scratch files. Returns 0; -ENOSPC when it does not fit @max_bytes; -ENOENT
 * when a tool is missing or a path to take away is not there; or another negative errno.
 */
int rootedit(const char *file, uint64_t offset_bytes, const struct root_edit *edits, size_t n,
	     const char *work, const char *output, uint64_t max_bytes, struct err *err);

#endif

/*
 * Writing a "newc" cpio archive, the only format the kernel unpacks.
 *
 * Entries get inode numbers 1, 2, 3... in order of writing, owner 0:0 and one fixed
 * time, so the bytes depend on the calls alone. Parents must be written before their
 * children: the kernel makes nothing by itself. Failures stick in the buffer (buf_ok()).
 */
#ifndef UKI_CPIO_H
#define UKI_CPIO_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"

struct cpio {
	struct buf *out; /* not owned */
	uint32_t mtime_s;
	uint32_t next_ino;
};

#define CPIO_INIT(out_, mtime_) ((struct cpio){ .out = (out_), .mtime_s = (mtime_), .next_ino = 1 })

/* @path has no leading slash; @mode holds permission bits only. */
void cpio_dir(struct cpio *c, const char *path, uint32_t mode);
void cpio_file(struct cpio *c, const char *path, uint32_t mode, const void *data, size_t len);
void cpio_symlink(struct cpio *c, const char *path, const char *target);
/* The trailer; afterwards the archive is complete and padded to 512 bytes. */
void cpio_end(struct cpio *c);

#endif

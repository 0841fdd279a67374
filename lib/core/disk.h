/*
 * How lib/core reaches a disk: three callbacks which the platform supplies
 * (EFI Block I/O in the selector, pread and pwrite in early init and slotctl, a
 * buffer in the builder, a power cut in the tests). So the code that decides
 * what to write, and in which order, is the same everywhere.
 */
#ifndef LIB_CORE_DISK_H
#define LIB_CORE_DISK_H

#include <stddef.h>
#include <stdint.h>

/*
 * All offsets are in bytes from the start of what is given (a whole disk for
 * gpt, the boot-state partition for bootstate); core only asks for offsets and
 * lengths that are multiples of the sector size. Each callback returns 0 when
 * everything was done, else a negative errno (or any other negative number of
 * the platform): core hands it up untouched.
 */
struct disk_ops {
	void *ctx; /* passed to each callback */
	int (*read)(void *ctx, uint64_t offset_bytes, void *data, size_t len);
	/* NULL for a disk that must not be written. */
	int (*write)(void *ctx, uint64_t offset_bytes, const void *data, size_t len);
	/* Return only when everything written before survives a power cut. */
	int (*flush)(void *ctx);
};

/* What core returns when it must write and there is no write callback (-EROFS of Linux). */
#define DISK_READ_ONLY (-30)

#endif

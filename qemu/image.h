/*
 * The disk a machine writes to: never the user's file unless asked.
 *
 * An overlay costs nothing and serves one interactive run. A raw copy serves
 * scenarios, which reach into its partitions between boots; it shares blocks
 * with the original where the file system can, and keeps holes elsewhere.
 */
#ifndef QEMU_IMAGE_H
#define QEMU_IMAGE_H

#include <stdint.h>

struct err;

enum image_format { IMAGE_RAW, IMAGE_QCOW2 };

/* What @path holds. 0 or a negative errno (-EINVAL: empty, or not a disk at all). */
int image_probe(const char *path, enum image_format *ret, struct err *err);

/* "raw" or "qcow2", as QEMU names them. */
const char *image_format_name(enum image_format format);

/*
 * Make @overlay, a qcow2 file on top of @path, @size_bytes big (0: as the
 * image). 0 or a negative errno; -EINVAL when @size_bytes is less than the image.
 */
int image_overlay(const char *path, const char *overlay, uint64_t size_bytes, struct err *err);

/* Make @copy, a raw copy of @path, grown to @size_bytes when that is more; -EINVAL when less. */
int image_copy(const char *path, const char *copy, uint64_t size_bytes, struct err *err);

#endif

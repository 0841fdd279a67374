/*
 * Whole-buffer zstd compression by libarchive's filter: the initramfs is the only
 * user, so the builder needs no further library for it.
 */
#ifndef UKI_ZPACK_H
#define UKI_ZPACK_H

#include <stddef.h>

struct buf;
struct err;

/*
 * Append @data as one zstd frame at @level to @ret. Single-threaded: the bytes are a
 * function of the input.
 */
int zpack_zstd(const void *data, size_t len, int level, struct buf *ret, struct err *err);

#endif

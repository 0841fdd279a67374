/*
 * Whole-buffer compression by libarchive's filters, the one place here that
 * includes it: zstd out; zstd, xz, gzip or nothing in.
 */
#ifndef BUILDER_UKI_ZPACK_H
#define BUILDER_UKI_ZPACK_H

#include <stddef.h>

struct buf;
struct err;

/*
 * Append @data as one zstd frame at @level to @ret. Single-threaded: the bytes are a
 * function of the input.
 */
int zpack_zstd(const void *data, size_t len, int level, struct buf *ret, struct err *err);

/*
 * Append what @data unpacks to (by content, not by name) to @ret; -EFBIG when over
 * @max_bytes, -EBADMSG when broken.
 */
int zpack_unpack(const void *data, size_t len, size_t max_bytes, struct buf *ret, struct err *err);

#endif

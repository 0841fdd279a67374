/*
 * Unpacking one compressed stream (xz, gzip, zstd or none) in memory.
 */
#ifndef BUILDER_RESOLVE_DECOMPRESS_H
#define BUILDER_RESOLVE_DECOMPRESS_H

#include <stddef.h>

struct err;

/*
 * Unpack @len bytes of @data that must give exactly @size_bytes. 0 with the owned,
 * NUL-terminated *ret; -EBADMSG when the data is damaged or has another length;
 * never allocates more than @size_bytes for the result.
 */
int decompress(const void *data, size_t len, size_t size_bytes, char **ret, struct err *err);

#endif

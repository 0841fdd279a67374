/*
 * A growable byte buffer that doubles as a string builder.
 *
 * `data` is always followed by a NUL that `len` does not count, so it may be
 * used as a C string once something was appended. A failed allocation is
 * remembered in `oom`; callers append freely and check once with buf_ok().
 */
#ifndef LIB_BASE_BUF_H
#define LIB_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data; /* owned; NULL until the first append */
	size_t len; /* bytes in use, without the NUL */
	size_t cap;
	bool oom; /* an append failed; the content is incomplete */
};

#define BUF_INIT ((struct buf){ 0 })

/* Release the memory of @b and make it empty. */
void buf_done(struct buf *b);

/* Make room for @extra more bytes after len. Returns false when out of memory. */
bool buf_reserve(struct buf *b, size_t extra);

/* Append @len bytes / a C string / one byte / formatted text. */
void buf_add(struct buf *b, const void *data, size_t len);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* True when every append so far succeeded. */
static inline bool buf_ok(const struct buf *b)
{
	return !b->oom;
}

/* The content as an owned C string ("" when empty); NULL when out of memory. @b becomes empty. */
char *buf_take(struct buf *b);

/* printf into a fresh string the caller frees; NULL when out of memory. */
char *str_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define _cleanup_buf_ __attribute__((cleanup(buf_done)))

#endif

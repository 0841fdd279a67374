/*
 * What lib/core needs from outside: five functions of memory and strings.
 * A C library has them; the selector brings its own. `nm -u` proves that
 * nothing else is wanted.
 */
#ifndef LIB_CORE_PLATFORM_H
#define LIB_CORE_PLATFORM_H

#include <stddef.h>

#if __STDC_HOSTED__
#include <string.h>
#else
/* As in C17 7.24; memcpy and memset are also what the compiler itself calls. */
void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int c, size_t len);
int memcmp(const void *a, const void *b, size_t len);
size_t strlen(const char *text);
#endif

#endif

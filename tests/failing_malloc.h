/*
 * Allocations that fail when a test says so. To be included by the one source file of a test
 * program; every allocation in it, libraries too, goes through here. With the address
 * sanitizer, which has allocators of its own, FAILING_MALLOC is 0 and none ever fails.
 */
#ifndef TESTS_FAILING_MALLOC_H
#define TESTS_FAILING_MALLOC_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#ifdef __SANITIZE_ADDRESS__
#define FAILING_MALLOC 0
#else
#define FAILING_MALLOC 1
#endif

/* Not every program sets both, and none fails with the sanitizer. */
#define MAYBE_UNUSED __attribute__((unused))
static MAYBE_UNUSED long countdown = -1; /* allocations until one fails; negative: never */
static MAYBE_UNUSED bool sticky; /* and all that follow */

#if FAILING_MALLOC
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t alignment, size_t n);

static int refuse(void)
{
	if (countdown < 0)
		return 0;
	if (countdown > 0) {
		countdown--;
		return 0;
	}
	if (!sticky)
		countdown = -1;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t n)
{
	return refuse() ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	return refuse() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	return refuse() ? NULL : __libc_realloc(p, n);
}

void *reallocarray(void *p, size_t n, size_t size)
{
	return n && size > SIZE_MAX / n ? NULL : realloc(p, n * size);
}

void *aligned_alloc(size_t alignment, size_t n)
{
	return refuse() ? NULL : __libc_memalign(alignment, n);
}
#endif

#endif

/*
 * From chosen packages to a lock.
 */
#ifndef BUILDER_RESOLVE_LOCK_MAKE_H
#define BUILDER_RESOLVE_LOCK_MAKE_H

#include <stddef.h>

struct err;
struct lock;
struct package;
struct recipe;
struct sources;

/*
 * The lock of @recipe with the @n packages of @set, sorted, and the releases that vouched
 * for them; users and groups are taken from @old (may be NULL). -EBADMSG when an index
 * entry lacks a proper Filename, Size or SHA256.
 */
int lock_make(const struct recipe *recipe, const struct sources *sources,
	      struct package *const *set, size_t n, const struct lock *old,
	      struct lock **ret, struct err *err);

#endif

/*
 * Debian versions: [epoch:]upstream[-revision], ordered as dpkg orders them
 * (deb-version(7)). Strings are given with their length, for they are usually
 * slices of an index.
 */
#ifndef BUILDER_RESOLVE_DEBVER_H
#define BUILDER_RESOLVE_DEBVER_H

#include <stdbool.h>
#include <stddef.h>

/* The relation of a dependency: "(>= 1.2)". */
enum debver_relation { DEBVER_ANY, DEBVER_LT, DEBVER_LE, DEBVER_EQ, DEBVER_GE, DEBVER_GT };

/* Negative, zero or positive as @a is older than, equal to or newer than @b. */
int debver_compare(const char *a, size_t a_len, const char *b, size_t b_len);

/* True when version @a stands in @relation to @b. */
bool debver_satisfies(const char *a, size_t a_len, enum debver_relation relation, const char *b,
		      size_t b_len);

/* True for text that dpkg would accept as a version. */
bool debver_valid(const char *v, size_t len);

#endif

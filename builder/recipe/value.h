/*
 * Scalars by type: text to number and back.
 *
 * Each reader takes the text as written and gives 0, or -EINVAL with a reason
 * that completes "key: 'text' ...". Nothing wraps: every number is checked
 * against the row's bounds.
 */
#ifndef BUILDER_RECIPE_VALUE_H
#define BUILDER_RECIPE_VALUE_H

#include "builder/recipe/schema.h"

struct buf;

struct value_reason {
	char text[160];
};

/*
 * Read @text by the row @k (BOOL, UINT, MODE, SIZE or DURATION) into the field of
 * @base. @quoted says that it stood in quotes. The field is untouched on failure.
 */
int value_read(const struct schema_key *k, const char *text, bool quoted, void *base,
	       struct value_reason *why);

/* The field of @base as value_read() takes it, into @out. */
void value_write(const struct schema_key *k, const void *base, struct buf *out);

/* @n_bytes in the largest unit that divides it. */
void value_size(struct buf *out, uint64_t n_bytes);

#endif

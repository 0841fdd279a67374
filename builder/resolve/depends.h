/*
 * Reading dependency fields: "a (>= 1) | b:any, c". Groups are separated by commas,
 * alternatives within a group by bars. Nothing is copied: names and versions are
 * slices of the field.
 */
#ifndef BUILDER_RESOLVE_DEPENDS_H
#define BUILDER_RESOLVE_DEPENDS_H

#include <stdbool.h>
#include <stddef.h>

#include "builder/resolve/debver.h"

struct slice {
	const char *p;
	size_t len;
};

struct depends_reader {
	const char *p, *end;
};

struct dep {
	struct slice name;
	struct slice arch; /* what follows ':' in the name, or empty */
	struct slice version; /* empty when relation is DEBVER_ANY */
	enum debver_relation relation;
	bool last; /* no further alternative in this group */
};

static inline struct depends_reader depends_read(struct slice field)
{
	return (struct depends_reader){ field.p, field.p + field.len };
}

/* The next alternative: 1 and *ret, 0 at the end, -EINVAL for malformed text. */
int depends_next(struct depends_reader *r, struct dep *ret);

#endif

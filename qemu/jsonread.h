/*
 * Reading small JSON messages (QMP): one value in, a flat array of nodes out.
 *
 * No allocation; everything is bounded: JSONREAD_NODES_MAX values,
 * JSONREAD_DEPTH_MAX levels. Strings stay where they are in the text and are
 * decoded on demand.
 */
#ifndef QEMU_JSONREAD_H
#define QEMU_JSONREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSONREAD_NODES_MAX 512
#define JSONREAD_DEPTH_MAX 16

enum jsonread_kind { JR_OBJECT, JR_ARRAY, JR_STRING, JR_NUMBER, JR_TRUE, JR_FALSE, JR_NULL };

struct jsonread_node {
	enum jsonread_kind kind;
	const char *text; /* strings: after the quote; numbers: first digit or sign */
	size_t len; /* of the text, without quotes */
	const char *key; /* of a member of an object: still escaped; else NULL */
	size_t key_len;
	unsigned end; /* index of the first node that is not inside this one */
};

struct jsonread {
	struct jsonread_node node[JSONREAD_NODES_MAX]; /* node[0] is the whole value */
	unsigned n;
};

/*
 * Parse exactly one value with nothing but white space around it. @text must
 * outlive @doc. 0, -EINVAL for anything that is not JSON, -E2BIG when a bound
 * is exceeded.
 */
int jsonread_parse(struct jsonread *doc, const char *text, size_t len);

/* Member @key of the object at node @at; NULL when it is no object or has no such member. */
const struct jsonread_node *jsonread_get(const struct jsonread *doc, unsigned at,
					 const char *key);

/* Index of a node of @doc, for a further jsonread_get(). */
unsigned jsonread_index(const struct jsonread *doc, const struct jsonread_node *node);

/*
 * Decode the string @node into @out of @size, always NUL-terminated; \u escapes
 * beyond ASCII become '?'. Returns the length, or -EINVAL (no string), -ENOSPC.
 */
int jsonread_string(const struct jsonread_node *node, char *out, size_t size);

#endif

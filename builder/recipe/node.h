/*
 * The strict YAML subset as a tree.
 *
 * What a recipe may use: block and flow maps and lists, plain, quoted and block
 * scalars, comments. What it may not: anchors, aliases, tags, directives,
 * several documents, keys that are not words, the same key twice, tabs, NULs,
 * control characters, anything but UTF-8. Scalars are text here; their types
 * come from the schema, so `version: 1.10` stays "1.10".
 */
#ifndef BUILDER_RECIPE_NODE_H
#define BUILDER_RECIPE_NODE_H

#include "builder/recipe/source.h"

/* The schema needs four levels; deeper text is a mistake or an attack. */
#define NODE_DEPTH_MAX 8
#define NODE_KEYS_MAX 64

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
	enum node_kind kind;
	bool quoted; /* a scalar in quotes or a block: never a keyword */
	char *text; /* of a scalar; no NUL inside */
	struct node *key; /* the key when inside a map, owned */
	struct node **item; /* children of a list or map, owned */
	size_t n, cap;
	struct place at;
};

/*
 * Read @src. Complaints go to @d; NULL is returned when there is nothing usable
 * (and then something was complained about). A tree may come back along with
 * complaints, so that the rest can be checked too.
 */
struct node *node_read(const struct source *src, struct diags *d);

/* NULL-safe; returns NULL. */
struct node *node_free(struct node *n);

/* The value of @key in map @n, or NULL. */
const struct node *node_get(const struct node *n, const char *key);

#endif

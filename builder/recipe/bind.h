/*
 * From the tree of one file into the recipe, by the schema.
 *
 * Files are bound one after the other, included ones first, into the same
 * structure; that order is the whole merge rule: a scalar is overwritten, a
 * list grows (what it has already is dropped), an item with a name replaces the
 * item of that name.
 */
#ifndef BUILDER_RECIPE_BIND_H
#define BUILDER_RECIPE_BIND_H

#include "builder/recipe/node.h"
#include "builder/recipe/recipe.h"
#include "builder/recipe/schema.h"

/* Required keys of the top that are remembered as seen. */
#define BIND_SEEN_MAX 8

struct binder {
	struct recipe *r;
	struct diags *d;
	const struct source *src; /* the file being bound */
	const char *shipped_dir; /* see lookup.h; may be NULL */
	const struct schema_key *seen[BIND_SEEN_MAX]; /* required keys that some file gave */
	size_t n_seen;
};

/* Fill the scalars of @r that have a default. 0 or -ENOMEM. */
int bind_defaults(struct recipe *r);

/* Bind the tree @root of file b->src. Complaints go to b->d. */
void bind_file(struct binder *b, const struct node *root);

/* After the last file: empty lists get their default, and what is missing is said. */
void bind_end(struct binder *b, const struct source *top);

/* The best "did you mean" for @word among @n candidates by edit distance, or NULL. */
const char *bind_nearest(const char *word, const char *const *candidates, size_t n);

#endif

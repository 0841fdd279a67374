/*
 * The signed indexes of a recipe's suites: fetched, verified, and parsed into one
 * package table.
 */
#ifndef BUILDER_RESOLVE_SOURCES_H
#define BUILDER_RESOLVE_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "builder/resolve/mirrors.h"
#include "lib/base/digest.h"

struct err;
struct index;
struct lock;
struct recipe;
struct release;
struct resolve_options;
struct store;

#define SOURCES_MAX 32

/* One suite of one archive, as some InRelease describes it. */
struct source {
	enum archive archive;
	char *suite;
	struct release *release;
	char sha256[DIGEST_HEX_SIZE]; /* of the InRelease bytes */
	bool current; /* what the archive says now, not what an old lock was made from */
};

struct sources {
	const struct recipe *recipe;
	const struct resolve_options *opts;
	const struct store *store;
	struct mirrors mirrors; /* empty when offline */
	struct source item[SOURCES_MAX];
	size_t n;
};

/*
 * Load the suites @recipe uses into @index. Every InRelease is kept in the store, and
 * so is every unpacked index, under the hash its Release gives it: what did not change
 * is not fetched again. The number of a package's release is its place in @s->item.
 */
int sources_load(struct sources *s, struct index *index, struct err *err);

/*
 * Add the indexes that @old was made from, as far as the store still holds them: with
 * them, versions that left the archive's present indexes can be kept.
 */
int sources_load_old(struct sources *s, const struct lock *old, struct index *index,
		     struct err *err);

void sources_done(struct sources *s);

#endif

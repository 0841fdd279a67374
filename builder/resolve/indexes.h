/*
 * From verified Release files to parsed Packages files. Part of sources.c's work.
 */
#ifndef BUILDER_RESOLVE_INDEXES_H
#define BUILDER_RESOLVE_INDEXES_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct index;
struct source;
struct sources;

/*
 * Have the Packages files of s->item[first...] in the store, fetching and unpacking what
 * is missing, and add them to @index.
 */
int indexes_load(struct sources *s, size_t first, struct index *index, struct err *err);

/* True when the store holds every Packages file of @it already. */
bool indexes_stored(const struct sources *s, const struct source *it);

#endif

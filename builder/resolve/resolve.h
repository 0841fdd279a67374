/*
 * From what a recipe asks for to the exact packages that answer it.
 */
#ifndef BUILDER_RESOLVE_RESOLVE_H
#define BUILDER_RESOLVE_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/digest.h"

struct buf;
struct err;
struct lock;
struct recipe;
struct store;

struct resolve_options {
	const struct store *store; /* NULL: the default one is opened */
	/* --mirror values; n == 0: environment, then the host's apt sources */
	const char *const *mirrors;
	size_t n_mirrors;
	const char *lock_path; /* NULL: beside the recipe */
	/* Who may sign InRelease; NULL: $KILN_KEYRING, else Debian's archive keyring. */
	const char *keyring;
	bool locked; /* never change the lock: an error says what differs */
	bool offline; /* only what the store holds */
	bool update; /* resolve anew even when the lock still answers the recipe */
	/* With update: only these packages, and what they then require, may change. */
	const char *const *update_names;
	size_t n_update_names;
	bool allow_expired; /* accept an InRelease past its Valid-Until */
	void (*warn)(const char *text); /* notices for people, one line each; NULL: dropped */
	struct buf *changes; /* takes lock_diff() of old and new lock; NULL: not wanted */
};

/*
 * The lock of @recipe: the one on disk when it still answers what the recipe
 * asks for (and no update was requested), else a newly resolved one, which is
 * written to the lock's path before this returns; user and group lines of the
 * old lock are kept. *ret_changed (may be NULL) tells whether the file changed.
 *
 * 0 with an owned *ret; -ESTALE when options.locked forbids the change that would
 * be needed; -ENOPKG for an unknown or uninstallable package; -EBADMSG when a
 * signature or hash refuses; another negative errno for the world.
 */
int resolve_lock(const struct recipe *recipe, const struct resolve_options *opts, struct lock **ret,
		 bool *ret_changed, struct err *err);

/* SHA-256 over everything in @recipe that decides the package set: equal hash, equal question. */
void resolve_request(const struct recipe *recipe, char ret[DIGEST_HEX_SIZE]);

#endif

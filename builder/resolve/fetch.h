/*
 * Getting the locked packages into the store.
 */
#ifndef BUILDER_RESOLVE_FETCH_H
#define BUILDER_RESOLVE_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct lock;
struct store;

struct fetch_options {
	const struct store *store; /* NULL: the default one is opened */
	/* --mirror values, tried in order; n == 0: environment, then the host's apt sources */
	const char *const *mirrors;
	size_t n_mirrors;
	bool offline; /* refuse, with the list of what is missing, instead of downloading */
	unsigned connections; /* 0: 6 */
	unsigned retries; /* per mirror and file; 0: 4 */
	unsigned stall_s; /* give a connection up after this long below 1 KiB/s; 0: 20 */
};

/*
 * Have every package of @lock in the store, downloading what is missing in
 * parallel. Each file is checked against its locked size and SHA-256 before it
 * appears; a file that does not match is refused (-EBADMSG) whatever mirror it
 * came from. 0, or a negative errno with @err naming the first file that failed.
 */
int fetch_packages(const struct lock *lock, const struct fetch_options *opts, struct err *err);

#endif

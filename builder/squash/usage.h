/*
 * Who takes the space: bytes per installed package, from the dpkg file lists
 * inside a tree. Used for "does not fit" errors and for `kiln build`'s summary.
 */
#ifndef BUILDER_SQUASH_USAGE_H
#define BUILDER_SQUASH_USAGE_H

#include <stddef.h>
#include <stdint.h>

struct err;

struct usage_package {
	char *name; /* Debian package name, without the architecture */
	uint64_t bytes; /* sizes of its regular files, each inode once */
};

struct usage {
	struct usage_package *packages; /* largest first, then by name */
	size_t n_packages;
	uint64_t total_bytes; /* sum over the packages */
};

/* A function called for each file of each package: lists sorted by package name, files by path. */
typedef int (*usage_file_fn)(void *arg, const char *package, const char *path, struct err *err);

/*
 * Walk the dpkg file lists of @tree. @path is as dpkg names it, without the leading slash, and
 * not looked at. Stops at the first non-zero result and returns it. A tree without a
 * dpkg database has no packages: 0.
 */
int usage_walk(const char *tree, usage_file_fn fn, void *arg, struct err *err);

/* Fill @ret from @tree. 0 or a negative errno; release with usage_done(). */
int usage_read(const char *tree, struct usage *ret, struct err *err);
void usage_done(struct usage *u);

#endif

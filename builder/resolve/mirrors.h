/*
 * Where the archives are: a recipe names a suite, this says which servers have it.
 *
 * Asked in this order: the command line (--mirror), $KILN_MIRROR, the host's apt
 * sources. A mirror is written "URL" (the main archive; the security archive is
 * its sibling "URL-security"), "main=URL" or "security=URL".
 */
#ifndef BUILDER_RESOLVE_MIRRORS_H
#define BUILDER_RESOLVE_MIRRORS_H

#include <stddef.h>

struct err;

#define MIRRORS_MAX 16

enum archive { ARCHIVE_MAIN, ARCHIVE_SECURITY, ARCHIVE_N };

struct mirrors {
	char *url[ARCHIVE_N][MIRRORS_MAX]; /* without a trailing slash; owned */
	size_t n[ARCHIVE_N];
};

/* "main" and "security". */
extern const char *const archive_names[ARCHIVE_N];

/*
 * Fill @ret (zeroed by the caller) from @given, or the environment, or the host.
 * -EINVAL for a malformed mirror, -ENOENT when no source names one.
 */
int mirrors_find(struct mirrors *ret, const char *const *given, size_t n_given, struct err *err);

/*
 * Read one apt sources file's text into @m: the deb822 format when @deb822, else the
 * one-line format. @own_suite is the host's release if it is Debian, else NULL. Entries
 * that do not serve Debian's main or security archive are passed over.
 */
int mirrors_read_apt(struct mirrors *m, const char *text, int deb822, const char *own_suite);

void mirrors_done(struct mirrors *m);

#endif

/*
 * The work directory of one build: private, locked while in use, and removed at
 * the end. What a killed build left behind is found by its free lock and removed
 * by the next one, so that a build starts as if the killed one never ran.
 */
#ifndef BUILDER_WORKDIR_H
#define BUILDER_WORKDIR_H

struct err;
struct sandbox;

struct workdir {
	char *path; /* absolute */
	int lock_fd;
};

#define WORKDIR_INIT ((struct workdir){ .lock_fd = -1 })

/*
 * Make a fresh directory "kiln-UID-XXXXXX" in $TMPDIR (default /var/tmp) after removing
 * stale ones of this user. @sb removes what belongs to other ids. 0 or a negative errno.
 */
int workdir_open(struct workdir *w, const struct sandbox *sb, struct err *err);

/* Remove what killed builds of this user left; errors wait for the next try. */
void workdir_sweep(const struct sandbox *sb);

/* Path of @name inside; owned by the caller, NULL when out of memory. */
char *workdir_path(const struct workdir *w, const char *name);

/* Remove everything and release. A no-op on WORKDIR_INIT. */
void workdir_close(struct workdir *w, const struct sandbox *sb);

/* Release but keep the directory, for people to look at. */
void workdir_keep(struct workdir *w);

#endif

/*
 * Who made a file that no package owns: the steps of the build with the time
 * each began, looked up by a file's change time.
 */
#ifndef BUILDER_ROOTFS_ORIGIN_H
#define BUILDER_ROOTFS_ORIGIN_H

#include <stddef.h>
#include <sys/stat.h>
#include <time.h>

struct origin_step {
	char *what; /* "package openssh-server", "script files/tune.sh" */
	struct timespec from;
};

struct origin {
	struct origin_step *step;
	size_t n;
};

/* A step named by the format begins now. Running out of memory loses only the name. */
void origin_mark(struct origin *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* For cage.on_line (@arg a struct origin): dpkg's "Setting up NAME (...)" begins a step. */
void origin_line(void *arg, const char *line);

/* The step during which the file was last changed; "the build" when unknown. */
const char *origin_find(const struct origin *o, const struct stat *st);

/* Release what @o holds. */
void origin_done(struct origin *o);

#endif

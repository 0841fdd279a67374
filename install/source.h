/*
 * Where the bytes of a bundle come from: a file, a pipe, a program that fetches them.
 *
 * A reader announces the ranges it is going to want, in ascending order, and then
 * reads exactly their bytes. What lies in between is never asked for, so a source
 * that can jump saves it and one that cannot (a pipe) reads past it. Announcing
 * ahead lets a source that is far away have the next range on its way already.
 *
 *	source_request(s, 0, 4096); source_request(s, 8192, 500);
 *	source_read(s, head, 4096); source_read(s, text, 500);
 *
 * Whatever a source gives is foreign: who reads checks it against signed hashes.
 */
#ifndef INSTALL_SOURCE_H
#define INSTALL_SOURCE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct source;

#define SOURCE_AHEAD_MAX 8u /* ranges announced and not yet read to their end */

/* What a kind of source implements. Both return 0 or a negative errno with @err set. */
struct source_class {
	/* It will be wanted; never more than SOURCE_AHEAD_MAX at once. NULL: no use for it. */
	int (*request)(struct source *s, uint64_t offset, uint64_t len, struct err *err);
	/* The next bytes of the ranges, which lie at @offset. -ENODATA when it ends before. */
	int (*read)(struct source *s, uint64_t offset, void *data, size_t len, struct err *err);
	void (*free)(struct source *s); /* frees @s itself */
};

/* The common part; a kind of source embeds it as its first member. */
struct source {
	const struct source_class *class;
	uint64_t read_bytes; /* handed out so far */
	/* May be NULL: once it is set, waiting for bytes ends with -EINTR. */
	const volatile sig_atomic_t *stop;
	uint64_t next; /* lowest offset that may be announced */
	unsigned n; /* ranges */
	struct source_range {
		uint64_t offset, len;
	} range[SOURCE_AHEAD_MAX];
};

/* Bytes of @fd, a file or block device, which the source owns from now on. -ENOMEM: not. */
int source_of_file(int fd, struct source **ret);

/* Bytes as they come out of @fd, a pipe or socket or terminal. As source_of_file(). */
int source_of_pipe(int fd, struct source **ret);

/* NULL-safe; returns NULL. */
struct source *source_free(struct source *s);
static inline void source_freep(struct source **s)
{
	*s = source_free(*s);
}
#define _cleanup_source_ __attribute__((cleanup(source_freep)))

/* True while another range may be announced. */
static inline bool source_has_room(const struct source *s)
{
	return s->n < SOURCE_AHEAD_MAX;
}

/*
 * Announce @len bytes at @offset, not before the end of the range announced last. 0 or a
 * negative errno; -ESPIPE for a range out of order.
 */
int source_request(struct source *s, uint64_t offset, uint64_t len, struct err *err);

/*
 * The next @len bytes of what was announced. 0 or a negative errno; -ENODATA when
 * the source ends before.
 */
int source_read(struct source *s, void *data, size_t len, struct err *err);

/*
 * For kinds of sources: read all of @len bytes from the stream @fd, as long as nobody
 * says stop. 0; -ENODATA at the end of the stream, -EINTR, or another errno.
 */
int source_read_stream(const struct source *s, int fd, void *data, size_t len);

#endif

/*
 * Writing one part of a slot, front to back: pieces of any length are laid over what
 * the device holds, and only the blocks of 4096 bytes that come out different are
 * written, as few and as large writes as that allows.
 */
#ifndef INSTALL_WRITER_H
#define INSTALL_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blk;

#define WRITER_WINDOW_BYTES (1u << 20)

struct writer {
	struct blk *blk;
	uint64_t end; /* nothing is written from here on; whole blocks */
	size_t window_bytes; /* whole blocks */
	uint8_t *was, *now; /* owned: the window as it is on the device, and as it shall be */
	uint64_t start; /* of the window */
	size_t len; /* 0: there is none */
	size_t covered; /* bytes of it that were put */
	int unreadable; /* why it could not be read: it can be written only as a whole */
	uint64_t written_bytes; /* so far, of all parts */
};

/* @window_bytes 0: WRITER_WINDOW_BYTES. -ENOMEM. Release with writer_done(). */
int writer_init(struct writer *w, size_t window_bytes);
void writer_done(struct writer *w);
#define _cleanup_writer_ __attribute__((cleanup(writer_done)))

/* Begin with the first @end bytes of @blk. */
void writer_begin(struct writer *w, struct blk *blk, uint64_t end);

/* Lay @data over [@offset, @offset + @len), behind everything put before. 0 or an errno. */
int writer_put(struct writer *w, uint64_t offset, const void *data, size_t len);

/* What is there now, whether it is written already or not. 0 or an errno. */
int writer_get(struct writer *w, uint64_t offset, void *data, size_t len);

/* Write what is still in the window. 0 or an errno. Does not flush. */
int writer_finish(struct writer *w);

#endif

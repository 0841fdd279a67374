/*
 * Writing one part of a slot, front to back: pieces of any length are laid over what
 * the device holds. A window of it that was put as a whole is written in one, and where
 * the device allows it while the next one is put together; of one that was put only in
 * places the rest is read, and the blocks of 4096 bytes that come out different are
 * written, as few and as large writes as that allows.
 */
#ifndef INSTALL_WRITER_H
#define INSTALL_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/aside.h"

struct blk;

#define WRITER_WINDOW_BYTES (2u << 20)

struct writer {
	struct blk *blk;
	uint64_t end; /* nothing is written from here on; whole blocks */
	size_t window_bytes; /* whole blocks */
	uint8_t *was, *now; /* owned: the window as it is on the device, and as it shall be */
	uint64_t start; /* of the window */
	size_t len; /* 0: there is none */
	size_t put; /* bytes from its start that were put, until something was left out */
	bool looked; /* something was: @was is what the device holds, and @now has the rest of it */
	uint64_t written_bytes; /* so far, of all parts */
	struct aside aside;
	struct {
		struct blk *blk;
		uint8_t *bytes; /* owned */
		uint64_t start;
		size_t len;
	} behind; /* the window that is written aside */
};

/*
 * @window_bytes 0: WRITER_WINDOW_BYTES. @threaded: write aside; what is written must allow
 * that (blk.concurrent). -ENOMEM. Release with writer_done().
 */
int writer_init(struct writer *w, size_t window_bytes, bool threaded);
void writer_done(struct writer *w);
#define _cleanup_writer_ __attribute__((cleanup(writer_done)))

/* Begin with the first @end bytes of @blk. What came before was finished. */
void writer_begin(struct writer *w, struct blk *blk, uint64_t end);

/*
 * Lay @data over [@offset, @offset + @len), behind everything put before. 0 or an errno, which
 * may be of what was put earlier.
 */
int writer_put(struct writer *w, uint64_t offset, const void *data, size_t len);

/* Bytes from @offset to the end of its window. */
size_t writer_left(const struct writer *w, uint64_t offset);

/*
 * As writer_put(), for @len bytes, at most writer_left(), that do not exist yet: 0, and *ret is
 * where to make them. They count once writer_take() says how many came out well.
 */
int writer_room(struct writer *w, uint64_t offset, size_t len, uint8_t **ret);
void writer_take(struct writer *w, uint64_t offset, size_t len);

/* What is there now, whether it is written already or not. 0 or an errno. */
int writer_get(struct writer *w, uint64_t offset, void *data, size_t len);

/* Wait until everything before the window (@start) is written. 0 or an errno. Does not flush. */
int writer_wait(struct writer *w);

/* Write what is still in the window, and wait for everything. As writer_wait(). */
int writer_finish(struct writer *w);

#endif

/* See writer.h. */
#include "install/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "install/bundle.h"
#include "lib/base/blk.h"

#define BLOCK BUNDLE_BLOCK_BYTES

int writer_init(struct writer *w, size_t window_bytes, bool threaded)
{
	*w = (struct writer){ .window_bytes = window_bytes ? window_bytes : WRITER_WINDOW_BYTES };
	w->was = aligned_alloc(BLOCK, w->window_bytes);
	w->now = aligned_alloc(BLOCK, w->window_bytes);
	w->behind.bytes = aligned_alloc(BLOCK, w->window_bytes);
	if (!w->was || !w->now || !w->behind.bytes) {
		writer_done(w);
		return -ENOMEM;
	}
	if (threaded)
		aside_init(&w->aside);
	return 0;
}

void writer_done(struct writer *w)
{
	aside_done(&w->aside);
	free(w->was);
	free(w->now);
	free(w->behind.bytes);
	w->was = w->now = w->behind.bytes = NULL;
}

void writer_begin(struct writer *w, struct blk *blk, uint64_t end)
{
	w->blk = blk;
	w->end = end;
	w->start = w->len = 0;
}

/* What was left out of the window stays as it is on the device. */
static int look(struct writer *w)
{
	int r = w->looked ? 0 : blk_read(w->blk, w->start, w->was, w->len);

	if (r == 0 && !w->looked)
		memcpy(w->now + w->put, w->was + w->put, w->len - w->put);
	w->looked = r == 0;
	return r;
}

static int write_behind(void *arg)
{
	struct writer *w = arg;

	return blk_write(w->behind.blk, w->behind.start, w->behind.bytes, w->behind.len);
}

/* All of the window, aside. */
static int hand_over(struct writer *w)
{
	int r = aside_wait(&w->aside);
	uint8_t *bytes = w->behind.bytes;

	if (r)
		return r;
	w->behind.bytes = w->now;
	w->behind.blk = w->blk;
	w->behind.start = w->start;
	w->behind.len = w->len;
	w->now = bytes;
	w->written_bytes += w->len;
	aside_start(&w->aside, write_behind, w);
	return 0;
}

static bool block_differs(const struct writer *w, size_t at)
{
	return memcmp(w->was + at, w->now + at, BLOCK);
}

static int write_differences(struct writer *w)
{
	size_t at = 0, run;

	while (at < w->len) {
		int r;

		for (run = 0; at + run < w->len && block_differs(w, at + run); run += BLOCK)
			;
		r = run ? blk_write(w->blk, w->start + at, w->now + at, run) : 0;
		if (r)
			return r;
		w->written_bytes += run;
		at += run ? run : BLOCK;
	}
	return 0;
}

/* The window is complete. */
static int leave(struct writer *w)
{
	int r = 0;

	if (w->len && w->put < w->len)
		r = look(w);
	if (r == 0 && w->len)
		r = w->looked ? write_differences(w) : hand_over(w);
	if (r == 0)
		w->len = 0;
	return r;
}

int writer_wait(struct writer *w)
{
	return aside_wait(&w->aside);
}

int writer_finish(struct writer *w)
{
	int r = leave(w), behind = writer_wait(w);

	return r ? r : behind;
}

/* Make the window one that shows @offset. */
static int move_to(struct writer *w, uint64_t offset)
{
	uint64_t start = offset - offset % w->window_bytes, left = w->end - start;
	int r;

	if (w->len && start == w->start)
		return 0;
	r = leave(w);
	if (r)
		return r;
	w->start = start;
	w->len = left < w->window_bytes ? (size_t)left : w->window_bytes;
	w->put = 0;
	w->looked = false;
	return 0;
}

size_t writer_left(const struct writer *w, uint64_t offset)
{
	uint64_t end = offset - offset % w->window_bytes + w->window_bytes;

	return (size_t)((end < w->end ? end : w->end) - offset);
}

int writer_room(struct writer *w, uint64_t offset, size_t len, uint8_t **ret)
{
	int r;

	if (offset >= w->end || len > writer_left(w, offset))
		return -ENXIO;
	r = move_to(w, offset);
	if (r == 0 && offset - w->start != w->put)
		r = look(w);
	if (r == 0)
		*ret = w->now + (offset - w->start);
	return r;
}

void writer_take(struct writer *w, uint64_t offset, size_t len)
{
	if (!w->looked)
		w->put = (size_t)(offset - w->start) + len;
}

int writer_put(struct writer *w, uint64_t offset, const void *data, size_t len)
{
	const uint8_t *from = data;

	if (offset > w->end || len > w->end - offset)
		return -ENXIO;
	while (len > 0) {
		size_t left = writer_left(w, offset), n = left < len ? left : len;
		uint8_t *to;
		int r = writer_room(w, offset, n, &to);

		if (r)
			return r;
		memcpy(to, from, n);
		writer_take(w, offset, n);
		from += n;
		offset += n;
		len -= n;
	}
	return 0;
}

int writer_get(struct writer *w, uint64_t offset, void *data, size_t len)
{
	uint8_t *to = data;
	int r = writer_wait(w);

	while (r == 0 && len > 0) {
		size_t known = w->looked ? w->len : w->put;
		bool pending = w->len && offset >= w->start && offset < w->start + known;
		uint64_t left = pending			       ? w->start + known - offset
				: w->len && offset < w->start ? w->start - offset
							      : len;
		size_t n = left < len ? (size_t)left : len;

		if (pending)
			memcpy(to, w->now + (offset - w->start), n);
		else
			r = blk_read(w->blk, offset, to, n);
		to += n;
		offset += n;
		len -= n;
	}
	return r;
}

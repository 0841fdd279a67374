/* See writer.h. */
#include "install/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "install/bundle.h"
#include "lib/base/blk.h"

#define BLOCK BUNDLE_BLOCK_BYTES

int writer_init(struct writer *w, size_t window_bytes)
{
	*w = (struct writer){ .window_bytes = window_bytes ? window_bytes : WRITER_WINDOW_BYTES };
	w->was = aligned_alloc(BLOCK, w->window_bytes);
	w->now = aligned_alloc(BLOCK, w->window_bytes);
	if (w->was && w->now)
		return 0;
	writer_done(w);
	return -ENOMEM;
}

void writer_done(struct writer *w)
{
	free(w->was);
	free(w->now);
	w->was = w->now = NULL;
}

void writer_begin(struct writer *w, struct blk *blk, uint64_t end)
{
	w->blk = blk;
	w->end = end;
	w->start = w->len = 0;
}

static bool block_differs(const struct writer *w, size_t at)
{
	return w->unreadable || memcmp(w->was + at, w->now + at, BLOCK);
}

int writer_finish(struct writer *w)
{
	size_t at = 0, run;

	/* What was not put must come from the device, and did not. */
	if (w->len && w->unreadable && w->covered < w->len)
		return w->unreadable;
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
	w->len = 0;
	return 0;
}

/* Make the window one that shows @offset. */
static int move_to(struct writer *w, uint64_t offset)
{
	uint64_t start = offset - offset % w->window_bytes, left = w->end - start;
	int r;

	if (w->len && start == w->start)
		return 0;
	r = writer_finish(w);
	if (r)
		return r;
	w->start = start;
	w->len = left < w->window_bytes ? (size_t)left : w->window_bytes;
	w->covered = 0;
	w->unreadable = blk_read(w->blk, start, w->was, w->len);
	if (!w->unreadable)
		memcpy(w->now, w->was, w->len);
	return 0;
}

int writer_put(struct writer *w, uint64_t offset, const void *data, size_t len)
{
	const uint8_t *from = data;

	if (offset > w->end || len > w->end - offset)
		return -ENXIO;
	while (len > 0) {
		int r = move_to(w, offset);
		size_t at, n;

		if (r)
			return r;
		at = (size_t)(offset - w->start);
		n = w->len - at < len ? w->len - at : len;
		memcpy(w->now + at, from, n);
		w->covered += n;
		from += n;
		offset += n;
		len -= n;
	}
	return 0;
}

int writer_get(struct writer *w, uint64_t offset, void *data, size_t len)
{
	uint8_t *to = data;

	while (len > 0) {
		bool pending = w->len && offset >= w->start && offset < w->start + w->len;
		uint64_t left = pending			       ? w->start + w->len - offset
				: w->len && offset < w->start ? w->start - offset
							      : len;
		size_t n = left < len ? (size_t)left : len;
		int r = 0;

		if (pending)
			memcpy(to, w->now + (offset - w->start), n);
		else
			r = blk_read(w->blk, offset, to, n);
		if (r)
			return r;
		to += n;
		offset += n;
		len -= n;
	}
	return 0;
}

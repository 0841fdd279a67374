/* See look.h. */
#include "install/look.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "install/bundle.h"
#include "lib/base/blk.h"

/* A chunk and the rest of its first and last block, and as much ahead. */
#define WINDOW_BYTES (2 * BUNDLE_CHUNK_MAX)

int look_init(struct look *l)
{
	*l = (struct look){ .window = aligned_alloc(BUNDLE_BLOCK_BYTES, WINDOW_BYTES) };
	return l->window ? 0 : -ENOMEM;
}

void look_done(struct look *l)
{
	free(l->window);
	*l = (struct look){ .window = NULL };
}

static int move_window(struct look *l, struct blk *blk, uint64_t offset, size_t len)
{
	uint64_t start = offset / BUNDLE_BLOCK_BYTES * BUNDLE_BLOCK_BYTES;
	bool in_order = l->of == blk && offset >= l->start && offset <= l->start + l->len;
	uint64_t wanted = in_order ? WINDOW_BYTES : bundle_align(offset + len) - start;
	int r;

	if (start >= blk->size_bytes || len > WINDOW_BYTES - BUNDLE_BLOCK_BYTES)
		return -ENXIO;
	if (wanted > blk->size_bytes - start)
		wanted = blk->size_bytes - start;
	l->of = NULL;
	r = blk_read(blk, start, l->window, (size_t)wanted);
	if (r)
		return r;
	l->of = blk;
	l->start = start;
	l->len = (size_t)wanted;
	return 0;
}

int look_at(struct look *l, struct blk *blk, uint64_t offset, size_t len, const uint8_t **ret)
{
	bool shown = l->of == blk && offset >= l->start && offset + len <= l->start + l->len;
	int r = shown ? 0 : move_window(l, blk, offset, len);

	if (r)
		return r;
	if (offset + len > l->start + l->len)
		return -ENXIO;
	*ret = l->window + (offset - l->start);
	return 0;
}

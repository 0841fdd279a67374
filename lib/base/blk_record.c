/* See blk_record.h. */
#include "lib/base/blk_record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct blk_record {
	struct blk blk;
	uint8_t *start; /* contents before the first event */
	uint8_t *now;
	struct blk_event *events;
	size_t n_events, room;
	enum blk_fault fault;
	unsigned int fault_in; /* operations of that kind until it strikes */
	bool sticky;
};

static struct blk_record *record_of(const struct blk *b)
{
	return (struct blk_record *)b;
}

static bool strikes(struct blk_record *r, enum blk_fault kind)
{
	if (r->fault != kind)
		return false;
	if (r->fault_in) {
		r->fault_in--;
		return false;
	}
	if (!r->sticky)
		r->fault = BLK_FAULT_NONE;
	return true;
}

static int append(struct blk_record *r, const struct blk_event *e)
{
	if (r->n_events == r->room) {
		size_t room = r->room ? 2 * r->room : 64;
		struct blk_event *more = reallocarray(r->events, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		r->events = more;
		r->room = room;
	}
	r->events[r->n_events++] = *e;
	return 0;
}

static int record_read(struct blk *b, uint64_t offset_bytes, void *data, size_t len)
{
	if (strikes(record_of(b), BLK_FAULT_READ))
		return -EIO;
	memcpy(data, record_of(b)->now + offset_bytes, len);
	return 0;
}

static int record_write(struct blk *b, uint64_t offset_bytes, const void *data, size_t len)
{
	struct blk_event e = { .offset_bytes = offset_bytes, .len = len };
	int r;

	if (strikes(record_of(b), BLK_FAULT_WRITE))
		return -EIO;
	e.data = malloc(len ? len : 1);
	if (!e.data)
		return -ENOMEM;
	memcpy(e.data, data, len);
	r = append(record_of(b), &e);
	if (r) {
		free(e.data);
		return r;
	}
	memcpy(record_of(b)->now + offset_bytes, data, len);
	return 0;
}

static int record_flush(struct blk *b)
{
	if (strikes(record_of(b), BLK_FAULT_FLUSH))
		return -EIO;
	return append(record_of(b), &(struct blk_event){ .flush = true });
}

static void forget_events(struct blk_record *r)
{
	for (size_t i = 0; i < r->n_events; i++)
		free(r->events[i].data);
	r->n_events = 0;
}

static void record_free(struct blk *b)
{
	struct blk_record *r = record_of(b);

	forget_events(r);
	free(r->events);
	free(r->start);
	free(r->now);
	free(r);
}

static const struct blk_class record_class = {
	.read = record_read,
	.write = record_write,
	.flush = record_flush,
	.free = record_free,
};

int blk_new_record(uint64_t size_bytes, struct blk **ret)
{
	struct blk_record *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->blk.class = &record_class;
	r->blk.size_bytes = size_bytes;
	r->blk.sector_bytes = 512;
	r->start = calloc(1, size_bytes ? size_bytes : 1);
	r->now = calloc(1, size_bytes ? size_bytes : 1);
	if (!r->start || !r->now) {
		record_free(&r->blk);
		return -ENOMEM;
	}
	*ret = &r->blk;
	return 0;
}

uint8_t *blk_record_bytes(struct blk *b)
{
	return record_of(b)->now;
}

void blk_record_restart(struct blk *b)
{
	struct blk_record *r = record_of(b);

	forget_events(r);
	memcpy(r->start, r->now, b->size_bytes);
}

const struct blk_event *blk_record_events(const struct blk *b, size_t *ret_n)
{
	*ret_n = record_of(b)->n_events;
	return record_of(b)->events;
}

/* Index after the last flush among the first @n events. */
static size_t flushed_until(const struct blk_record *r, size_t n)
{
	while (n && !r->events[n - 1].flush)
		n--;
	return n;
}

size_t blk_record_unflushed(const struct blk *b, size_t n)
{
	return n - flushed_until(record_of(b), n);
}

void blk_record_cut(const struct blk *b, size_t n, uint64_t kept, size_t torn_len, uint8_t *out)
{
	const struct blk_record *r = record_of(b);
	size_t durable = flushed_until(r, n);

	memcpy(out, r->start, b->size_bytes);
	for (size_t i = 0; i < n; i++) {
		const struct blk_event *e = &r->events[i];
		size_t len = e->len;

		/* Writes beyond the 64th since a flush are all kept. */
		if (e->flush || (i >= durable && i - durable < 64 && !(kept >> (i - durable) & 1)))
			continue;
		if (i >= durable && i == n - 1 && torn_len < len)
			len = torn_len;
		memcpy(out + e->offset_bytes, e->data, len);
	}
}

void blk_record_fail(struct blk *b, enum blk_fault fault, unsigned int nth, bool sticky)
{
	record_of(b)->fault = fault;
	record_of(b)->fault_in = nth;
	record_of(b)->sticky = sticky;
}

/* See record.h. */
#include "qemu/record.h"

#include <string.h>

/* Keep @start with the boot, newer words over older ones. */
static void keep(struct record_boot *b, const struct bs_boot *start)
{
	for (unsigned i = 0; i < b->n; i++) {
		if (b->start[i].number == start->number) {
			b->start[i] = *start;
			return;
		}
	}
	if (b->n == RECORD_STARTS_MAX) {
		memmove(b->start, b->start + 1, sizeof(b->start) - sizeof(b->start[0]));
		b->n--;
	}
	b->start[b->n++] = *start;
}

/*
 * The boot in which the start @number was made, or NULL. The newest comes first: behind a
 * boot that begins at 0 again nothing is found, and older boots keep what they have.
 */
static struct record_boot *boot_of(struct record *r, uint64_t number)
{
	for (unsigned i = r->n; i > 0; i--)
		if (number > r->boot[i - 1].after)
			return &r->boot[i - 1];
	return NULL;
}

void record_look(struct record *r, const struct bs *bs)
{
	struct record_boot *last;

	if (!r->n || !bs)
		return;
	/* The state was lost and is another one: its numbers start again. */
	last = &r->boot[r->n - 1];
	if (last->after != RECORD_NOTHING && bs->boots < last->after)
		last->after = 0;
	for (unsigned i = BS_RING_MAX; i > 0; i--) {
		const struct bs_boot *start = &bs->ring[i - 1];
		struct record_boot *b = start->number ? boot_of(r, start->number) : NULL;

		if (b)
			keep(b, start);
	}
}

void record_begin(struct record *r, const struct bs *bs, bool lost)
{
	record_look(r, bs);
	if (r->n == TIMELINE_BOOTS_MAX) {
		memmove(r->boot, r->boot + 1, sizeof(r->boot) - sizeof(r->boot[0]));
		r->n--;
		r->dropped++;
	}
	r->boot[r->n++] = (struct record_boot){
		.after = bs ? bs->boots : lost ? 0 : RECORD_NOTHING,
	};
}

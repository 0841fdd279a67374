/* See fallback.h. */
#include "update/fallback.h"

#include <string.h>

static bool same_version(const char *a, const char *b)
{
	return strncmp(a, b, VERSION_TEXT_SIZE) == 0;
}

static bool version_refused(const struct bs *bs, const char *version)
{
	for (unsigned i = 0; i < BS_REFUSED_MAX; i++)
		if (bs->refused[i].version[0] && same_version(bs->refused[i].version, version))
			return true;
	return false;
}

/* The slot's image had its chance and lost it; a floor that rose has nothing to do with that. */
static bool lost_its_chance(const struct bs *bs, unsigned slot)
{
	const struct bs_slot *s = &bs->slot[slot];

	if (s->status == BS_BAD)
		return true;
	return s->status == BS_READY && s->image.epoch >= bs->floor && !bs_slot_bootable(bs, slot);
}

/* Index of the newest boot of @slot in the ring, BS_RING_MAX for none. */
static unsigned newest_boot(const struct bs *bs, unsigned slot)
{
	unsigned i = 0;

	while (i < BS_RING_MAX && bs->ring[i].number && bs->ring[i].slot != slot)
		i++;
	return i < BS_RING_MAX && bs->ring[i].number ? i : BS_RING_MAX;
}

/* Is entry @i one of the failed boots in a row that ended with the fallback? */
static bool belongs(const struct bs *bs, unsigned i, const struct fallback *f)
{
	return i < BS_RING_MAX && bs->ring[i].number && bs->ring[i].slot == f->slot &&
	       bs->ring[i].reason != BS_REASON_NONE &&
	       same_version(bs->ring[i].version, f->version);
}

static void from_ring(const struct bs *bs, unsigned newest, struct fallback *f)
{
	const struct bs_boot *b = &bs->ring[newest];

	memcpy(f->version, b->version, sizeof(f->version));
	f->stage = b->stage;
	f->reason = b->reason;
	f->boot = b->number;
	f->boots_ago = bs->boots - b->number;
	for (unsigned i = newest; belongs(bs, i, f); i++)
		f->failures++;
}

bool fallback_find(const struct bs *bs, struct fallback *ret)
{
	struct fallback f = { .slot = 1u - bs->current };
	const struct bs_slot *left;
	unsigned newest;

	if (bs->current >= BS_SLOTS)
		return false;
	left = &bs->slot[f.slot];
	newest = newest_boot(bs, f.slot);
	if (newest < BS_RING_MAX) {
		if (bs->ring[newest].reason == BS_REASON_NONE)
			return false;
		from_ring(bs, newest, &f);
	} else {
		memcpy(f.version, left->image.version, sizeof(f.version));
		f.stage = left->stage;
		f.reason = left->reason;
	}
	f.still_there = (left->status == BS_READY || left->status == BS_BAD) &&
			same_version(left->image.version, f.version);
	f.refused = version_refused(bs, f.version);
	f.was_good = f.still_there && left->good;
	if (f.still_there ? !lost_its_chance(bs, f.slot) : !f.refused)
		return false;
	*ret = f;
	return true;
}

uint64_t fallback_logged_boot(const struct bs *bs, const struct fallback *f,
			      bool (*has_log)(void *ctx, const struct bs_boot *boot), void *ctx)
{
	if (!f->boot)
		return 0;
	for (unsigned i = newest_boot(bs, f->slot); belongs(bs, i, f); i++)
		if (has_log(ctx, &bs->ring[i]))
			return bs->ring[i].number;
	return 0;
}

/*
 * What the model of the boot state moves about: worlds, and the disk that holds
 * their record and fails as planned. A world is put on the disk, an actor runs,
 * the world is read back. bootstate_test.c and selectors_test.c say the rest.
 */
#ifndef TESTS_MODEL_BOOTSTATE_WORLD_H
#define TESTS_MODEL_BOOTSTATE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/core/bootstate.h"

#define IMAGE_BROKEN 3 /* starts, and never becomes healthy */
#define GARBAGE 0
#define ROOT_BROKEN 0x10 /* flag: the UKI is whole, the root is not */
#define STORES_MAX 6 /* in one run of the selector */

/* What one store does. */
enum outcome { DONE, CUT_OLD, CUT_NEW, ERROR_OLD, ERROR_NEW, DROPPED, OUTCOMES };

struct world {
	struct bs bs; /* the newest valid copy, canonical */
	bool lost; /* both copies are unreadable */
	bool ever_lost;
	uint8_t content[BS_SLOTS]; /* GARBAGE, image, image | ROOT_BROKEN */
	uint8_t running; /* BS_SLOT_NONE: off */
	uint8_t installs; /* begun so far */
};

/* ---- the disk ---- */

static struct {
	uint8_t copy[BS_COPIES][BS_RECORD_BYTES];
	enum outcome plan[STORES_MAX];
	unsigned int stores;
	bool dead; /* the power is off: whatever an actor does now did not happen */
	bool flush_fails;
} disk;

static struct bs_disk bsd;
static unsigned long long n_cuts;
static bool exploring; /* check cuts: not in look-ahead */

static void check_cuts(const uint8_t *old_copy, const uint8_t *new_copy, int target);

static int disk_read(void *ctx, uint64_t offset, void *data, size_t len)
{
	(void)ctx;
	memcpy(data, disk.copy[offset / BS_COPY_STRIDE_BYTES], len);
	return 0;
}

static int disk_write(void *ctx, uint64_t offset, const void *data, size_t len)
{
	int target = (int)(offset / BS_COPY_STRIDE_BYTES);
	enum outcome o = disk.stores < STORES_MAX ? disk.plan[disk.stores] : DONE;

	(void)ctx;
	disk.stores++;
	disk.flush_fails = o == ERROR_NEW;
	if (disk.dead || o == ERROR_OLD)
		return -5;
	if (o == CUT_OLD) {
		disk.dead = true;
		return -5;
	}
	if (o == DROPPED)
		return 0;
	if (exploring)
		check_cuts(disk.copy[target], data, target);
	memcpy(disk.copy[target], data, len);
	disk.dead = o == CUT_NEW;
	return disk.dead ? -5 : 0;
}

static int disk_flush(void *ctx)
{
	(void)ctx;
	return disk.dead || disk.flush_fails ? -5 : 0;
}

static const struct disk_ops ops = { NULL, disk_read, disk_write, disk_flush };

/* ---- worlds ---- */

static bool image_2_lifts_the_floor;

static struct slotdesc image(unsigned int id)
{
	struct slotdesc d = { .uki_bytes = 1000 + id, .epoch = 1, .name = "model" };

	if (id == 2 && image_2_lifts_the_floor)
		d.epoch = 2;
	memset(d.uki_sha256, (int)id, sizeof(d.uki_sha256));
	memset(d.root_hash, 0x40 + (int)id, sizeof(d.root_hash));
	d.version[0] = (char)('0' + id);
	return d;
}

static unsigned int image_id(const struct slotdesc *d)
{
	return d->uki_sha256[0];
}

static bool image_works(unsigned int content)
{
	return content && content != IMAGE_BROKEN && !(content & ROOT_BROKEN);
}

static enum bs_reason canonical_reason(enum bs_reason reason)
{
	switch (reason) {
	case BS_REASON_NONE:
		return reason;
	case BS_REASON_UKI_HASH:
	case BS_REASON_VERITY:
		return BS_REASON_VERITY; /* the disk's fault */
	default:
		return BS_REASON_HEALTH; /* the image's fault */
	}
}

/* Forget what decides nothing, and bound what counts up. */
static void canonical(struct bs *bs)
{
	for (unsigned int i = 0; i < BS_SLOTS; i++) {
		struct bs_slot *s = &bs->slot[i];
		bool trial = s->status == BS_READY && !s->good;

		s->stage = BS_STAGE_NONE;
		s->reason = trial ? canonical_reason(s->reason) : BS_REASON_NONE;
		if (!s->good)
			s->unconfirmed = 0;
		else if (s->unconfirmed > s->tries_max)
			s->unconfirmed = s->tries_max;
		if (s->relapses > bs_relapses_max(s))
			s->relapses = (uint8_t)bs_relapses_max(s);
	}
	for (unsigned int i = 0; i < BS_REFUSED_MAX; i++) {
		if (bs->refused[i].reason)
			bs->refused[i].reason = BS_REASON_HEALTH;
		memset(bs->refused[i].version, 0, sizeof(bs->refused[i].version));
	}
	memset(&bs->ring[1], 0, sizeof(bs->ring) - sizeof(bs->ring[0]));
	if (bs->ring[0].reason)
		bs->ring[0].reason = BS_REASON_HEALTH;
	if (bs->ring[0].stage != BS_STAGE_CONFIRMED)
		bs->ring[0].stage = BS_STAGE_SELECTED;
	memset(bs->ring[0].version, 0, sizeof(bs->ring[0].version));
	if (bs->ring[0].end)
		bs->ring[0].end = BS_END_SHUT_DOWN;
	if (bs->ring[0].slot != bs->current)
		memset(&bs->ring[0], 0, sizeof(bs->ring[0]));
	bs->ring[0].number = bs->ring[0].number ? 1 : 0;
	if (!bs->ring[0].number)
		memset(&bs->ring[0], 0, sizeof(bs->ring[0]));
	bs->boots = bs->ring[0].number;
	bs->sequence = 2;
}

static void to_disk(const struct world *w)
{
	struct bs older = w->bs;

	memset(&disk, 0, sizeof(disk));
	if (w->lost)
		return;
	bs_encode(&w->bs, disk.copy[0]);
	older.sequence--;
	bs_encode(&older, disk.copy[1]);
}

static void from_disk(struct world *w)
{
	int r = bs_load(&bsd, &ops, &w->bs);

	w->lost = r == BS_E_LOST;
	if (w->lost)
		memset(&w->bs, 0, sizeof(w->bs));
	else
		canonical(&w->bs);
	if (disk.dead)
		w->running = BS_SLOT_NONE;
}

static bool any_good(const struct world *w)
{
	return !w->lost && (bs_slot_good(&w->bs, 0) || bs_slot_good(&w->bs, 1));
}

static void dump(const char *what, const struct world *w)
{
	printf("%s: lost %d running %s current %s oneshot %s floor %llu rebuilt %d\n", what,
	       w->lost, bs_slot_name(w->running), bs_slot_name(w->bs.current), bs_slot_name(w->bs.oneshot),
	       (unsigned long long)w->bs.floor, w->bs.rebuilt);
	for (unsigned int i = 0; i < BS_SLOTS; i++) {
		const struct bs_slot *s = &w->bs.slot[i];

		printf("  %s: %s image %u content %#x priority %u tries %u good %d unconfirmed %u"
		       " relapses %u reason %s\n", bs_slot_name(i), bs_status_name(s->status),
		       image_id(&s->image), w->content[i], s->priority, s->tries_left, s->good,
		       s->unconfirmed, s->relapses, bs_reason_name(s->reason));
	}
}

#define require(cond, ...) do { \
	if (!(cond)) { \
		__VA_ARGS__; \
		fail_msg("does not hold: %s", #cond); \
	} \
} while (0)

/*
 * Records are sealed some million times here, so a quick checksum of 64 bits stands in
 * for SHA-256: a torn record passes it as little by chance.
 */
void sha256_bytes(const void *data, size_t len, uint8_t out[SHA256_BYTES])
{
	uint64_t lane[4] = { 1, 2, 3, 4 }, h = 0, word[4];

	require(len % sizeof(word) == 0, (void)0);
	for (const uint8_t *b = data; len; b += sizeof(word), len -= sizeof(word)) {
		memcpy(word, b, sizeof(word));
		for (unsigned int i = 0; i < 4; i++) {
			lane[i] = (lane[i] ^ word[i]) * 0xd6e8feb86659fd93;
			lane[i] ^= lane[i] >> 32;
		}
	}
	for (unsigned int i = 0; i < 4; i++)
		h = (h ^ lane[i]) * 0xd6e8feb86659fd93;
	h ^= h >> 32;
	memset(out, 0, SHA256_BYTES);
	memcpy(out, &h, sizeof(h));
}

/* ---- a cut after every byte of a write ---- */

static bool same_state(const struct bs *a, const struct bs *b)
{
	static uint8_t x[BS_RECORD_BYTES], y[BS_RECORD_BYTES];

	bs_encode(a, x);
	bs_encode(b, y);
	return !memcmp(x, y, sizeof(x));
}

#define WRITES_SEEN (1u << 18)
static uint64_t writes_seen[WRITES_SEEN];

static uint64_t hash_bytes(uint64_t h, const void *data, size_t len)
{
	const uint8_t *b = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ b[i]) * 0x100000001b3;
	return h;
}

/* True the first time this pair of records is seen. The seals stand for the records. */
static bool first_time(const uint8_t *a, const uint8_t *b)
{
	uint64_t h = hash_bytes(0xcbf29ce484222325, a + BS_RECORD_BYTES - 32, 32);
	size_t at;

	h = hash_bytes(h, b + BS_RECORD_BYTES - 32, 32) | 1;
	for (at = h % WRITES_SEEN; writes_seen[at]; at = (at + 1) % WRITES_SEEN)
		if (writes_seen[at] == h)
			return false;
	writes_seen[at] = h;
	return true;
}

/*
 * The first k bytes are new, the rest old, for every k that makes a difference:
 * loading gives the state before or the state after, and never something else;
 * likewise for every subset of the record's 512-byte sectors.
 */
static void check_cuts(const uint8_t *old_copy, const uint8_t *new_copy, int target)
{
	static uint8_t saved[BS_RECORD_BYTES];
	static struct bs_disk reader; /* the store under way keeps its own */
	struct bs before, after, now;
	int before_r, r;

	if (!first_time(old_copy, new_copy))
		return;
	memcpy(saved, disk.copy[target], sizeof(saved));
	before_r = bs_load(&reader, &ops, &before);
	require(bs_decode(new_copy, &after) == BS_OK, (void)0);
	for (size_t k = 0; k < BS_RECORD_BYTES; k++) {
		if (disk.copy[target][k] == new_copy[k])
			continue;
		disk.copy[target][k] = new_copy[k];
		n_cuts++;
		r = bs_load(&reader, &ops, &now);
		if (!memcmp(disk.copy[target], new_copy, BS_RECORD_BYTES))
			require(!r && same_state(&now, &after), printf("cut at %zu\n", k));
		else
			require(r == before_r && (r || same_state(&now, &before)),
				printf("cut at %zu\n", k));
	}
	for (unsigned int set = 0; set < 256; set++) {
		bool differs = true;

		for (unsigned int i = 0; i < 8; i++) {
			bool is_new = set & 1u << i;

			/* A sector that is the same either way is not tried twice. */
			if (is_new && !memcmp(saved + 512 * i, new_copy + 512 * i, 512))
				differs = false;
			memcpy(disk.copy[target] + 512 * i,
			       (is_new ? new_copy : saved) + 512 * i, 512);
		}
		if (!differs || !memcmp(disk.copy[target], new_copy, BS_RECORD_BYTES))
			continue;
		n_cuts++;
		r = bs_load(&reader, &ops, &now);
		require(r == before_r && (r || same_state(&now, &before)), printf("set %x\n", set));
	}
	memcpy(disk.copy[target], saved, sizeof(saved));
}

#endif

/*
 * Newer selectors explored exhaustively: the selector on the ESP, newer ones that work, hang,
 * come back, or start kernels nobody confirms, and installs of them, from every reachable
 * state, with every fault of the disk as in bootstate_test.c, and areas whose bytes rot, cannot
 * be read or were never finished. What must hold is in check_world(), check_step(),
 * check_future() and where a newer selector starts.
 *
 * The slots move as little as they can: their own model is bootstate_test.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/core/bootstate.h"
#include "tests/model/bootstate_world.h"

/* What an area may hold: no selector, or one that behaves so. */
enum kind { NO_SELECTOR, WORKS, HANGS, RETURNS, SPOILS, KINDS };

#define BOOTS_BOUND 9 /* until a machine left alone must be healthy */

static const struct scope {
	const char *name;
	bool b_is_broken; /* slot b is a trial that never works, else it is as good as slot a */
	unsigned int installs_max; /* begun in one history */
	bool rots; /* explore on from areas that rot, else only look ahead */
} scopes[] = {
	{ "two installs", false, 2, false },
	{ "areas rot", false, 1, true },
	{ "a bad image in slot b", true, 1, true },
}, *scope;

struct place {
	struct world w;
	uint8_t area[BS_SELECTORS]; /* enum kind: what is really there */
	bool rotten[BS_SELECTORS]; /* ... and is no longer what was installed */
	uint8_t through; /* what really started the running slot: an area, or none */
	bool uncounted; /* the running slot was started without a count */
	bool misled; /* ... and confirmed all the same, see below */
	uint8_t installing; /* enum kind that an installer is busy with, */
	uint8_t target; /* and the area it goes to */
	uint8_t installs;
};

static unsigned long long n_steps, n_futures, n_starts;
static bool area_unreadable; /* in this run of the anchor */

static struct bs_selector_image selector(unsigned int kind)
{
	struct bs_selector_image i = { .bytes = 100 + kind, .version = "1" };

	memset(i.sha256, (int)kind, sizeof(i.sha256));
	return i;
}

static unsigned int kind_of(const struct bs_selector *s)
{
	return s->status == BS_SELECTOR_EMPTY ? NO_SELECTOR : s->image.sha256[0];
}

static void dump_place(const char *what, const struct place *p)
{
	dump(what, &p->w);
	printf("  first %u through %u (really %u) stage %u installing %u to %u\n",
	       p->w.bs.selectors.first, p->w.bs.selectors.through, p->through,
	       p->w.bs.selectors.stage, p->installing, p->target);
	for (unsigned int i = 0; i < BS_SELECTORS; i++) {
		const struct bs_selector *s = &p->w.bs.selectors.area[i];

		printf("  area %u: %s kind %u (there: %u) tries %u unconfirmed %u reason %s\n", i,
		       bs_selector_status_name(s->status), kind_of(s), p->area[i], s->tries_left,
		       s->unconfirmed, bs_selector_reason_name(s->reason));
	}
}

/* ---- worlds ---- */

static void canonical_selectors(struct bs *bs)
{
	struct bs_selectors *sel = &bs->selectors;

	for (unsigned int i = 0; i < BS_SELECTORS; i++) {
		struct bs_selector *s = &sel->area[i];

		if (s->status != BS_SELECTOR_BAD)
			s->reason = BS_SELECTOR_OK;
		if (s->status != BS_SELECTOR_GOOD)
			s->unconfirmed = 0;
		if (s->unconfirmed > BS_SELECTOR_UNCONFIRMED_MAX)
			s->unconfirmed = BS_SELECTOR_UNCONFIRMED_MAX;
	}
	if (sel->stage > BS_STAGE_NONE && sel->stage < BS_STAGE_KERNEL)
		sel->stage = BS_STAGE_SELECTED;
	else if (sel->stage >= BS_STAGE_KERNEL && sel->stage < BS_STAGE_CONFIRMED)
		sel->stage = BS_STAGE_KERNEL;
	/* How good slots stand is not what this is about. */
	for (unsigned int i = 0; i < BS_SLOTS; i++)
		bs->slot[i].unconfirmed = bs->slot[i].relapses = 0;
	bs->ring[0].end = BS_END_SETTLED;
}

static void read_back(struct place *p)
{
	from_disk(&p->w);
	if (!p->w.lost)
		canonical_selectors(&p->w.bs);
	if (p->w.running == BS_SLOT_NONE) {
		p->through = BS_SELECTOR_NONE;
		p->uncounted = false;
		p->installing = NO_SELECTOR;
		p->target = 0;
	}
}

/* ---- actors ---- */

/* A selector at its work: whichever it is, these are the rules of slots. */
static void run_slots(struct place *p, unsigned int through)
{
	struct slotdesc d[BS_SLOTS] = { image(p->w.content[0]), image(p->w.content[1]) };
	bool uncounted = false;
	unsigned int slot;
	struct bs bs;

	if (bs_load(&bsd, &ops, &bs))
		bs_rebuild(&d[0], &d[1], &bs);
	if (bs_choose(&bs, 0, 0, &slot))
		return;
	require(!bs_count_start(&bs, slot), dump_place("count", p));
	if (bs_store(&bsd, &bs)) {
		if (disk.dead || bs_load(&bsd, &ops, &bs) ||
		    bs_choose(&bs, 0, BS_CHOOSE_UNCOUNTED, &slot))
			return;
		uncounted = true;
	}
	p->w.running = (uint8_t)slot;
	p->through = (uint8_t)through;
	p->uncounted = uncounted;
}

/* It is about to run: those bytes, and a start that is on the disk. */
static void newer_starts(const struct place *p, const struct bs *before, unsigned int area)
{
	const struct bs_selector *was = &before->selectors.area[area], *s;
	static struct bs_disk reader;
	struct bs stored;

	n_starts++;
	require(!bs_load(&reader, &ops, &stored), dump_place("a start is counted", p));
	s = &stored.selectors.area[area];
	require(p->area[area] && p->area[area] == kind_of(s), dump_place("wrong bytes", p));
	require(stored.selectors.through == area, dump_place("a start is counted", p));
	require(s->unconfirmed == was->unconfirmed + 1, dump_place("a start is counted", p));
	if (s->status == BS_SELECTOR_TRIAL)
		require(was->tries_left && s->tries_left == was->tries_left - 1,
			dump_place("a try too many", p));
	else
		require(s->status == BS_SELECTOR_GOOD && was->unconfirmed < BS_SELECTOR_UNCONFIRMED_MAX,
			dump_place("neither trial nor good", p));
}

/* The selector on the ESP as bootstate.h tells it. */
static void run_anchor(struct place *p)
{
	unsigned int failed = 0, area;
	struct bs bs, before;
	bool known = bs_load(&bsd, &ops, &bs) == BS_OK;

	if (known)
		bs_selector_close(&bs);
	while (known && bs_selector_choose(&bs, failed, &area)) {
		enum bs_selector_reason reason = BS_SELECTOR_RETURNED;

		require(!(failed & 1u << area), dump_place("chose a failed one", p));
		before = bs;
		require(!bs_selector_count_start(&bs, area), dump_place("count", p));
		if (bs_store(&bsd, &bs))
			break;
		if (area_unreadable) {
			reason = BS_SELECTOR_READ;
		} else if (p->area[area] == NO_SELECTOR ||
			   p->area[area] != kind_of(&bs.selectors.area[area])) {
			reason = BS_SELECTOR_HASH;
		} else {
			newer_starts(p, &before, area);
			if (p->area[area] == HANGS)
				return;
			if (p->area[area] != RETURNS) {
				run_slots(p, area);
				return;
			}
			known = bs_load(&bsd, &ops, &bs) == BS_OK;
		}
		if (known && !bs_selector_failed(&bs, area, reason))
			bs_store(&bsd, &bs);
		failed |= 1u << area;
	}
	if (disk.dead)
		return;
	/* It goes on with what it has in memory; the slots' count is stored with it. */
	if (known && bs.selectors.through != BS_SELECTOR_NONE)
		bs = before;
	if (known) {
		unsigned int slot;

		before = bs;
		if (!bs_choose(&bs, 0, 0, &slot) && !bs_count_start(&bs, slot) && !bs_store(&bsd, &bs)) {
			p->w.running = (uint8_t)slot;
			p->through = BS_SELECTOR_NONE;
			return;
		}
		if (disk.dead || bs_choose(&before, 0, BS_CHOOSE_UNCOUNTED, &slot))
			return;
		p->w.running = (uint8_t)slot;
		p->through = BS_SELECTOR_NONE;
		p->uncounted = true;
		return;
	}
	run_slots(p, BS_SELECTOR_NONE);
}

enum action {
	REBOOT,
	STAGE,
	CONFIRM,
	PREFER_0,
	PREFER_1,
	RETRY_0,
	RETRY_1,
	BYTES_GONE, /* the installer overwrites the area, */
	BYTES_THERE, /* and has written, flushed and verified all of it */
	COMMIT,
	BEGIN, /* and the kinds after it */
	ACTIONS = BEGIN + KINDS,
};

static bool begin(struct place *p, struct bs *bs, unsigned int kind)
{
	struct bs_selector_image wanted = selector(kind);
	unsigned int target;

	if (kind == NO_SELECTOR || p->installs == scope->installs_max || p->installing ||
	    bs_selector_install_begin(bs, &wanted, false, &target))
		return false;
	p->installs++;
	p->installing = (uint8_t)kind;
	p->target = (uint8_t)target;
	return true;
}

static bool commit(struct place *p, struct bs *bs)
{
	struct bs_selector_image wanted = selector(p->installing);

	if (!p->installing || p->area[p->target] != p->installing || p->rotten[p->target] ||
	    bs_selector_install_commit(bs, p->target, &wanted))
		return false;
	p->installing = NO_SELECTOR;
	p->target = 0;
	return true;
}

/* One step of the running system; false: it did nothing. */
static bool run_action(struct place *p, enum action a)
{
	unsigned int self = p->w.running, slot;
	bool healthy = image_works(p->w.content[self]) &&
		       (p->through >= BS_SELECTORS || p->area[p->through] != SPOILS);
	bool stores = false, known;
	struct bs bs;

	if (bs_load(&bsd, &ops, &bs))
		return a == REBOOT && (p->w.running = BS_SLOT_NONE, true);
	known = !bs_running_slot(&bs, image(p->w.content[self]).root_hash, &slot) && slot == self;
	if (a == STAGE)
		stores = known && !bs_set_stage(&bs, BS_STAGE_KERNEL);
	else if (a == CONFIRM)
		stores = known && healthy && !bs_confirm(&bs, slot) &&
			 !bs_end_boot(&bs, slot, BS_END_SETTLED);
	else if (a == PREFER_0 || a == PREFER_1)
		stores = !bs_selector_prefer(&bs, a - PREFER_0);
	else if (a == RETRY_0 || a == RETRY_1)
		stores = !bs_selector_retry(&bs, a - RETRY_0);
	else if (a == COMMIT)
		stores = commit(p, &bs);
	else if (a >= BEGIN)
		stores = begin(p, &bs, a - BEGIN);
	else if ((a == BYTES_GONE || a == BYTES_THERE) && p->installing) {
		/* An installer goes on only when its begin is on the disk. */
		if (bs.selectors.area[p->target].status != BS_SELECTOR_EMPTY)
			return false;
		p->area[p->target] = a == BYTES_GONE ? NO_SELECTOR : p->installing;
		p->rotten[p->target] = false;
		return true;
	}
	/*
	 * A boot that could not be counted looks like the one before. Through what that was
	 * started becomes good by its confirm: one that counts slots, at least.
	 */
	if (stores && a == CONFIRM && p->uncounted && p->through != bs.selectors.through)
		p->misled = true;
	if (stores && bs_store(&bsd, &bs) && a >= BEGIN)
		p->installing = p->target = 0;
	if (a == REBOOT)
		p->w.running = BS_SLOT_NONE;
	return stores || a == REBOOT;
}

/* ---- what must hold ---- */

static bool slot_boots(const struct place *p)
{
	return p->w.running != BS_SLOT_NONE;
}

static void check_world(const struct place *p)
{
	const struct bs_selectors *sel = &p->w.bs.selectors;

	require(any_good(&p->w), dump_place("no slot is good", p));
	for (unsigned int i = 0; i < BS_SELECTORS; i++) {
		const struct bs_selector *s = &sel->area[i];

		/* What may be started was written to its end. */
		if ((s->status == BS_SELECTOR_TRIAL || s->status == BS_SELECTOR_GOOD) && !p->rotten[i])
			require(p->area[i] == kind_of(s), dump_place("complete", p));
		/* Good means that a boot through it was confirmed, so it works. */
		if (s->status == BS_SELECTOR_GOOD && !p->misled)
			require(kind_of(s) == WORKS, dump_place("good", p));
	}
}

static bool sound_good(const struct place *p, unsigned int area)
{
	return p->w.bs.selectors.area[area].status == BS_SELECTOR_GOOD && !p->rotten[area];
}

static void check_step(const struct place *from, const struct place *to, const char *what)
{
	bool had = false, has = false;

	if (from->w.lost || to->w.lost)
		return;
	for (unsigned int i = 0; i < BS_SELECTORS; i++) {
		const struct bs_selector *a = &from->w.bs.selectors.area[i];
		const struct bs_selector *b = &to->w.bs.selectors.area[i];

		had |= sound_good(from, i);
		has |= to->w.bs.selectors.area[i].status == BS_SELECTOR_GOOD;
		if (b->status == BS_SELECTOR_GOOD && a->status != BS_SELECTOR_GOOD)
			require(slot_boots(from) && (from->through == i || to->misled),
				dump_place(what, from), dump_place("good", to));
		/* Only an operator gives tries back, and only to what failed, which is next then. */
		if (b->status == BS_SELECTOR_TRIAL && a->status == BS_SELECTOR_BAD)
			require(!strcmp(what, "retry") && to->w.bs.selectors.first == i && slot_boots(from) &&
					b->tries_left == BS_SELECTOR_TRIES,
				dump_place(what, from), dump_place("retried", to));
		else if (b->status == BS_SELECTOR_TRIAL && a->status != BS_SELECTOR_EMPTY)
			require(b->tries_left <= a->tries_left, dump_place(what, from),
				dump_place("tries", to));
		if (!strcmp(what, "retry") && memcmp(a, b, sizeof(*a)))
			require(from->w.bs.selectors.through != i, dump_place(what, from),
				dump_place("what runs was retried", to));
	}
	/* A good one is given up for another good one only, or when its bytes are gone. */
	if (had && !to->misled)
		require(has, dump_place(what, from), dump_place("the good one is gone", to));
}

/*
 * A machine left alone: whatever the selectors do, a slot is confirmed after a few boots. Where
 * nothing was damaged, so is a good selector still to be had.
 */
static void check_future(const struct place *start, const char *what)
{
	struct place p = *start;
	bool saved = exploring;
	unsigned int boots = 0;

	exploring = false;
	n_futures++;
	for (; boots < BOOTS_BOUND; boots++) {
		to_disk(&p.w);
		p.w.running = BS_SLOT_NONE;
		run_anchor(&p);
		read_back(&p);
		if (!slot_boots(&p))
			continue;
		to_disk(&p.w);
		run_action(&p, STAGE);
		read_back(&p);
		to_disk(&p.w);
		if (run_action(&p, CONFIRM))
			break;
	}
	require(boots < BOOTS_BOUND, dump_place(what, start), dump_place("never healthy", &p));
	read_back(&p);
	for (unsigned int i = 0; i < BS_SELECTORS; i++)
		if (p.through == i && !p.uncounted)
			require(p.w.bs.selectors.area[i].status == BS_SELECTOR_GOOD,
				dump_place(what, start), dump_place("not good", &p));
	exploring = saved;
}

/* No store ever succeeds: no newer selector runs, a good slot boots. */
static void check_write_protected(const struct place *start)
{
	unsigned long long starts = n_starts;
	struct place p = *start;

	to_disk(&p.w);
	for (unsigned int i = 0; i < STORES_MAX; i++)
		disk.plan[i] = ERROR_OLD;
	run_anchor(&p);
	require(slot_boots(&p) && p.through == BS_SELECTOR_NONE && n_starts == starts,
		dump_place("write-protected", start));
}

/* ---- exploration ---- */

#define PLACES_MAX (1u << 18)
static struct place *queue;
static unsigned int n_places;
static uint64_t *seen;

static bool is_new(const struct place *p)
{
	uint8_t rest[] = { p->w.lost, p->w.running, p->area[0], p->area[1], p->rotten[0],
			   p->rotten[1], p->through, p->installing, p->target, p->installs, p->uncounted,
			   p->misled };
	static uint8_t record[BS_RECORD_BYTES];
	uint64_t key;
	size_t at;

	bs_encode(&p->w.bs, record);
	key = hash_bytes(hash_bytes(0xcbf29ce484222325, record + BS_RECORD_BYTES - 32, 32), rest,
			 sizeof(rest)) | 1;
	for (at = key % (4 * PLACES_MAX); seen[at]; at = (at + 1) % (4 * PLACES_MAX))
		if (seen[at] == key)
			return false;
	seen[at] = key;
	return true;
}

static void visit(const struct place *from, struct place *to, const char *what)
{
	n_steps++;
	check_world(to);
	if (from)
		check_step(from, to, what);
	if (!is_new(to))
		return;
	require(n_places < PLACES_MAX, printf("too many places\n"));
	queue[n_places++] = *to;
	if (slot_boots(to))
		return;
	check_future(to, what);
	check_write_protected(to);
	/* The newest copy of the record rots: the one before it, with the areas as they are. */
	if (from && !from->w.lost && !to->w.lost) {
		struct place older = *to;

		older.w.bs = from->w.bs;
		check_future(&older, "the newest copy rots");
	}
}

static void explore_off(const struct place *from)
{
	for (unsigned int at = 0; at < STORES_MAX; at++) {
		unsigned int stores = 0;

		for (enum outcome o = at ? CUT_OLD : DONE; o < OUTCOMES; o++) {
			for (unsigned int unreadable = 0; unreadable < 2; unreadable++) {
				struct place to = *from;

				area_unreadable = unreadable;
				to_disk(&from->w);
				disk.plan[at] = o;
				exploring = true;
				run_anchor(&to);
				exploring = area_unreadable = false;
				stores = disk.stores > stores ? disk.stores : stores;
				read_back(&to);
				visit(from, &to, "anchor");
			}
		}
		if (at + 1 >= stores)
			break;
	}
	for (unsigned int i = 0; i < BS_SELECTORS; i++) {
		struct place to = *from;

		to.area[i] = NO_SELECTOR;
		to.rotten[i] = true;
		if (scope->rots)
			visit(from, &to, "an area rots");
		else
			check_future(&to, "an area rots");
	}
}

static void explore_running(const struct place *from)
{
	for (enum action a = 0; a < ACTIONS; a++) {
		for (enum outcome o = DONE; o < OUTCOMES; o++) {
			struct place to = *from;
			bool acted;

			to_disk(&from->w);
			disk.plan[0] = o;
			exploring = true;
			acted = run_action(&to, a);
			exploring = false;
			if (!acted)
				break;
			read_back(&to);
			visit(from, &to, a == RETRY_0 || a == RETRY_1 ? "retry" : "running");
			if (!disk.stores)
				break;
		}
	}
}

/* Slot a was confirmed; slot b, first in line, is as good or a trial. */
static struct place first_place(void)
{
	struct slotdesc a = image(1), b = image(scope->b_is_broken ? IMAGE_BROKEN : 2);
	struct place p = { .through = BS_SELECTOR_NONE };
	struct bs *bs = &p.w.bs;

	p.w.running = BS_SLOT_NONE;
	p.w.content[0] = 1;
	p.w.content[1] = (uint8_t)image_id(&b);
	assert_int_equal(bs_init_fresh(&a, 2, bs), BS_OK);
	assert_int_equal(bs_count_start(bs, 0), BS_OK);
	assert_int_equal(bs_confirm(bs, 0), BS_OK);
	assert_int_equal(bs_install_begin(bs, 1, 0, &b, false), BS_OK);
	assert_int_equal(bs_install_commit(bs, 1, &b, 2), BS_OK);
	if (!scope->b_is_broken) {
		assert_int_equal(bs_count_start(bs, 1), BS_OK);
		assert_int_equal(bs_confirm(bs, 1), BS_OK);
	}
	canonical(bs);
	canonical_selectors(bs);
	return p;
}

static void explore(void)
{
	struct place first = first_place();

	n_places = 0;
	n_steps = n_cuts = n_futures = n_starts = 0;
	queue = calloc(PLACES_MAX, sizeof(*queue));
	seen = calloc(4 * PLACES_MAX, sizeof(*seen));
	assert_true(queue && seen);
	visit(NULL, &first, "fresh");
	first.w.lost = true;
	check_future(&first, "both copies lost");
	first.w.lost = false;
	for (unsigned int i = 0; i < n_places; i++) {
		if (slot_boots(&queue[i]))
			explore_running(&queue[i]);
		else
			explore_off(&queue[i]);
	}
	print_message("%s: %u states, %llu steps, %llu cuts, %llu futures, %llu starts\n",
		      scope->name, n_places, n_steps, n_cuts, n_futures, n_starts);
	assert_true(n_places > 1000 && n_starts > 1000);
	free(queue);
	free(seen);
}

static void whatever_newer_selectors_do_the_machine_boots(void **state)
{
	(void)state;
	for (scope = scopes; scope < scopes + sizeof(scopes) / sizeof(scopes[0]); scope++)
		explore();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_newer_selectors_do_the_machine_boots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

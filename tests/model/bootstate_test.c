/*
 * The boot state explored exhaustively: every step of every actor (selector,
 * early init, slotctl, installer, operator) from every reachable state, with every
 * fault of the disk (power cut after each byte of each write, write error before
 * and after the bytes landed, dropped write, both copies lost), through the real
 * bs_load() and bs_store(). Bounds: the scopes below, and three images of which
 * the third never works. What must hold is in check_world(), check_step() and check_future().
 *
 * A cut after byte k of a write leaves the old state or the new one; that is
 * verified byte by byte (check_cuts) for each distinct write, so that the
 * exploration itself needs only those two outcomes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/core/bootstate.h"
#include "tests/model/bootstate_world.h"

/* All together would be too many states; each scope leaves out what the others vary. */
static const struct scope {
	const char *name;
	unsigned int tries;
	unsigned int installs_max; /* begun in one history; none after both copies were lost */
	bool relapses; /* confirmed boots may stop before they settle, else they settle at once */
	bool retries; /* an operator tries failed images again */
	bool lifts_floor; /* image 2 does: its confirm leaves one good slot, else two */
} scopes[] = {
	{ "tries and installs", 2, 2, false, false, true },
	{ "two good slots", 2, 1, false, false, false },
	{ "relapses", 1, 1, true, false, false },
	{ "retries", 1, 2, false, true, true },
}, *scope;

#define BOOTS_BOUND 12 /* until a machine left alone must be healthy */

static unsigned long long n_steps, n_futures;

/* ---- actors ---- */

/* Descriptors as the selector finds them; garbage may keep a stale one. */
static void rebuild(const struct world *w, bool stale, struct bs *bs)
{
	struct slotdesc d[BS_SLOTS];
	const struct slotdesc *p[BS_SLOTS];

	for (unsigned int i = 0; i < BS_SLOTS; i++) {
		unsigned int id = w->content[i] & ~ROOT_BROKEN;

		d[i] = image(id ? id : 1);
		p[i] = id || stale ? &d[i] : NULL;
	}
	bs_rebuild(p[0], p[1], bs);
}

/* A slot starts: what the record said before the count, and what it says now. */
static void started(struct world *w, const struct bs *before, const struct bs *bs,
		    unsigned int slot, bool counted)
{
	const struct bs_slot *was = &before->slot[slot], *s = &bs->slot[slot];
	static struct bs_disk reader;
	struct bs stored;

	w->running = (uint8_t)slot;
	require(s->status == BS_READY, dump("started", w));
	require(s->image.epoch >= bs->floor, dump("started", w));
	if (!counted) {
		require(s->good || bs->rebuilt, dump("uncounted", w));
		return;
	}
	/* I3: the count is on the disk already, and it fell. */
	require(!bs_load(&reader, &ops, &stored) && same_state(&stored, bs), dump("count", w));
	require(bs->boots == before->boots + 1, dump("count", w));
	require(bs->current == slot && bs->oneshot == BS_SLOT_NONE, dump("count", w));
	if (s->good)
		require(s->unconfirmed == was->unconfirmed + 1, dump("count", w));
	else if (was->tries_left)
		require(s->tries_left == was->tries_left - 1, dump("count", w));
	else
		require(before->oneshot == slot || !bs_slot_good(before, 1 - slot) || w->ever_lost ||
			w->content[1 - slot] != image_id(&before->slot[1 - slot].image),
			dump("a try too many", w));
}

/* The selector as bootstate.h tells it. */
static void run_selector(struct world *w, bool stale)
{
	unsigned int mask = 0, flags = 0, slot;
	struct bs bs, before;
	int r = bs_load(&bsd, &ops, &bs);

	if (r == BS_E_LOST)
		rebuild(w, stale, &bs);
	else
		require(r == BS_OK, dump("load", w));
	for (;;) {
		before = bs;
		if (bs_choose(&bs, mask, flags, &slot))
			return;
		require(!(mask & 1u << slot), dump("chose a failed slot", w));
		if (!(flags & BS_CHOOSE_UNCOUNTED)) {
			require(bs_count_start(&bs, slot) == BS_OK, dump("count", w));
			if (bs_store(&bsd, &bs)) {
				if (disk.dead)
					return;
				bs = before;
				flags |= BS_CHOOSE_UNCOUNTED;
				continue;
			}
		}
		if ((w->content[slot] & ~ROOT_BROKEN) == image_id(&bs.slot[slot].image) &&
		    w->content[slot] != GARBAGE) {
			started(w, &before, &bs, slot, !(flags & BS_CHOOSE_UNCOUNTED));
			return;
		}
		mask |= 1u << slot;
		if (!(flags & BS_CHOOSE_UNCOUNTED)) {
			require(!bs_mark_bad(&bs, slot, BS_REASON_UKI_HASH), dump("mark", w));
			bs_store(&bsd, &bs);
			if (disk.dead)
				return;
		}
	}
}

enum action {
	REBOOT,
	STAGE,
	INIT_BAD,
	HEALTH_FAILED,
	HEALTH_BAD,
	CONFIRM,
	SETTLE,
	SHUT_DOWN,
	ROLLBACK_OTHER,
	ROLLBACK_SELF,
	ONESHOT_OTHER,
	RETRY_OTHER,
	INSTALL_BEGIN_2,
	INSTALL_BEGIN_3,
	INSTALL_ROOT,
	INSTALL_UKI,
	INSTALL_DONE,
	INSTALL_COMMIT,
	ACTIONS,
};

static void install_step(struct world *w, enum action a)
{
	unsigned int target = 1u - w->running;

	if (w->bs.slot[target].status != BS_WRITING)
		return;
	if (a == INSTALL_ROOT && w->content[target])
		w->content[target] |= ROOT_BROKEN;
	if (a == INSTALL_UKI)
		w->content[target] = GARBAGE;
	if (a == INSTALL_DONE && w->content[target] == GARBAGE)
		w->content[target] = (uint8_t)image_id(&w->bs.slot[target].image);
}

/* Change @bs as the action wants; false: nothing to store. */
static bool decide(const struct world *w, enum action a, struct bs *bs)
{
	unsigned int self = w->running, other = 1u - self, slot;
	unsigned int content = w->content[self];
	struct slotdesc wanted, running = image(content & ~ROOT_BROKEN);
	bool known = !bs_running_slot(bs, running.root_hash, &slot) && slot == self;

	switch (a) {
	case STAGE:
		return known && !bs_set_stage(bs, BS_STAGE_KERNEL);
	case INIT_BAD:
		return known && content & ROOT_BROKEN && !bs_mark_bad(bs, slot, BS_REASON_VERITY);
	case HEALTH_FAILED:
		return known && !bs_mark_failed(bs, slot, BS_REASON_HEALTH);
	case HEALTH_BAD:
		return known && !image_works(content) && !bs_mark_bad(bs, slot, BS_REASON_HEALTH);
	case CONFIRM:
		/* Also when the record says otherwise: then it must refuse. */
		if (!image_works(content) || bs_confirm(bs, known ? slot : self))
			return false;
		return scope->relapses || !bs_end_boot(bs, slot, BS_END_SETTLED);
	case SETTLE:
		return scope->relapses && known && !bs_end_boot(bs, slot, BS_END_SETTLED);
	case SHUT_DOWN:
		return known && !bs_end_boot(bs, slot, BS_END_SHUT_DOWN);
	case RETRY_OTHER:
		return scope->retries && !bs_retry(bs, other);
	case ROLLBACK_OTHER:
		return !bs_rollback(bs, other);
	case ROLLBACK_SELF:
		return !bs_rollback(bs, self);
	case ONESHOT_OTHER:
		return !bs_set_oneshot(bs, other);
	case INSTALL_BEGIN_2:
	case INSTALL_BEGIN_3:
		wanted = image(2 + a - INSTALL_BEGIN_2);
		if (w->installs == scope->installs_max || bs_install_begin(bs, other, self, &wanted, false))
			return false;
		require(!bs_is_refused(bs, wanted.root_hash, NULL), dump("refused", w));
		return true;
	case INSTALL_COMMIT:
		if (w->content[other] != image_id(&bs->slot[other].image))
			return false;
		wanted = bs->slot[other].image;
		return !bs_install_commit(bs, other, &wanted, scope->tries);
	default:
		return false;
	}
}

static bool ends_the_boot(enum action a)
{
	return a == REBOOT || a == SHUT_DOWN || a == INIT_BAD || a == HEALTH_FAILED ||
	       a == HEALTH_BAD;
}

/* One step of early init, slotctl or the installer; false: it did nothing. */
static bool run_action(struct world *w, enum action a)
{
	struct bs bs;
	bool acted = false;

	if (bs_load(&bsd, &ops, &bs) == BS_OK)
		acted = decide(w, a, &bs) && (bs_store(&bsd, &bs), true);
	if (acted && (a == INSTALL_BEGIN_2 || a == INSTALL_BEGIN_3))
		w->installs++;
	if (a >= INSTALL_ROOT && a <= INSTALL_DONE) {
		install_step(w, a);
		acted = true;
	}
	if (ends_the_boot(a)) {
		w->running = BS_SLOT_NONE;
		acted = true;
	}
	return acted;
}

/* ---- what must hold ---- */

static void check_world(const struct world *w)
{
	if (w->lost)
		return;
	for (unsigned int i = 0; i < BS_SLOTS; i++) {
		const struct bs_slot *s = &w->bs.slot[i];

		/* What is named ready is there, whole (unless the state was guessed). */
		if (s->status == BS_READY && !w->ever_lost)
			require(w->content[i] == image_id(&s->image), dump("I2", w));
		/* Good means confirmed while running, so it works and is whole. */
		if (s->good)
			require(image_works(w->content[i]) &&
				w->content[i] == image_id(&s->image), dump("good", w));
		require(s->priority != w->bs.slot[1 - i].priority || !s->priority,
			dump("one is preferred", w));
	}
	if (w->bs.oneshot != BS_SLOT_NONE)
		require(w->bs.slot[w->bs.oneshot].status == BS_READY, dump("one-shot", w));
}

static void check_step(const struct world *from, const struct world *to, const char *what)
{
	if (from->lost || to->lost)
		return;
	if (any_good(from))
		require(any_good(to), dump(what, from), dump("to", to));
	require(to->bs.floor >= from->bs.floor, dump(what, from), dump("to", to));
	for (unsigned int i = 0; i < BS_SLOTS; i++) {
		const struct bs_slot *a = &from->bs.slot[i], *b = &to->bs.slot[i];
		bool installed = a->status == BS_WRITING || b->status == BS_WRITING;
		bool retried = !a->tries_left && !a->good && from->running != BS_SLOT_NONE &&
			       from->running != i;

		/* I3: only an install or an operator gives tries, only a confirm makes good. */
		if (!installed && !retried)
			require(b->tries_left <= a->tries_left, dump(what, from), dump("to", to));
		if (b->good && !a->good)
			require(from->running == i, dump(what, from), dump("to", to));
	}
}

/*
 * A machine left alone: each boot of an image that works is confirmed, others stop
 * silently (or early init says so). It must be healthy after a few boots.
 */
static void check_future(const struct world *start, const char *what)
{
	struct world w = *start;
	bool any_works = false, saved = exploring;
	unsigned int boots = 0;

	for (unsigned int i = 0; i < BS_SLOTS; i++)
		any_works |= image_works(w.content[i]) &&
			     (w.lost || w.bs.slot[i].status == BS_READY);
	require(any_works, dump(what, start));
	exploring = false;
	n_futures++;
	for (; boots < BOOTS_BOUND; boots++) {
		to_disk(&w);
		w.running = BS_SLOT_NONE;
		run_selector(&w, true);
		from_disk(&w);
		require(w.running != BS_SLOT_NONE, dump(what, start), dump("nothing starts", &w));
		to_disk(&w);
		if (image_works(w.content[w.running])) {
			run_action(&w, CONFIRM);
			from_disk(&w);
			require(bs_slot_good(&w.bs, w.running), dump(what, start), dump("then", &w));
			break;
		}
		run_action(&w, INIT_BAD);
		from_disk(&w);
	}
	require(boots < BOOTS_BOUND, dump(what, start), dump("never healthy", &w));
	/* What is known to be good is never more than the tries of a trial away. */
	if (any_good(start) && !start->ever_lost)
		require(boots <= scope->tries + 1, dump(what, start), dump("too late", &w));
	exploring = saved;
}

/*
 * The system in one good slot stops after every confirm before it settles. The other good slot,
 * which is well, must be reached all the same, and stayed in.
 */
static void check_relapsing(const struct world *start, unsigned int sick)
{
	unsigned int bound = bs_relapses_max(&start->bs.slot[sick]) + scope->tries + 1, boots = 0;
	struct world w = *start;

	if (w.lost || !bs_slot_good(&w.bs, 0) || !bs_slot_good(&w.bs, 1))
		return;
	n_futures++;
	for (; boots < bound; boots++) {
		to_disk(&w);
		w.running = BS_SLOT_NONE;
		run_selector(&w, true);
		from_disk(&w);
		to_disk(&w);
		run_action(&w, CONFIRM);
		from_disk(&w);
		if (w.running != sick)
			break;
	}
	require(boots < bound, dump("relapsing", start), dump("never left", &w));
	require(w.bs.slot[sick].good, dump("relapsing", start), dump("no longer good", &w));
}

/* No store ever succeeds: a good slot boots all the same, a trial never. */
static void check_write_protected(const struct world *start)
{
	struct world w = *start;

	to_disk(&w);
	for (unsigned int i = 0; i < STORES_MAX; i++)
		disk.plan[i] = ERROR_OLD;
	run_selector(&w, false);
	if (any_good(start))
		require(w.running != BS_SLOT_NONE && start->bs.slot[w.running].good,
			dump("write-protected", start));
	else if (!start->lost && !start->bs.rebuilt)
		require(w.running == BS_SLOT_NONE, dump("write-protected", start));
	else
		require(w.running != BS_SLOT_NONE, dump("write-protected", start));
}

/* ---- exploration ---- */

#define WORLDS_MAX (1u << 18)
static struct world *queue;
static unsigned int n_worlds;
static uint64_t *seen, *seen_rotten;

static uint64_t key_of(const struct world *w)
{
	static uint8_t record[BS_RECORD_BYTES];
	uint8_t rest[] = { w->lost, w->ever_lost, w->content[0], w->content[1], w->running,
			   w->installs };

	bs_encode(&w->bs, record);
	return hash_bytes(hash_bytes(0xcbf29ce484222325, record + BS_RECORD_BYTES - 32, 32),
			  rest, sizeof(rest)) | 1;
}

/* True the first time @w is asked about in @set of 4 * WORLDS_MAX keys. */
static bool new_in(uint64_t *set, const struct world *w)
{
	uint64_t key = key_of(w);
	size_t at;

	for (at = key % (4 * WORLDS_MAX); set[at]; at = (at + 1) % (4 * WORLDS_MAX))
		if (set[at] == key)
			return false;
	set[at] = key;
	return true;
}

static void visit(const struct world *from, struct world *to, const char *what)
{
	n_steps++;
	check_world(to);
	if (from)
		check_step(from, to, what);
	/*
	 * The newest copy rots: what it replaced, with the slots as they are now,
	 * must still lead to a healthy machine.
	 */
	if (from && !from->lost && !to->lost) {
		struct world rotten = *to;

		rotten.bs = from->bs;
		rotten.ever_lost = true;
		rotten.running = BS_SLOT_NONE;
		if (new_in(seen_rotten, &rotten))
			check_future(&rotten, "the newest copy rots");
	}
	if (!new_in(seen, to))
		return;
	require(n_worlds < WORLDS_MAX, printf("too many worlds\n"));
	queue[n_worlds++] = *to;
	if (to->running == BS_SLOT_NONE) {
		check_future(to, what);
		check_write_protected(to);
		for (unsigned int i = 0; scope->relapses && i < BS_SLOTS; i++)
			check_relapsing(to, i);
	}
}

/* Every single fault at every store of the selector's run. */
static void explore_off(const struct world *from)
{
	for (unsigned int at = 0; at < STORES_MAX; at++) {
		unsigned int stores = 0;

		for (enum outcome o = at ? CUT_OLD : DONE; o < OUTCOMES; o++) {
			for (int stale = 0; stale <= from->lost; stale++) {
				struct world to = *from;

				to_disk(from);
				disk.plan[at] = o;
				exploring = true;
				run_selector(&to, stale);
				exploring = false;
				stores = disk.stores > stores ? disk.stores : stores;
				from_disk(&to);
				visit(from, &to, "selector");
			}
		}
		if (at + 1 >= stores)
			break;
	}
	if (!from->ever_lost) {
		struct world to = *from;

		to.lost = to.ever_lost = true;
		memset(&to.bs, 0, sizeof(to.bs));
		/* Look ahead from everywhere; explore on from histories of one install. */
		check_future(&to, "both copies lost");
		if (from->installs < scope->installs_max) {
			to.installs = scope->installs_max;
			visit(from, &to, "both copies lost");
		}
	}
}

static void explore_running(const struct world *from)
{
	for (enum action a = 0; a < ACTIONS; a++) {
		for (enum outcome o = DONE; o < OUTCOMES; o++) {
			struct world to = *from;
			bool acted;

			to_disk(from);
			disk.plan[0] = o;
			exploring = true;
			acted = run_action(&to, a);
			exploring = false;
			if (!acted)
				break;
			from_disk(&to);
			visit(from, &to, "running");
			if (!disk.stores)
				break;
		}
	}
}

static void explore(void)
{
	struct slotdesc first;
	struct world w;

	image_2_lifts_the_floor = scope->lifts_floor;
	first = image(1);
	n_worlds = 0;
	n_steps = n_cuts = n_futures = 0;
	queue = calloc(WORLDS_MAX, sizeof(*queue));
	seen = calloc(4 * WORLDS_MAX, sizeof(*seen));
	seen_rotten = calloc(4 * WORLDS_MAX, sizeof(*seen_rotten));
	assert_non_null(queue);
	assert_non_null(seen_rotten);
	assert_non_null(seen);
	memset(&w, 0, sizeof(w));
	assert_int_equal(bs_init_fresh(&first, scope->tries, &w.bs), BS_OK);
	canonical(&w.bs);
	w.content[0] = 1;
	w.running = BS_SLOT_NONE;
	visit(NULL, &w, "fresh");
	for (unsigned int i = 0; i < n_worlds; i++) {
		if (queue[i].running == BS_SLOT_NONE)
			explore_off(&queue[i]);
		else
			explore_running(&queue[i]);
	}
	print_message("%s: %u states, %llu steps, %llu cuts, %llu futures\n", scope->name,
		      n_worlds, n_steps, n_cuts, n_futures);
	/* A model that explores little proves little. */
	assert_true(n_worlds > 1000);
	free(queue);
	free(seen);
	free(seen_rotten);
}

static void every_step_from_every_state_keeps_the_promise(void **state)
{
	(void)state;
	for (scope = scopes; scope < scopes + sizeof(scopes) / sizeof(scopes[0]); scope++)
		explore();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_step_from_every_state_keeps_the_promise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

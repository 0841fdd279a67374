/*
 * The rules of the boot state: every decision about slots is taken in this file.
 *
 * Its invariant: a slot that was confirmed stops being good only when an install
 * to it begins, and that is refused unless another good slot remains. So what
 * bs_choose() can fall back to never shrinks to nothing.
 */
#include "lib/core/bootstate.h"

#include "lib/core/bytes.h"
#include "lib/core/platform.h"

#define PRIORITY_FIRST 2 /* of the preferred slot; the other one has PRIORITY_SECOND */
#define PRIORITY_SECOND 1

/* How good a choice a slot is; a higher one always wins. */
enum rank {
	RANK_NEVER = 0,
	RANK_READY, /* tries used up, never confirmed: better than no boot at all */
	RANK_GOOD, /* confirmed once, but its last boots were not */
	RANK_CHANCE, /* a trial with tries left, or a good slot in good standing */
	RANK_ONESHOT,
};

static unsigned int other_slot(unsigned int slot)
{
	return 1 - slot;
}

/* The bytes are complete and may run at all. */
static bool startable(const struct bs *bs, unsigned int slot)
{
	const struct bs_slot *s = &bs->slot[slot];

	return s->status == BS_READY && s->image.epoch >= bs->floor;
}

bool bs_slot_good(const struct bs *bs, unsigned int slot)
{
	return slot < BS_SLOTS && startable(bs, slot) && bs->slot[slot].good;
}

/*
 * Twice the tries: power that fails again and again soon after boots looks like
 * relapses, and is no reason to leave a version so soon.
 */
unsigned int bs_relapses_max(const struct bs_slot *s)
{
	return 2u * s->tries_max;
}

bool bs_slot_bootable(const struct bs *bs, unsigned int slot)
{
	const struct bs_slot *s;

	if (slot >= BS_SLOTS || !startable(bs, slot))
		return false;
	s = &bs->slot[slot];
	if (!s->good)
		return s->tries_left > 0;
	return s->unconfirmed < s->tries_max && s->relapses < bs_relapses_max(s);
}

bool bs_boot_confirmed(const struct bs *bs)
{
	return bs->current < BS_SLOTS && bs->ring[0].number && bs->ring[0].slot == bs->current &&
	       bs->ring[0].stage == BS_STAGE_CONFIRMED;
}

int bs_running_slot(const struct bs *bs, const uint8_t root_hash[32], unsigned int *ret_slot)
{
	if (bs->current >= BS_SLOTS ||
	    memcmp(bs->slot[bs->current].image.root_hash, root_hash, 32))
		return BS_E_SLOT;
	*ret_slot = bs->current;
	return BS_OK;
}

/* ---- making a state ---- */

static void state_init(struct bs *bs)
{
	memset(bs, 0, sizeof(*bs));
	bs->current = BS_SLOT_NONE;
	bs->oneshot = BS_SLOT_NONE;
	bs->selectors.through = BS_SELECTOR_NONE;
}

static void slot_ready(struct bs_slot *s, const struct slotdesc *image, unsigned int tries)
{
	memset(s, 0, sizeof(*s));
	s->status = BS_READY;
	s->tries_left = (uint8_t)tries;
	s->tries_max = (uint8_t)tries;
	s->image = *image;
}

static bool tries_valid(unsigned int tries)
{
	return tries >= 1 && tries <= BS_TRIES_MAX;
}

int bs_init_fresh(const struct slotdesc *image, unsigned int tries, struct bs *ret)
{
	if (!tries_valid(tries) || !slotdesc_valid(image))
		return BS_E_FIELD;
	state_init(ret);
	slot_ready(&ret->slot[0], image, tries);
	ret->slot[0].priority = PRIORITY_SECOND;
	ret->floor = image->epoch;
	return BS_OK;
}

void bs_rebuild(const struct slotdesc *a, const struct slotdesc *b, struct bs *ret)
{
	state_init(ret);
	ret->rebuilt = true;
	if (a) {
		slot_ready(&ret->slot[0], a, BS_TRIES_DEFAULT);
		ret->slot[0].priority = PRIORITY_FIRST;
		ret->floor = a->epoch;
	}
	if (b) {
		slot_ready(&ret->slot[1], b, BS_TRIES_DEFAULT);
		ret->slot[1].priority = PRIORITY_SECOND;
		/* The lower one: the higher would forbid a slot that was allowed. */
		if (!a || b->epoch < ret->floor)
			ret->floor = b->epoch;
	}
}

/* ---- choosing and starting ---- */

static enum rank rank_counted(const struct bs *bs, unsigned int slot)
{
	if (!startable(bs, slot))
		return RANK_NEVER;
	if (bs->oneshot == slot)
		return RANK_ONESHOT;
	if (bs_slot_bootable(bs, slot))
		return RANK_CHANCE;
	return bs->slot[slot].good ? RANK_GOOD : RANK_READY;
}

/*
 * When the start cannot be stored, nothing may run that has not proved itself:
 * a trial would be tried for ever, and a one-shot would never end. A rebuilt
 * state knows no good slot; there any ready one is better than none.
 */
static enum rank rank_uncounted(const struct bs *bs, unsigned int slot)
{
	bool none_good = !bs_slot_good(bs, 0) && !bs_slot_good(bs, 1);

	if (bs_slot_good(bs, slot))
		return bs_slot_bootable(bs, slot) ? RANK_CHANCE : RANK_GOOD;
	return bs->rebuilt && none_good && startable(bs, slot) ? RANK_READY : RANK_NEVER;
}

/*
 * Between slots of one rank: is @a before @b? Else the lower number is. Where
 * neither has a chance of its own they take turns, as one may have recovered.
 */
static bool before(const struct bs *bs, unsigned int a, unsigned int b, enum rank rank)
{
	if (rank < RANK_CHANCE && (bs->current == a || bs->current == b))
		return bs->current == b;
	return bs->slot[a].priority > bs->slot[b].priority;
}

int bs_choose(const struct bs *bs, unsigned int failed_mask, unsigned int flags,
	      unsigned int *ret_slot)
{
	enum rank best_rank = RANK_NEVER;
	unsigned int best = 0;

	for (unsigned int i = 0; i < BS_SLOTS; i++) {
		enum rank rank;

		if (failed_mask & 1u << i)
			continue;
		rank = flags & BS_CHOOSE_UNCOUNTED ? rank_uncounted(bs, i) : rank_counted(bs, i);
		if (rank > best_rank ||
		    (rank && rank == best_rank && before(bs, i, best, rank))) {
			best_rank = rank;
			best = i;
		}
	}
	if (best_rank == RANK_NEVER)
		return BS_E_NO_SLOT;
	*ret_slot = best;
	return BS_OK;
}

/* Failures of the disk, not of the image: the same image may be installed again. */
static bool reason_blames_image(enum bs_reason reason)
{
	switch (reason) {
	case BS_REASON_NO_PARTITION:
	case BS_REASON_UKI_READ:
	case BS_REASON_UKI_SIZE:
	case BS_REASON_UKI_HASH:
	case BS_REASON_MEMORY:
	case BS_REASON_BELOW_FLOOR:
	case BS_REASON_NO_DEVICE:
	case BS_REASON_VERITY:
	case BS_REASON_OPERATOR:
	case BS_REASON_SHUT_DOWN:
		return false;
	default:
		return true;
	}
}

bool bs_is_refused(const struct bs *bs, const uint8_t root_hash[32], enum bs_reason *ret_reason)
{
	if (bytes_are_zero(root_hash, 32))
		return false;
	for (unsigned int i = 0; i < BS_REFUSED_MAX; i++) {
		if (memcmp(bs->refused[i].root_hash, root_hash, 32))
			continue;
		if (ret_reason)
			*ret_reason = bs->refused[i].reason;
		return true;
	}
	return false;
}

bool bs_forgive(struct bs *bs, const uint8_t root_hash[32])
{
	if (!bs_is_refused(bs, root_hash, NULL))
		return false;
	for (unsigned int i = 0; i < BS_REFUSED_MAX; i++) {
		if (memcmp(bs->refused[i].root_hash, root_hash, 32))
			continue;
		memmove(&bs->refused[i], &bs->refused[i + 1],
			(BS_REFUSED_MAX - 1 - i) * sizeof(bs->refused[0]));
		memset(&bs->refused[BS_REFUSED_MAX - 1], 0, sizeof(bs->refused[0]));
		break;
	}
	return true;
}

static void refuse(struct bs *bs, const struct slotdesc *image, enum bs_reason reason)
{
	if (bytes_are_zero(image->root_hash, 32) || !reason_blames_image(reason))
		return;
	bs_forgive(bs, image->root_hash);
	memmove(&bs->refused[1], &bs->refused[0], (BS_REFUSED_MAX - 1) * sizeof(bs->refused[0]));
	memcpy(bs->refused[0].root_hash, image->root_hash, 32);
	memcpy(bs->refused[0].version, image->version, VERSION_TEXT_SIZE);
	bs->refused[0].reason = reason;
}

/*
 * Give up the trial in @slot if the other slot is good; a root hash that is good
 * over there is not refused.
 */
static bool give_up_trial(struct bs *bs, unsigned int slot)
{
	struct bs_slot *s = &bs->slot[slot];
	const struct bs_slot *other = &bs->slot[other_slot(slot)];

	if (s->status != BS_READY || s->good || !bs_slot_good(bs, other_slot(slot)))
		return false;
	s->status = BS_BAD;
	s->tries_left = 0;
	if (s->reason == BS_REASON_NONE)
		s->reason = BS_REASON_TRIES_EXHAUSTED;
	if (memcmp(s->image.root_hash, other->image.root_hash, 32))
		refuse(bs, &s->image, s->reason);
	return true;
}

/* What is known of the boot before this one when it said nothing more. */
static enum bs_reason verdict_of(const struct bs_boot *last)
{
	if (last->reason != BS_REASON_NONE)
		return last->reason;
	if (last->stage == BS_STAGE_CONFIRMED)
		return last->end == BS_END_UNKNOWN ? BS_REASON_RELAPSE : BS_REASON_NONE;
	return last->end == BS_END_SHUT_DOWN ? BS_REASON_SHUT_DOWN : BS_REASON_NO_VERDICT;
}

static void close_last_boot(struct bs *bs)
{
	struct bs_boot *last = &bs->ring[0];
	struct bs_slot *s;

	if (!last->number)
		return;
	last->reason = verdict_of(last);
	if (bs->current != last->slot)
		return;
	s = &bs->slot[last->slot];
	if (s->reason == BS_REASON_NONE)
		s->reason = last->reason;
	if (last->reason == BS_REASON_RELAPSE && s->relapses < UINT8_MAX)
		s->relapses++;
}

int bs_count_start(struct bs *bs, unsigned int slot)
{
	struct bs_slot *s;

	if (slot >= BS_SLOTS)
		return BS_E_SLOT;
	s = &bs->slot[slot];
	if (s->status != BS_READY)
		return BS_E_STATUS;
	if (!startable(bs, slot))
		return BS_E_FLOOR;

	close_last_boot(bs);
	if (!bs->slot[other_slot(slot)].tries_left)
		give_up_trial(bs, other_slot(slot));

	if (!s->good && s->tries_left)
		s->tries_left--;
	if (s->unconfirmed < UINT8_MAX)
		s->unconfirmed++;
	s->stage = BS_STAGE_SELECTED;
	s->reason = BS_REASON_NONE;
	bs->oneshot = BS_SLOT_NONE;
	bs->current = (uint8_t)slot;
	bs->boots++;
	memmove(&bs->ring[1], &bs->ring[0], (BS_RING_MAX - 1) * sizeof(bs->ring[0]));
	bs->ring[0] = (struct bs_boot){ .number = bs->boots, .slot = (uint8_t)slot,
					.stage = BS_STAGE_SELECTED };
	memcpy(bs->ring[0].version, s->image.version, VERSION_TEXT_SIZE);
	bs_selector_reached(bs, BS_STAGE_SELECTED);
	return BS_OK;
}

/* ---- how the running boot gets on ---- */

/* True when the ring's newest entry is the boot of @slot, the one started last. */
static bool is_current(const struct bs *bs, unsigned int slot)
{
	return slot < BS_SLOTS && bs->current == slot && bs->ring[0].number &&
	       bs->ring[0].slot == slot;
}

int bs_set_stage(struct bs *bs, enum bs_stage stage)
{
	/* Only bs_confirm() says `confirmed`. */
	if (!is_current(bs, bs->current) || stage >= BS_STAGE_CONFIRMED)
		return BS_E_SLOT;
	if (stage > bs->slot[bs->current].stage)
		bs->slot[bs->current].stage = stage;
	if (stage > bs->ring[0].stage)
		bs->ring[0].stage = stage;
	bs_selector_reached(bs, stage);
	return BS_OK;
}

int bs_mark_failed(struct bs *bs, unsigned int slot, enum bs_reason reason)
{
	if (!is_current(bs, slot))
		return BS_E_SLOT;
	bs->slot[slot].reason = reason;
	bs->ring[0].reason = reason;
	return BS_OK;
}

int bs_mark_bad(struct bs *bs, unsigned int slot, enum bs_reason reason)
{
	struct bs_slot *s;
	int r = bs_mark_failed(bs, slot, reason);

	if (r)
		return r;
	s = &bs->slot[slot];
	if (s->good) {
		if (s->unconfirmed < s->tries_max)
			s->unconfirmed = s->tries_max;
		return BS_OK;
	}
	if (!give_up_trial(bs, slot))
		s->tries_left = 0;
	return BS_OK;
}

int bs_confirm(struct bs *bs, unsigned int slot)
{
	struct bs_slot *s;

	if (!is_current(bs, slot))
		return BS_E_SLOT;
	s = &bs->slot[slot];
	if (s->status != BS_READY)
		return BS_E_STATUS;
	s->good = true;
	s->tries_left = 0;
	s->unconfirmed = 0;
	s->stage = BS_STAGE_CONFIRMED;
	s->reason = BS_REASON_NONE;
	bs->ring[0].stage = BS_STAGE_CONFIRMED;
	bs->ring[0].reason = BS_REASON_NONE;
	bs->rebuilt = false;
	bs_selector_confirmed(bs);
	if (s->image.epoch > bs->floor)
		bs->floor = s->image.epoch;
	return BS_OK;
}

int bs_end_boot(struct bs *bs, unsigned int slot, enum bs_end end)
{
	if (!is_current(bs, slot))
		return BS_E_SLOT;
	if (bs->ring[0].stage != BS_STAGE_CONFIRMED && end == BS_END_SETTLED)
		return BS_E_STATUS;
	if (end > bs->ring[0].end)
		bs->ring[0].end = end;
	if (bs->ring[0].stage == BS_STAGE_CONFIRMED)
		bs->slot[slot].relapses = 0;
	return BS_OK;
}

static bool left_no_word(enum bs_reason reason)
{
	return reason == BS_REASON_NO_VERDICT || reason == BS_REASON_RELAPSE;
}

/* The reason why @image is refused was a guess; @reason is known now. */
static void explain_refusal(struct bs *bs, const struct slotdesc *image, enum bs_reason reason)
{
	for (unsigned int i = 0; i < BS_REFUSED_MAX; i++)
		if (!memcmp(bs->refused[i].root_hash, image->root_hash, 32) &&
		    left_no_word(bs->refused[i].reason))
			bs->refused[i].reason = reason;
	if (bs_is_refused(bs, image->root_hash, NULL) && !reason_blames_image(reason))
		bs_forgive(bs, image->root_hash);
}

bool bs_explain_previous(struct bs *bs, enum bs_reason reason, uint64_t *ret_number)
{
	unsigned int i = 1;
	struct bs_boot *b;
	struct bs_slot *s;

	while (i < BS_RING_MAX && bs->ring[i].number && bs->ring[i].stage < BS_STAGE_LOADED)
		i++;
	if (i == BS_RING_MAX || !bs->ring[i].number || !left_no_word(bs->ring[i].reason))
		return false;
	b = &bs->ring[i];
	s = &bs->slot[b->slot];
	*ret_number = b->number;
	if (s->status != BS_EMPTY && !memcmp(s->image.version, b->version, VERSION_TEXT_SIZE)) {
		if (left_no_word(s->reason))
			s->reason = reason;
		explain_refusal(bs, &s->image, reason);
	}
	b->reason = reason;
	return true;
}

/* ---- installing ---- */

/*
 * Would writing over @slot leave less to boot from than the promise allows? A
 * slot that can boot is given up only for one that proved itself: it is good,
 * and if the system runs from it, it was confirmed in this very boot.
 */
static bool gives_up_too_much(const struct bs *bs, unsigned int slot, unsigned int running)
{
	unsigned int other = other_slot(slot);

	if (!startable(bs, slot))
		return false;
	if (running == BS_SLOT_NONE)
		return bs->slot[slot].good ? !bs_slot_good(bs, other) : !startable(bs, other);
	return !(bs_slot_good(bs, other) && bs->current == running && bs_boot_confirmed(bs));
}

int bs_install_check(const struct bs *bs, unsigned int slot, unsigned int running,
		     const struct slotdesc *image, bool allow_refused)
{
	if (slot >= BS_SLOTS || (running >= BS_SLOTS && running != BS_SLOT_NONE))
		return BS_E_SLOT;
	if (slot == running)
		return BS_E_RUNNING;
	if (!slotdesc_valid(image))
		return BS_E_FIELD;
	if (image->epoch < bs->floor)
		return BS_E_FLOOR;
	if (!allow_refused && bs_is_refused(bs, image->root_hash, NULL))
		return BS_E_REFUSED;
	if (gives_up_too_much(bs, slot, running))
		return BS_E_ONLY_GOOD;
	return BS_OK;
}

int bs_install_begin(struct bs *bs, unsigned int slot, unsigned int running,
		     const struct slotdesc *image, bool allow_refused)
{
	struct slotdesc copy = *image; /* it may lie in the slot that is cleared */
	int r = bs_install_check(bs, slot, running, &copy, allow_refused);

	if (r)
		return r;
	memset(&bs->slot[slot], 0, sizeof(bs->slot[slot]));
	bs->slot[slot].status = BS_WRITING;
	bs->slot[slot].image = copy;
	if (bs->oneshot == slot)
		bs->oneshot = BS_SLOT_NONE;
	if (bs->current == slot)
		bs->current = BS_SLOT_NONE;
	return BS_OK;
}

static bool same_image(const struct slotdesc *a, const struct slotdesc *b)
{
	return a->uki_bytes == b->uki_bytes && a->epoch == b->epoch &&
	       !memcmp(a->uki_sha256, b->uki_sha256, SHA256_BYTES) &&
	       !memcmp(a->root_hash, b->root_hash, 32) &&
	       !memcmp(a->name, b->name, IMAGE_NAME_SIZE) &&
	       !memcmp(a->version, b->version, VERSION_TEXT_SIZE);
}

static void prefer(struct bs *bs, unsigned int slot)
{
	bs->slot[slot].priority = PRIORITY_FIRST;
	bs->slot[other_slot(slot)].priority = PRIORITY_SECOND;
}

int bs_install_commit(struct bs *bs, unsigned int slot, const struct slotdesc *image,
		      unsigned int tries)
{
	if (slot >= BS_SLOTS)
		return BS_E_SLOT;
	if (bs->slot[slot].status != BS_WRITING)
		return BS_E_STATUS;
	if (!same_image(&bs->slot[slot].image, image))
		return BS_E_DIFFERENT;
	if (!tries_valid(tries))
		return BS_E_FIELD;
	slot_ready(&bs->slot[slot], image, tries);
	prefer(bs, slot);
	return BS_OK;
}

/* ---- an operator's wishes ---- */

int bs_rollback(struct bs *bs, unsigned int slot)
{
	if (slot >= BS_SLOTS)
		return BS_E_SLOT;
	if (bs->slot[slot].status != BS_READY || !bs->slot[slot].good)
		return BS_E_STATUS;
	if (!startable(bs, slot))
		return BS_E_FLOOR;
	prefer(bs, slot);
	bs->oneshot = BS_SLOT_NONE;
	if (slot != bs->current)
		bs->slot[slot].unconfirmed = 0;
	bs->slot[slot].relapses = 0;
	return BS_OK;
}

int bs_retry(struct bs *bs, unsigned int slot)
{
	struct bs_slot *s;
	bool failed;

	if (slot >= BS_SLOTS)
		return BS_E_SLOT;
	if (slot == bs->current)
		return BS_E_RUNNING;
	s = &bs->slot[slot];
	failed = s->status == BS_BAD || (s->status == BS_READY && !s->good && !s->tries_left);
	if (!failed || !s->tries_max)
		return BS_E_STATUS;
	if (s->image.epoch < bs->floor)
		return BS_E_FLOOR;
	bs_forgive(bs, s->image.root_hash);
	s->status = BS_READY;
	s->good = false;
	s->tries_left = s->tries_max;
	s->unconfirmed = 0;
	s->relapses = 0;
	prefer(bs, slot);
	return BS_OK;
}

int bs_set_oneshot(struct bs *bs, unsigned int slot)
{
	if (slot != BS_SLOT_NONE) {
		if (slot >= BS_SLOTS)
			return BS_E_SLOT;
		if (bs->slot[slot].status != BS_READY)
			return BS_E_STATUS;
		if (!startable(bs, slot))
			return BS_E_FLOOR;
	}
	bs->oneshot = (uint8_t)slot;
	return BS_OK;
}

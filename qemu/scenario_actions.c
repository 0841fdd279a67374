/* See scenario_actions.h; what each action means is in scenario.h. */
#include "qemu/scenario_actions.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/err.h"
#include "lib/core/bootstate.h"
#include "qemu/candidate.h"
#include "qemu/scenario.h"
#include "qemu/scenario_text.h"

#define EXPECT_MS 120000
#define CONFIRM_MS 400000
#define RUN_MS 60000
#define SEND_MS 300000
#define BLOCK_MAX (UINT64_C(1) << 40)
#define BOOTS_MAX 64

static const char *const slot_words[] = { "slot-a", "slot-b", NULL };
static const char *const slot_letters[] = { "a", "b", NULL };
static const char *const copies[] = { "primary", "backup", NULL };

static struct step *new_step(struct parser *p, enum step_kind kind, uint64_t timeout_ms)
{
	struct step *st;

	if (p->s->n == SCENARIO_STEPS_MAX) {
		mistake(p, 1, "more than %d actions", SCENARIO_STEPS_MAX);
		return NULL;
	}
	st = &p->s->step[p->s->n++];
	*st = (struct step){
		.kind = kind,
		.line = p->line,
		.column = p->token[0].column,
		.timeout_ms = timeout_ms,
		.count = 1,
	};
	return st;
}

static int timed(struct parser *p, enum step_kind kind, uint64_t timeout_ms)
{
	struct step *st = new_step(p, kind, timeout_ms);

	return st ? take_time(p, &st->timeout_ms) : -EINVAL;
}

/* Take a slot as the next word, as @words has them. */
static int take_slot(struct parser *p, struct step *st, const char *const *words)
{
	int slot = st ? take_choice(p, words) : -EINVAL;

	if (slot < 0)
		return slot;
	st->slot = (unsigned)slot;
	return 0;
}

static int need_ssh(struct parser *p, const char *what)
{
	return p->s->needs_ssh ? 0
			       : mistake(p, p->token[0].column,
					 "'%s' needs the line 'needs ssh' above", what);
}

/* A word of @choices as the step's text. */
static int take_name(struct parser *p, struct step *st, const char *const *choices)
{
	int i = take_choice(p, choices);

	if (i < 0)
		return i;
	st->text = strdup(choices[i]);
	return st->text ? 0 : err_oom(p->err);
}

int action_boot(struct parser *p)
{
	return new_step(p, STEP_BOOT, 0) ? 0 : -EINVAL;
}

int action_reset(struct parser *p)
{
	return new_step(p, STEP_RESET, 0) ? 0 : -EINVAL;
}

int action_reboot(struct parser *p)
{
	return timed(p, STEP_REBOOT, EXPECT_MS);
}

int action_power(struct parser *p)
{
	static const char *const ways[] = { "off", "cut", NULL };
	int i = take_choice(p, ways);

	if (i < 0)
		return i;
	return i == 0				? timed(p, STEP_POWER_OFF, EXPECT_MS)
	       : new_step(p, STEP_POWER_CUT, 0) ? 0
						: -EINVAL;
}

/* ---- expectations ----------------------------------------------------------------- */

static int expect_serial(struct parser *p)
{
	struct step *st = new_step(p, STEP_EXPECT_SERIAL, EXPECT_MS);

	if (!st || take_text(p, "the text expected", &st->text) < 0)
		return -EINVAL;
	return take_time(p, &st->timeout_ms);
}

static int expect_slot(struct parser *p)
{
	struct step *st = new_step(p, STEP_EXPECT_SLOT, EXPECT_MS);
	int r = take_slot(p, st, slot_letters);

	return r < 0 ? r : take_time(p, &st->timeout_ms);
}

static int confirmation(struct parser *p, enum step_kind kind)
{
	struct step *st = new_step(p, kind, CONFIRM_MS);
	int r = take_slot(p, st, slot_letters);

	if (r < 0)
		return r;
	st->count = 0;
	if (take_word(p, "boots"))
		r = take_number(p, "the number of boots", BOOTS_MAX, &st->count);
	return r < 0 ? r : take_time(p, &st->timeout_ms);
}

static int expect_confirmed(struct parser *p)
{
	return confirmation(p, STEP_EXPECT_CONFIRMED);
}

static int expect_fallback(struct parser *p)
{
	return confirmation(p, STEP_EXPECT_FALLBACK);
}

static int expect_reset(struct parser *p)
{
	return timed(p, STEP_EXPECT_RESET, EXPECT_MS);
}

static int expect_off(struct parser *p)
{
	return timed(p, STEP_EXPECT_OFF, EXPECT_MS);
}

static int expect_state(struct parser *p)
{
	static const char *const states[] = { "good", "ready", "bad", "empty", "writing", NULL };
	struct step *st = new_step(p, STEP_EXPECT_STATE, 0);
	int r = take_slot(p, st, slot_words);

	return r < 0 ? r : take_name(p, st, states);
}

static int expect_uki(struct parser *p)
{
	struct step *st = new_step(p, STEP_EXPECT_UKI, RUN_MS);
	int r = take_slot(p, st, slot_words);

	if (r == 0)
		r = need_ssh(p, "expect uki");
	return r < 0 ? r : take_time(p, &st->timeout_ms);
}

static int expect_reason(struct parser *p)
{
	const char *reasons[BS_REASON_COUNT + 1] = { NULL };
	struct step *st = new_step(p, STEP_EXPECT_REASON, 0);
	int r = take_slot(p, st, slot_words);

	for (int i = 0; i < BS_REASON_COUNT; i++)
		reasons[i] = bs_reason_name((enum bs_reason)i);
	return r < 0 ? r : take_name(p, st, reasons);
}

static int expect_log(struct parser *p)
{
	struct step *st = new_step(p, STEP_EXPECT_LOG, 0);
	int r = take_slot(p, st, slot_words);

	return r < 0 ? r : take_text(p, "the text expected", &st->text);
}

int action_expect(struct parser *p)
{
	static const char *const things[] = {
		"serial", "slot",  "confirmed", "fallback", "reset",
		"off",	  "state", "uki",	"reason",   "log",   NULL,
	};
	static int (*const parse[])(struct parser *) = {
		expect_serial, expect_slot,  expect_confirmed, expect_fallback, expect_reset,
		expect_off,    expect_state, expect_uki,       expect_reason,   expect_log,
	};
	int i = take_choice(p, things);

	return i < 0 ? i : parse[i](p);
}

int action_run(struct parser *p)
{
	struct step *st = new_step(p, STEP_RUN, RUN_MS);
	uint64_t status = 0;
	int r = st ? take_text(p, "the command", &st->text) : -EINVAL;

	if (r == 0)
		r = need_ssh(p, "run");
	if (r == 0 && take_word(p, "expect"))
		r = take_text(p, "the text expected", &st->expect);
	if (r == 0 && take_word(p, "status"))
		r = take_number(p, "the status", 255, &status);
	if (r == 0)
		st->status = (int)status;
	return r < 0 ? r : take_time(p, &st->timeout_ms);
}

int action_send(struct parser *p)
{
	static const char *const what[] = { "next", NULL };
	struct step *st = new_step(p, STEP_SEND, SEND_MS);
	int r = st ? need_ssh(p, "send") : -EINVAL;

	if (r == 0)
		r = take_choice(p, what);
	if (r >= 0)
		r = take_text(p, "the path in the guest", &st->text);
	if (r < 0)
		return r;
	if (st->text[0] != '/' || strchr(st->text, '\''))
		return mistake(p, st->column, "'%s' is no path to send to", st->text);
	st->next = p->s->needs_next = true;
	return take_time(p, &st->timeout_ms);
}

/* ---- the disk --------------------------------------------------------------------- */

/* A kind of version or `next`, then what else is said of it. */
static int install(struct parser *p, enum step_kind kind)
{
	struct step *st = new_step(p, kind, 0);
	uint64_t tries = 0;
	int r = take_slot(p, st, slot_words);

	if (r < 0)
		return r;
	st->next = take_word(p, "next");
	p->s->needs_next |= st->next;
	if (!st->next)
		r = take_name(p, st, candidate_kind_names());
	if (r == 0 && !st->next && take_word(p, "version"))
		r = take_text(p, "the version", &st->expect);
	if (r == 0 && take_word(p, "tries"))
		r = take_number(p, "the number of tries", BS_TRIES_MAX, &tries);
	if (r == 0 && !st->next && take_word(p, "root"))
		r = take_size(p, &st->bytes);
	st->tries = (unsigned)tries;
	st->retry = r == 0 && take_word(p, "retry");
	return r;
}

int action_install(struct parser *p)
{
	return install(p, STEP_INSTALL);
}

int action_refuse(struct parser *p)
{
	static const char *const things[] = { "serial", "install", NULL };
	int i = take_choice(p, things);
	struct step *st;

	if (i < 0)
		return i;
	if (i == 1)
		return install(p, STEP_REFUSE_INSTALL);
	st = new_step(p, STEP_REFUSE_SERIAL, 0);
	return st ? take_text(p, "the text refused", &st->text) : -EINVAL;
}

int action_clone(struct parser *p)
{
	struct step *st = new_step(p, STEP_CLONE, 0);
	int r = take_slot(p, st, slot_words), to;
	unsigned column = column_here(p);

	if (r < 0)
		return r;
	to = take_choice(p, slot_words);
	if (to < 0)
		return to;
	return st->slot != (unsigned)to
		       ? 0
		       : mistake(p, column, "a slot is not cloned onto itself");
}

/* "block N [count N]" */
static int take_blocks(struct parser *p, struct step *st)
{
	if (!take_word(p, "block"))
		return mistake(p, column_here(p), "'block N' must stand here");
	if (take_number(p, "the block", BLOCK_MAX, &st->block) < 0)
		return -EINVAL;
	if (!take_word(p, "count"))
		return 0;
	return take_number(p, "the count", 65536, &st->count);
}

/* Places of each part of a slot which have names; spots come first, then whole parts. */
static const struct {
	const char *word;
	enum step_place place;
	bool whole; /* for `corrupt` only */
	unsigned targets; /* bit set of enum step_target */
} places[] = {
	{ "superblock", PLACE_SUPERBLOCK, false, 1u << TARGET_ROOT },
	{ "first", PLACE_FIRST, false, 1u << TARGET_ROOT },
	{ "metadata", PLACE_METADATA, false, 1u << TARGET_ROOT },
	{ "middle", PLACE_MIDDLE, false, 1u << TARGET_ROOT | 1u << TARGET_HASH },
	{ "last", PLACE_LAST, false, 1u << TARGET_ROOT },
	{ "leaf", PLACE_LEAF, false, 1u << TARGET_HASH },
	{ "top", PLACE_TOP, false, 1u << TARGET_HASH },
	{ "truncate", PLACE_TRUNCATE, true, 1u << TARGET_UKI },
	{ "zero", PLACE_ZERO, true, 1u << TARGET_UKI | 1u << TARGET_SIG },
	{ "swap", PLACE_SWAP, true, 1u << TARGET_UKI | 1u << TARGET_SIG },
};

static int take_place(struct parser *p, struct step *st, bool whole)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (!(places[i].targets & 1u << st->target) || (places[i].whole && !whole))
			continue;
		if (!take_word(p, places[i].word))
			continue;
		st->place = places[i].place;
		return 0;
	}
	return take_blocks(p, st);
}

/* What stands behind slot-a or slot-b; @whole: a part may be hit as a whole. */
static int spot_in_slot(struct parser *p, struct step *st, bool whole)
{
	static const char *const parts[] = { "uki", "root", "hash", "sig", "section",
					     "verity-superblock", NULL };
	static const char *const spots[] = { "uki", "root", "hash", "sig", NULL };
	int part = take_choice(p, whole ? parts : spots);

	if (part < 0)
		return part;
	st->target = (enum step_target)part;
	if (st->target == TARGET_SECTION)
		return take_text(p, "the section's name", &st->text);
	return st->target == TARGET_SUPERBLOCK ? 0 : take_place(p, st, whole);
}

static int take_spot(struct parser *p, struct step *st, bool whole)
{
	static const char *const things[] = { "slot-a", "slot-b", "boot-state",
					      "state",	"gpt",	  NULL };
	int thing = st ? take_choice(p, things) : -EINVAL, copy;

	switch (thing) {
	case 0:
	case 1:
		st->slot = (unsigned)thing;
		return spot_in_slot(p, st, whole);
	case 2:
		st->target = TARGET_BOOT_STATE;
		if (!take_word(p, "copy"))
			return mistake(p, column_here(p), "'copy 0' or 'copy 1' must stand here");
		return take_number(p, "the copy", 1, &st->block);
	case 3:
		st->target = TARGET_STATE;
		return take_blocks(p, st);
	case 4:
		st->target = TARGET_GPT;
		copy = take_choice(p, copies);
		st->block = copy > 0;
		return copy < 0 ? copy : 0;
	}
	return thing;
}

int action_corrupt(struct parser *p)
{
	return take_spot(p, new_step(p, STEP_CORRUPT, 0), true);
}

int action_read(struct parser *p)
{
	static const char *const things[] = { "error", "ok", NULL };
	int i = take_choice(p, things);

	if (i < 0)
		return i;
	if (i == 1)
		return new_step(p, STEP_READ_OK, 0) ? 0 : -EINVAL;
	return take_spot(p, new_step(p, STEP_READ_ERROR, 0), false);
}

static int partition(struct parser *p, enum step_kind kind)
{
	static const char *const words[] = { "partition", NULL };
	struct step *st = new_step(p, kind, 0);

	if (!st || take_choice(p, words) < 0)
		return -EINVAL;
	return take_text(p, "the partition's name", &st->text);
}

int action_drop(struct parser *p)
{
	return partition(p, STEP_DROP);
}

int action_shrink(struct parser *p)
{
	return partition(p, STEP_SHRINK);
}

static int state_only(struct parser *p, enum step_kind kind)
{
	static const char *const things[] = { "state", NULL };

	if (take_choice(p, things) < 0)
		return -EINVAL;
	return new_step(p, kind, 0) ? 0 : -EINVAL;
}

int action_wipe(struct parser *p)
{
	return state_only(p, STEP_WIPE);
}

int action_fill(struct parser *p)
{
	return state_only(p, STEP_FILL);
}

int action_put(struct parser *p)
{
	static const char *const where[] = { "esp", NULL };
	struct step *st = new_step(p, STEP_PUT, 0);
	unsigned column;

	if (!st || take_choice(p, where) < 0)
		return -EINVAL;
	column = column_here(p);
	if (take_text(p, "a path", &st->text) < 0)
		return -EINVAL;
	if (st->text[0] != '/' || !st->text[1] || strstr(st->text, "//") ||
	    strstr(st->text, "/.."))
		return mistake(p, column, "a path on the ESP is written \"/NAME/NAME\"");
	if (!take_word(p, "uki"))
		return take_text(p, "the file's content", &st->expect);
	return take_slot(p, st, slot_words);
}

int action_use(struct parser *p)
{
	static const char *const things[] = { "second-disk", NULL };

	if (take_choice(p, things) < 0)
		return -EINVAL;
	if (!p->s->second_bytes)
		return mistake(p, p->token[0].column,
			       "'use second-disk' needs the line 'second-disk SIZE' above");
	return new_step(p, STEP_USE_SECOND, 0) ? 0 : -EINVAL;
}

int action_check(struct parser *p)
{
	static const char *const things[] = { "crashes", NULL };
	struct step *st;

	if (take_choice(p, things) < 0)
		return -EINVAL;
	if (!p->s->records_writes)
		return mistake(p, p->token[0].column,
			       "'check crashes' needs the line 'record writes' above");
	st = new_step(p, STEP_CHECK_CRASHES, 0);
	if (!st)
		return -EINVAL;
	st->count = 0;
	return take_word(p, "boots") ? take_number(p, "the number of boots", 1000, &st->count) : 0;
}

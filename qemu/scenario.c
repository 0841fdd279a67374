/* See scenario.h. A line is cut into tokens; a table says what its first word means. */
#include "qemu/scenario.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/args.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "lib/core/bootstate.h"
#include "qemu/scenario_text.h"

#define EXPECT_MS 120000
#define RUN_MS 60000
#define BLOCK_MAX (UINT64_C(1) << 40)

/* ---- commands ------------------------------------------------------------------ */

static const char *const slot_words[] = { "slot-a", "slot-b", NULL };
static const char *const slot_letters[] = { "a", "b", NULL };
static const char *const bus_words[] = { "virtio", "nvme", "ahci", NULL };
static const char *const watchdog_words[] = { "i6300esb", "itco", "none", NULL };
static const char *const cache_words[] = { "writeback",	 "writethrough", "none",
					   "directsync", "unsafe",	 NULL };

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

static int parse_title(struct parser *p)
{
	return take_text(p, "a title", &p->s->title);
}

static int parse_needs(struct parser *p)
{
	static const char *const needs[] = { "ssh", NULL };

	if (take_choice(p, needs) < 0)
		return -EINVAL;
	p->s->needs_ssh = true;
	return 0;
}

static int parse_memory(struct parser *p)
{
	return take_size(p, &p->s->memory_bytes);
}

static int parse_disk_size(struct parser *p)
{
	return take_size(p, &p->s->disk_bytes);
}

static int parse_cpus(struct parser *p)
{
	return take_number(p, "the number of CPUs", 64, &p->s->cpus);
}

static int parse_disk(struct parser *p)
{
	int i = take_choice(p, bus_words);

	p->s->bus = i < 0 ? NULL : bus_words[i];
	return i < 0 ? i : 0;
}

static int parse_cache(struct parser *p)
{
	int i = take_choice(p, cache_words);

	p->s->cache = i < 0 ? NULL : cache_words[i];
	return i < 0 ? i : 0;
}

static int parse_smbios(struct parser *p)
{
	if (p->s->n_smbios == SCENARIO_SMBIOS_MAX)
		return mistake(p, 1, "more than %d SMBIOS strings", SCENARIO_SMBIOS_MAX);
	return take_text(p, "the string", &p->s->smbios[p->s->n_smbios++]);
}

static int parse_watchdog(struct parser *p)
{
	int i = take_choice(p, watchdog_words);

	p->s->watchdog = i < 0 ? NULL : watchdog_words[i];
	return i < 0 ? i : 0;
}

static int parse_deadline(struct parser *p)
{
	if (!peek(p))
		return mistake(p, column_here(p), "a time such as 300s must stand here");
	return take_time(p, &p->s->deadline_ms);
}

static int parse_boot(struct parser *p)
{
	return new_step(p, STEP_BOOT, 0) ? 0 : -EINVAL;
}

static int parse_reset(struct parser *p)
{
	return new_step(p, STEP_RESET, 0) ? 0 : -EINVAL;
}

static int parse_reboot(struct parser *p)
{
	return timed(p, STEP_REBOOT, EXPECT_MS);
}

static int parse_power(struct parser *p)
{
	static const char *const ways[] = { "off", "cut", NULL };
	int i = take_choice(p, ways);

	if (i < 0)
		return i;
	return i == 0				? timed(p, STEP_POWER_OFF, EXPECT_MS)
	       : new_step(p, STEP_POWER_CUT, 0) ? 0
						: -EINVAL;
}

static int expect_state(struct parser *p)
{
	static const char *const states[] = { "good", "ready", "bad", "empty", "writing", NULL };
	struct step *st = new_step(p, STEP_EXPECT_STATE, 0);
	int slot = st ? take_choice(p, slot_words) : -EINVAL;
	int state = slot < 0 ? slot : take_choice(p, states);

	if (state < 0)
		return state;
	st->slot = (unsigned)slot;
	st->text = strdup(states[state]);
	return st->text ? 0 : err_oom(p->err);
}

static int expect_uki(struct parser *p)
{
	struct step *st = new_step(p, STEP_EXPECT_UKI, RUN_MS);
	int slot = st ? take_choice(p, slot_words) : -EINVAL;

	if (slot < 0)
		return slot;
	if (!p->s->needs_ssh)
		return mistake(p, p->token[0].column,
			       "'expect uki' needs the line 'needs ssh' above");
	st->slot = (unsigned)slot;
	return take_time(p, &st->timeout_ms);
}

static int expect_reason(struct parser *p)
{
	const char *reasons[BS_REASON_COUNT + 1] = { NULL };
	struct step *st = new_step(p, STEP_EXPECT_REASON, 0);
	int slot = st ? take_choice(p, slot_words) : -EINVAL, reason;

	for (int i = 0; i < BS_REASON_COUNT; i++)
		reasons[i] = bs_reason_name((enum bs_reason)i);
	reason = slot < 0 ? slot : take_choice(p, reasons);
	if (reason < 0)
		return reason;
	st->slot = (unsigned)slot;
	st->text = strdup(reasons[reason]);
	return st->text ? 0 : err_oom(p->err);
}

static int expect_log(struct parser *p)
{
	struct step *st = new_step(p, STEP_EXPECT_LOG, 0);
	int slot = st ? take_choice(p, slot_words) : -EINVAL;

	if (slot < 0)
		return slot;
	st->slot = (unsigned)slot;
	return take_text(p, "the text expected", &st->text);
}

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
	int slot = st ? take_choice(p, slot_letters) : -EINVAL;

	if (slot < 0)
		return slot;
	st->slot = (unsigned)slot;
	return take_time(p, &st->timeout_ms);
}

static int parse_expect(struct parser *p)
{
	static const char *const things[] = { "serial", "slot", "reset",  "off", "state",
					      "uki",	"reason", "log",  NULL };

	switch (take_choice(p, things)) {
	case 0:
		return expect_serial(p);
	case 1:
		return expect_slot(p);
	case 2:
		return timed(p, STEP_EXPECT_RESET, EXPECT_MS);
	case 3:
		return timed(p, STEP_EXPECT_OFF, EXPECT_MS);
	case 4:
		return expect_state(p);
	case 5:
		return expect_uki(p);
	case 6:
		return expect_reason(p);
	case 7:
		return expect_log(p);
	}
	return -EINVAL;
}

static int parse_refuse(struct parser *p)
{
	static const char *const things[] = { "serial", NULL };
	struct step *st;

	if (take_choice(p, things) < 0)
		return -EINVAL;
	st = new_step(p, STEP_REFUSE_SERIAL, 0);
	return st ? take_text(p, "the text refused", &st->text) : -EINVAL;
}

static int parse_run(struct parser *p)
{
	struct step *st = new_step(p, STEP_RUN, RUN_MS);
	uint64_t status = 0;
	int r = st ? take_text(p, "the command", &st->text) : -EINVAL;

	if (!p->s->needs_ssh && r == 0)
		return mistake(p, p->token[0].column, "'run' needs the line 'needs ssh' above");
	if (r == 0 && take_word(p, "expect"))
		r = take_text(p, "the text expected", &st->expect);
	if (r == 0 && take_word(p, "status"))
		r = take_number(p, "the status", 255, &status);
	if (r == 0)
		st->status = (int)status;
	return r < 0 ? r : take_time(p, &st->timeout_ms);
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

static int corrupt_slot(struct parser *p, struct step *st)
{
	static const char *const parts[] = { "uki", "root", "hash", "sig", "section", NULL };
	int part = take_choice(p, parts);

	if (part < 0)
		return part;
	st->target = (enum step_target)part;
	if (st->target == TARGET_SECTION)
		return take_text(p, "the section's name", &st->text);
	return take_blocks(p, st);
}

static int parse_corrupt(struct parser *p)
{
	static const char *const things[] = { "slot-a", "slot-b", "boot-state",
					      "gpt",	"state",  NULL };
	static const char *const copies[] = { "primary", "backup", NULL };
	struct step *st = new_step(p, STEP_CORRUPT, 0);
	int thing = st ? take_choice(p, things) : -EINVAL, copy;

	if (thing < 0)
		return thing;
	if (thing < 2) {
		st->slot = (unsigned)thing;
		return corrupt_slot(p, st);
	}
	if (thing == 4) {
		st->target = TARGET_STATE;
		return take_blocks(p, st);
	}
	st->target = thing == 2 ? TARGET_BOOT_STATE : TARGET_GPT;
	if (thing == 2) {
		if (!take_word(p, "copy"))
			return mistake(p, column_here(p), "'copy 0' or 'copy 1' must stand here");
		return take_number(p, "the copy", 1, &st->block);
	}
	copy = take_choice(p, copies);
	st->block = copy > 0;
	return copy < 0 ? copy : 0;
}

static int parse_wipe(struct parser *p)
{
	static const char *const things[] = { "state", NULL };

	if (take_choice(p, things) < 0)
		return -EINVAL;
	return new_step(p, STEP_WIPE, 0) ? 0 : -EINVAL;
}

static int parse_clone(struct parser *p)
{
	struct step *st = new_step(p, STEP_CLONE, 0);
	int from = st ? take_choice(p, slot_words) : -EINVAL;
	unsigned column = column_here(p);
	int to = from < 0 ? from : take_choice(p, slot_words);

	if (to < 0)
		return to;
	if (from == to)
		return mistake(p, column, "a slot is not cloned onto itself");
	st->slot = (unsigned)from;
	return 0;
}

static int parse_put(struct parser *p)
{
	static const char *const places[] = { "esp", NULL };
	struct step *st = new_step(p, STEP_PUT, 0);
	unsigned column;
	int slot;

	if (!st || take_choice(p, places) < 0)
		return -EINVAL;
	column = column_here(p);
	if (take_text(p, "a path", &st->text) < 0)
		return -EINVAL;
	if (st->text[0] != '/' || !st->text[1] || strstr(st->text, "//") ||
	    strstr(st->text, "/.."))
		return mistake(p, column, "a path on the ESP is written \"/NAME/NAME\"");
	if (!take_word(p, "uki"))
		return take_text(p, "the file's content", &st->expect);
	slot = take_choice(p, slot_words);
	st->slot = slot > 0;
	return slot < 0 ? slot : 0;
}

static const struct {
	const char *word;
	bool setting;
	int (*parse)(struct parser *p);
} commands[] = {
	{ "title", true, parse_title },	   { "needs", true, parse_needs },
	{ "memory", true, parse_memory },  { "disk-size", true, parse_disk_size },
	{ "cpus", true, parse_cpus },	   { "disk", true, parse_disk },
	{ "cache", true, parse_cache },	   { "deadline", true, parse_deadline },
	{ "smbios", true, parse_smbios },  { "put", false, parse_put },
	{ "watchdog", true, parse_watchdog },
	{ "boot", false, parse_boot },	   { "expect", false, parse_expect },
	{ "refuse", false, parse_refuse }, { "run", false, parse_run },
	{ "reboot", false, parse_reboot }, { "power", false, parse_power },
	{ "reset", false, parse_reset },   { "corrupt", false, parse_corrupt },
	{ "wipe", false, parse_wipe },	   { "clone", false, parse_clone },
};

static int unknown(struct parser *p)
{
	const struct token *t = &p->token[0];
	const char *best = NULL;
	unsigned least = 3;

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		unsigned d = args_distance(commands[i].word, t->text);

		if (d < least) {
			least = d;
			best = commands[i].word;
		}
	}
	return mistake(p, t->column, "unknown command '%s'%s%s%s", t->text,
		       best ? "; did you mean '" : "", best ? best : "", best ? "'?" : "");
}

static int parse_line(struct parser *p, const char *line, unsigned len)
{
	int r = tokenise(p, line, len);

	if (r < 0 || p->n == 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!take_word(p, commands[i].word))
			continue;
		if (commands[i].setting && p->s->n)
			return mistake(p, p->token[0].column,
				       "'%s' must stand before the first action",
				       commands[i].word);
		r = commands[i].parse(p);
		if (r == 0 && peek(p))
			return mistake(p, peek(p)->column, "'%s' is too much here",
				       peek(p)->text);
		return r;
	}
	return unknown(p);
}

/* ---- whole files ----------------------------------------------------------------- */

static char *name_of(const char *file)
{
	char *name = strdup(path_base(file));
	size_t len = name ? strlen(name) : 0;

	if (len > 4 && !strcmp(name + len - 4, ".scn"))
		name[len - 4] = '\0';
	return name;
}

static bool boots(const struct scenario *s)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->step[i].kind == STEP_BOOT)
			return true;
	return false;
}

static int parse_all(struct parser *p, const char *text, size_t len)
{
	const char *end = text + len;

	if (len > SCENARIO_BYTES_MAX)
		return err_set(p->err, -EFBIG, "%s: a scenario has at most %d bytes", p->file,
			       SCENARIO_BYTES_MAX);
	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		const char *stop = nl ? nl : end;
		int r;

		p->line++;
		if (memchr(text, '\0', (size_t)(stop - text)))
			r = mistake(p, 1, "a NUL byte");
		else
			r = parse_line(p, text, (unsigned)(stop - text));
		if (r == -ENOMEM)
			return r;
		text = stop + 1;
	}
	p->line += !p->line;
	if (!p->mistakes && !boots(p->s))
		return mistake(p, 1,
			       "the scenario never switches the machine on: 'boot' is missing");
	return p->mistakes ? -EINVAL : 0;
}

struct scenario *scenario_parse(const char *file, const char *text, size_t len, struct err *err)
{
	struct parser *p = calloc(1, sizeof(*p));
	struct scenario *s = calloc(1, sizeof(*s));
	int r = -ENOMEM;

	if (p && s) {
		s->deadline_ms = SCENARIO_DEADLINE_MS;
		s->file = strdup(file);
		s->name = name_of(file);
		*p = (struct parser){ .s = s, .file = file, .err = err };
	}
	if (p && s && s->file && s->name)
		r = parse_all(p, text, len);
	free(p);
	if (r == 0 && !s->title) {
		s->title = strdup(s->name);
		r = s->title ? 0 : -ENOMEM;
	}
	if (r == -ENOMEM)
		err_oom(err);
	return r < 0 ? scenario_free(s) : s;
}

struct scenario *scenario_load(const char *path, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	if (io_read_file(path, SCENARIO_BYTES_MAX, &text, &len, err) < 0)
		return NULL;
	return scenario_parse(path, text, len, err);
}

struct scenario *scenario_free(struct scenario *s)
{
	if (!s)
		return NULL;
	for (unsigned i = 0; i < s->n; i++) {
		free(s->step[i].text);
		free(s->step[i].expect);
	}
	for (unsigned i = 0; i < s->n_smbios; i++)
		free(s->smbios[i]);
	free(s->file);
	free(s->name);
	free(s->title);
	free(s);
	return NULL;
}

void scenario_step_text(const struct step *st, char *out, size_t size)
{
	static const char *const words[] = {
		[STEP_BOOT] = "boot",
		[STEP_EXPECT_SERIAL] = "expect serial",
		[STEP_REFUSE_SERIAL] = "refuse serial",
		[STEP_EXPECT_SLOT] = "expect slot",
		[STEP_EXPECT_RESET] = "expect reset",
		[STEP_EXPECT_OFF] = "expect off",
		[STEP_EXPECT_STATE] = "expect state",
		[STEP_EXPECT_UKI] = "expect uki",
		[STEP_EXPECT_REASON] = "expect reason",
		[STEP_EXPECT_LOG] = "expect log",
		[STEP_RUN] = "run",
		[STEP_REBOOT] = "reboot",
		[STEP_POWER_OFF] = "power off",
		[STEP_POWER_CUT] = "power cut",
		[STEP_RESET] = "reset",
		[STEP_CORRUPT] = "corrupt",
		[STEP_WIPE] = "wipe state",
		[STEP_CLONE] = "clone",
		[STEP_PUT] = "put esp",
	};
	char slot = st->slot ? 'b' : 'a';

	if (st->kind == STEP_EXPECT_SLOT)
		snprintf(out, size, "%s %c", words[st->kind], slot);
	else if (st->kind == STEP_EXPECT_UKI)
		snprintf(out, size, "%s slot-%c", words[st->kind], slot);
	else if (st->kind == STEP_EXPECT_STATE || st->kind == STEP_EXPECT_REASON)
		snprintf(out, size, "%s slot-%c %s", words[st->kind], slot,
			 st->text ? st->text : "");
	else if (st->kind == STEP_EXPECT_LOG)
		snprintf(out, size, "%s slot-%c \"%s\"", words[st->kind], slot, st->text);
	else if (st->text)
		snprintf(out, size, "%s \"%s\"", words[st->kind], st->text);
	else
		snprintf(out, size, "%s", words[st->kind]);
}

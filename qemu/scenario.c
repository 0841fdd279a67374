/* See scenario.h. A line is cut into tokens; a table says what its first word means. */
#include "qemu/scenario.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/args.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "qemu/scenario_actions.h"
#include "qemu/scenario_text.h"

static const char *const bus_words[] = { "virtio", "nvme", "ahci", NULL };
static const char *const watchdog_words[] = { "i6300esb", "itco", "none", NULL };
static const char *const cache_words[] = { "writeback",	 "writethrough", "none",
					   "directsync", "unsafe",	 NULL };

/* ---- settings ------------------------------------------------------------------- */

static int parse_title(struct parser *p)
{
	return take_text(p, "a title", &p->s->title);
}

static int parse_needs(struct parser *p)
{
	static const char *const needs[] = { "ssh", "watchdog", NULL };
	int i = take_choice(p, needs);

	p->s->needs_ssh |= i == 0;
	p->s->needs_watchdog |= i == 1;
	return i < 0 ? -EINVAL : 0;
}

static int parse_memory(struct parser *p)
{
	return take_size(p, &p->s->memory_bytes);
}

static int parse_disk_size(struct parser *p)
{
	return take_size(p, &p->s->disk_bytes);
}

static int take_sector(struct parser *p, uint32_t *ret)
{
	static const char *const sizes[] = { "512", "4096", NULL };
	int i = take_choice(p, sizes);

	if (i < 0)
		return i;
	*ret = i ? 4096 : 512;
	return 0;
}

static int parse_sector(struct parser *p)
{
	return take_sector(p, &p->s->sector_bytes);
}

static int parse_second_disk(struct parser *p)
{
	int r = take_size(p, &p->s->second_bytes);

	return r == 0 && take_word(p, "sector") ? take_sector(p, &p->s->second_sector_bytes) : r;
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

static int parse_start(struct parser *p)
{
	static const char *const starts[] = { "confirmed", NULL };

	p->s->starts_confirmed = true;
	return take_choice(p, starts) < 0 ? -EINVAL : 0;
}

static int parse_rtc(struct parser *p)
{
	unsigned column = column_here(p);
	struct tm tm;
	const char *end;

	if (take_text(p, "a date and time", &p->s->rtc) < 0)
		return -EINVAL;
	end = strptime(p->s->rtc, "%Y-%m-%dT%H:%M:%S", &tm);
	return end && !*end ? 0
			    : mistake(p, column, "a date and time is written "
						 "\"1970-01-31T23:59:59\"");
}

static int parse_record(struct parser *p)
{
	static const char *const things[] = { "writes", NULL };

	p->s->records_writes = true;
	return take_choice(p, things) < 0 ? -EINVAL : 0;
}

/* ---- lines ---------------------------------------------------------------------- */

static const struct {
	const char *word;
	bool setting;
	int (*parse)(struct parser *p);
} commands[] = {
	{ "title", true, parse_title },
	{ "needs", true, parse_needs },
	{ "start", true, parse_start },
	{ "memory", true, parse_memory },
	{ "disk-size", true, parse_disk_size },
	{ "sector", true, parse_sector },
	{ "second-disk", true, parse_second_disk },
	{ "cpus", true, parse_cpus },
	{ "disk", true, parse_disk },
	{ "cache", true, parse_cache },
	{ "deadline", true, parse_deadline },
	{ "smbios", true, parse_smbios },
	{ "watchdog", true, parse_watchdog },
	{ "rtc", true, parse_rtc },
	{ "record", true, parse_record },
	{ "boot", false, action_boot },
	{ "expect", false, action_expect },
	{ "refuse", false, action_refuse },
	{ "run", false, action_run },
	{ "send", false, action_send },
	{ "reboot", false, action_reboot },
	{ "power", false, action_power },
	{ "reset", false, action_reset },
	{ "install", false, action_install },
	{ "clone", false, action_clone },
	{ "corrupt", false, action_corrupt },
	{ "read", false, action_read },
	{ "drop", false, action_drop },
	{ "shrink", false, action_shrink },
	{ "wipe", false, action_wipe },
	{ "fill", false, action_fill },
	{ "put", false, action_put },
	{ "use", false, action_use },
	{ "check", false, action_check },
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
	free(s->rtc);
	free(s);
	return NULL;
}

/* How a step is told: words, the slot's letter, the text as a word or in quotes. */
static const struct {
	const char *words;
	bool slot;
	enum { NO_TEXT, WORD, QUOTED } text;
} shapes[STEP_KINDS] = {
	[STEP_BOOT] = { "boot", false, NO_TEXT },
	[STEP_EXPECT_SERIAL] = { "expect serial", false, QUOTED },
	[STEP_REFUSE_SERIAL] = { "refuse serial", false, QUOTED },
	[STEP_EXPECT_SLOT] = { "expect slot ", true, NO_TEXT },
	[STEP_EXPECT_CONFIRMED] = { "expect confirmed ", true, NO_TEXT },
	[STEP_EXPECT_FALLBACK] = { "expect fallback ", true, NO_TEXT },
	[STEP_EXPECT_RESET] = { "expect reset", false, NO_TEXT },
	[STEP_EXPECT_OFF] = { "expect off", false, NO_TEXT },
	[STEP_EXPECT_STATE] = { "expect state slot-", true, WORD },
	[STEP_EXPECT_UKI] = { "expect uki slot-", true, NO_TEXT },
	[STEP_EXPECT_REASON] = { "expect reason slot-", true, WORD },
	[STEP_EXPECT_LOG] = { "expect log slot-", true, QUOTED },
	[STEP_RUN] = { "run", false, QUOTED },
	[STEP_SEND] = { "send next", false, QUOTED },
	[STEP_REBOOT] = { "reboot", false, NO_TEXT },
	[STEP_POWER_OFF] = { "power off", false, NO_TEXT },
	[STEP_POWER_CUT] = { "power cut", false, NO_TEXT },
	[STEP_RESET] = { "reset", false, NO_TEXT },
	[STEP_INSTALL] = { "install slot-", true, WORD },
	[STEP_REFUSE_INSTALL] = { "refuse install slot-", true, WORD },
	[STEP_CLONE] = { "clone slot-", true, NO_TEXT },
	[STEP_CORRUPT] = { "corrupt", false, NO_TEXT },
	[STEP_READ_ERROR] = { "read error", false, NO_TEXT },
	[STEP_READ_OK] = { "read ok", false, NO_TEXT },
	[STEP_DROP] = { "drop partition", false, QUOTED },
	[STEP_SHRINK] = { "shrink partition", false, QUOTED },
	[STEP_WIPE] = { "wipe state", false, NO_TEXT },
	[STEP_FILL] = { "fill state", false, NO_TEXT },
	[STEP_PUT] = { "put esp", false, QUOTED },
	[STEP_USE_SECOND] = { "use second-disk", false, NO_TEXT },
	[STEP_CHECK_CRASHES] = { "check crashes", false, NO_TEXT },
};

void scenario_step_text(const struct step *st, char *out, size_t size)
{
	const char *quote = shapes[st->kind].text == QUOTED ? "\"" : "";
	char slot[2] = { st->slot ? 'b' : 'a', '\0' };
	bool text = shapes[st->kind].text && st->text;

	snprintf(out, size, "%s%s%s%s%s%s", shapes[st->kind].words,
		 shapes[st->kind].slot ? slot : "", text ? " " : "", text ? quote : "",
		 text ? st->text : "", text ? quote : "");
}

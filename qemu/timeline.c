/* See timeline.h. */
#include "qemu/timeline.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/json.h"

static const struct {
	const char *name;
	const char *key; /* in JSON */
} phases[PHASE_COUNT] = {
	[PHASE_FIRMWARE] = { "firmware", "firmware" },
	[PHASE_SELECTOR] = { "selector", "selector" },
	[PHASE_KERNEL] = { "kernel", "kernel" },
	[PHASE_INIT] = { "early init", "early_init" },
	[PHASE_SYSTEMD] = { "systemd", "systemd" },
};

void timeline_init(struct timeline *t)
{
	memset(t, 0, sizeof(*t));
}

void timeline_start(struct timeline *t, uint64_t at_ms)
{
	struct timeline_boot *b;

	timeline_stop(t, at_ms, TIMELINE_RESET);
	if (t->n == TIMELINE_BOOTS_MAX) {
		memmove(t->boot, t->boot + 1, sizeof(t->boot) - sizeof(t->boot[0]));
		t->n--;
		t->dropped++;
	}
	b = &t->boot[t->n++];
	*b = (struct timeline_boot){ .start_ms = at_ms, .stop_ms = TIMELINE_UNSEEN };
	for (unsigned i = 0; i < PHASE_COUNT; i++)
		b->end_ms[i] = TIMELINE_UNSEEN;
}

void timeline_stop(struct timeline *t, uint64_t at_ms, enum timeline_end end)
{
	struct timeline_boot *b = t->n ? &t->boot[t->n - 1] : NULL;

	if (!b || b->end != TIMELINE_RUNS)
		return;
	b->end = end;
	b->stop_ms = at_ms;
}

static void mark(struct timeline_boot *b, enum timeline_phase phase, uint64_t at_ms)
{
	if (b->end_ms[phase] == TIMELINE_UNSEEN)
		b->end_ms[phase] = at_ms < b->start_ms ? b->start_ms : at_ms;
}

char timeline_slot_started(const char *text)
{
	static const char head[] = "kiln: slot ", tail[] = ": starting";
	const size_t before = sizeof(head); /* the head, and the letter */

	for (const char *p = text; (p = strstr(p, tail)); p++)
		if ((size_t)(p - text) >= before && !memcmp(p - before, head, sizeof(head) - 1) &&
		    (p[-1] == 'a' || p[-1] == 'b'))
			return p[-1];
	return 0;
}

static bool userspace_is_up(const char *text)
{
	size_t len = strlen(text);

	if (strstr(text, "Reached target") && strstr(text, "ulti-user"))
		return true;
	while (len && text[len - 1] == ' ')
		len--;
	return len > 6 && !strncmp(text + len - 6, "login:", 6);
}

void timeline_line(struct timeline *t, uint64_t at_ms, const char *text)
{
	struct timeline_boot *b = t->n ? &t->boot[t->n - 1] : NULL;
	char slot = timeline_slot_started(text);

	if (!b)
		return;
	if (slot) {
		b->slot = slot;
		/* A slot whose UKI does not load is followed by the other one: the last counts.
		 */
		b->end_ms[PHASE_SELECTOR] = TIMELINE_UNSEEN;
		mark(b, PHASE_SELECTOR, at_ms);
	} else if (strstr(text, "kiln: selector")) {
		mark(b, PHASE_FIRMWARE, at_ms);
	} else if (strstr(text, "kiln-init: start")) {
		mark(b, PHASE_KERNEL, at_ms);
	} else if (strstr(text, "kiln-init: switch root")) {
		mark(b, PHASE_INIT, at_ms);
	} else if (strstr(text, "kiln-health: confirmed")) {
		if (!b->confirmed)
			b->end_ms[PHASE_SYSTEMD] = TIMELINE_UNSEEN;
		b->confirmed = true;
		mark(b, PHASE_SYSTEMD, at_ms);
	} else if (userspace_is_up(text)) {
		mark(b, PHASE_SYSTEMD, at_ms);
	}
}

const char *timeline_end_name(enum timeline_end end)
{
	static const char *const names[] = {
		[TIMELINE_RUNS] = NULL,
		[TIMELINE_RESET] = "reset",
		[TIMELINE_OFF] = "off",
		[TIMELINE_CUT] = "cut",
	};

	return names[end];
}

const char *timeline_phase_name(enum timeline_phase phase)
{
	return phases[phase].name;
}

uint64_t timeline_total_ms(const struct timeline_boot *b)
{
	uint64_t last = b->start_ms;

	for (unsigned i = 0; i < PHASE_COUNT; i++)
		if (b->end_ms[i] != TIMELINE_UNSEEN && b->end_ms[i] > last)
			last = b->end_ms[i];
	return last - b->start_ms;
}

uint64_t timeline_recovery_ms(const struct timeline *t)
{
	const struct timeline_boot *last = t->n ? &t->boot[t->n - 1] : NULL;

	if (!last || t->dropped || !last->confirmed)
		return 0;
	return last->end_ms[PHASE_SYSTEMD] - t->boot[0].start_ms;
}

bool timeline_phase(const struct timeline_boot *b, enum timeline_phase phase, uint64_t *ret_from,
		    uint64_t *ret_len)
{
	uint64_t start = b->start_ms, end = b->end_ms[phase];

	if (end == TIMELINE_UNSEEN)
		return false;
	for (unsigned i = 0; i < phase; i++)
		if (b->end_ms[i] != TIMELINE_UNSEEN && b->end_ms[i] > start)
			start = b->end_ms[i];
	*ret_from = start - b->start_ms;
	*ret_len = end > start ? end - start : 0;
	return true;
}

enum timeline_phase timeline_reached(const struct timeline_boot *b)
{
	unsigned next = PHASE_COUNT;

	while (next > 0 && b->end_ms[next - 1] == TIMELINE_UNSEEN)
		next--;
	return next;
}

static void repeat(struct buf *out, const char *s, uint64_t n)
{
	while (n--)
		buf_adds(out, s);
}

/* A bar from @from to @from + @len of @total, in eighths of a column where Unicode allows. */
static void bar(struct buf *out, uint64_t from, uint64_t len, uint64_t total, unsigned width,
		bool unicode)
{
	static const char *const eighths[] = { "",  "▏", "▎", "▍",
					       "▌", "▋", "▊", "▉" };
	uint64_t lead = total ? from * width / total : 0;
	uint64_t fine = total ? len * width * 8 / total : 0;

	repeat(out, " ", lead);
	if (!unicode) {
		repeat(out, "#", fine / 8 ? fine / 8 : 1);
		return;
	}
	repeat(out, "█", fine / 8);
	buf_adds(out, fine ? eighths[fine % 8] : eighths[1]);
}

void timeline_text(const struct timeline_boot *b, unsigned width, bool unicode, struct buf *out)
{
	uint64_t total = timeline_total_ms(b);

	for (unsigned i = 0; i < PHASE_COUNT; i++) {
		uint64_t from, len;

		if (!timeline_phase(b, i, &from, &len)) {
			buf_addf(out, "  %-11s       -\n", phases[i].name);
			continue;
		}
		buf_addf(out, "  %-11s %7" PRIu64 " ms  ", phases[i].name, len);
		bar(out, from, len, total, width, unicode);
		buf_addc(out, '\n');
	}
	buf_addf(out, "  %-11s %7" PRIu64 " ms  ", "total", total);
	if (b->slot)
		buf_addf(out, "slot %c, ", b->slot);
	buf_adds(out, b->confirmed				    ? "confirmed healthy\n"
		      : b->end_ms[PHASE_SYSTEMD] != TIMELINE_UNSEEN ? "up, not confirmed\n"
								    : "did not come up\n");
}

void timeline_text_all(const struct timeline *t, unsigned width, bool unicode, struct buf *out)
{
	for (unsigned i = 0; i < t->n; i++) {
		if (t->n + t->dropped > 1)
			buf_addf(out, "%sboot %u\n", i ? "\n" : "", t->dropped + i + 1);
		timeline_text(&t->boot[i], width, unicode, out);
	}
}

void timeline_boot_json(const struct timeline *t, unsigned idx, struct json *j)
{
	const struct timeline_boot *b = &t->boot[idx];
	char slot[2] = { b->slot, '\0' };

	json_u64(j, "number", t->dropped + idx + 1);
	json_str(j, "slot", b->slot ? slot : NULL);
	json_bool(j, "confirmed", b->confirmed);
	json_bool(j, "up", b->end_ms[PHASE_SYSTEMD] != TIMELINE_UNSEEN);
	json_u64(j, "start_ms", b->start_ms - t->boot[0].start_ms);
	json_u64(j, "total_ms", timeline_total_ms(b));
	json_str(j, "ended", timeline_end_name(b->end));
	if (b->end != TIMELINE_RUNS)
		json_u64(j, "stop_ms", b->stop_ms - t->boot[0].start_ms);
	json_open(j, "phases", '[');
	for (unsigned i = 0; i < PHASE_COUNT; i++) {
		uint64_t from, len;

		if (!timeline_phase(b, i, &from, &len))
			continue;
		json_open(j, NULL, '{');
		json_str(j, "name", phases[i].key);
		json_u64(j, "start_ms", from);
		json_u64(j, "duration_ms", len);
		json_close(j);
	}
	json_close(j);
}

void timeline_json(const struct timeline *t, struct json *j, const char *key)
{
	json_open(j, key, '{');
	json_open(j, "boots", '[');
	for (unsigned i = 0; i < t->n; i++) {
		json_open(j, NULL, '{');
		timeline_boot_json(t, i, j);
		json_close(j);
	}
	json_close(j);
	json_close(j);
}

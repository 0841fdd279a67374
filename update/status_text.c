/*
 * The status as text. Its first screen answers: what runs, is it confirmed, what
 * is the other slot, did something fall back and why.
 */
#include <inttypes.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/printable.h"
#include "lib/core/bytes.h"
#include "update/status.h"

#define LOG_LINES 12
#define LOG_LINE_MAX 160 /* bytes shown of each */

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void text_running(const struct status *s, struct buf *out)
{
	const struct device *dev = s->dev;
	const struct bs_slot *slot = &dev->bs.slot[dev->running];

	if (!dev->counted) {
		buf_addf(out, "running slot unknown: this boot was not counted; disk %s\n",
			 dev->disk_path);
		return;
	}
	buf_addf(out, "running slot %s, %s: %s %s, boot %" PRIu64 " of disk %s\n",
		 bs_slot_name(dev->running),
		 bs_boot_confirmed(&dev->bs) ? "confirmed" : "not confirmed yet",
		 slot->image.name, slot->image.version, dev->bs.boots, dev->disk_path);
}

static void text_next(const struct status *s, struct buf *out)
{
	const struct bs *bs = &s->dev->bs;
	const struct bs_slot *slot = &bs->slot[s->next];

	if (!s->next_known) {
		buf_adds(out, "next boot: no slot can be started\n");
		return;
	}
	buf_addf(out, "next boot: slot %s, %s %s", bs_slot_name(s->next), slot->image.name,
		 slot->image.version);
	if (bs->oneshot == s->next)
		buf_adds(out, ", for this once");
	if (!slot->good)
		buf_addf(out, ", a trial: %u of %u tries left", slot->tries_left, slot->tries_max);
	buf_addc(out, '\n');
}

/* What started this boot, when that can be told, and what should have and failed. */
static void text_selectors(const struct status *s, struct buf *out)
{
	const struct bs *bs = &s->dev->bs;

	if (s->selector_area < BS_SELECTORS) {
		const struct bs_selector *sel = &bs->selectors.area[s->selector_area];

		buf_addf(out, "selector %s, newer than the one on the ESP, ",
			 sel->image.version);
		if (sel->status == BS_SELECTOR_GOOD)
			buf_adds(out, "good\n");
		else
			buf_addf(out, "a trial: %u of %u tries left\n", sel->tries_left,
				 BS_SELECTOR_TRIES);
	} else if (s->selector[0]) {
		buf_addf(out, "selector %s, the one on the ESP\n", s->selector);
	}
	for (unsigned i = 0; i < BS_SELECTORS; i++) {
		const struct bs_selector *sel = &bs->selectors.area[i];
		bool again = bs_selector_holds(bs, i, &sel->image);

		if (sel->reason)
			buf_addf(out, "selector %s FAILED: %s; it is %s\n", sel->image.version,
				 bs_selector_reason_text(sel->reason),
				 again ? "tried again" :
					 "not started again until told: slotctl retry selector");
		else if (again && i != s->selector_area && i == bs->selectors.first)
			buf_addf(out, "next boot: selector %s\n", sel->image.version);
	}
}

static void text_warnings(const struct status *s, struct buf *out)
{
	static const char *const secure_boot[] = {
		[SECURE_BOOT_UNKNOWN] = "Secure Boot: unknown, the firmware's variables "
					"cannot be read\n",
		[SECURE_BOOT_OFF] = "Secure Boot: off, the anchor is missing: nothing checks the "
				    "selector before it runs\n",
		[SECURE_BOOT_ON] = "Secure Boot: on\n",
	};

	buf_adds(out, secure_boot[s->secure_boot]);
	if (s->degraded) {
		buf_adds(out, "state is DEGRADED, what is written may be lost: ");
		printable_add(out, s->degraded_text, strlen(s->degraded_text), false);
		buf_addc(out, '\n');
	}
	if (s->has_declined) {
		buf_adds(out, "not installed: ");
		printable_add(out, s->declined.message, strlen(s->declined.message), false);
		buf_addc(out, '\n');
	}
	if (s->promise == PROMISE_RESET)
		buf_adds(out, "factory reset at the next boot; take it back with: "
			      "slotctl factory-reset --cancel\n");
	if (s->dev->bs.rebuilt)
		buf_adds(out, "the boot state was lost and rebuilt from the slots; nothing is "
			      "confirmed since\n");
}

static void text_good(const struct bs_slot *slot, struct buf *out)
{
	buf_adds(out, "good");
	if (slot->unconfirmed > 1)
		buf_addf(out, ", %u boots in a row not confirmed", slot->unconfirmed);
	if (slot->relapses)
		buf_addf(out, ", %u of %u relapses", slot->relapses, bs_relapses_max(slot));
}

static void text_slot(const struct status *s, unsigned i, struct buf *out)
{
	const struct bs_slot *slot = &s->dev->bs.slot[i];
	bool running = s->dev->counted && s->dev->running == i;

	buf_addf(out, "%s slot %s  ", running ? "*" : " ", bs_slot_name(i));
	switch (slot->status) {
	case BS_EMPTY:
		buf_adds(out, "empty\n");
		return;
	case BS_WRITING:
		buf_addf(out, "%s %s  an install has begun and is not finished\n",
			 slot->image.name, slot->image.version);
		return;
	default:
		break;
	}
	buf_addf(out, "%s %s  ", slot->image.name, slot->image.version);
	if (slot->status == BS_BAD)
		buf_adds(out, "bad");
	else if (slot->good)
		text_good(slot, out);
	else
		buf_addf(out, "a trial, %u of %u tries left", slot->tries_left, slot->tries_max);
	if (slot->reason != BS_REASON_NONE)
		buf_addf(out, ": %s", bs_reason_text(slot->reason));
	buf_addc(out, '\n');
}

static void text_consequence(const struct status *s, struct buf *out)
{
	const struct fallback *f = &s->fallback;
	const char *slot = bs_slot_name(f->slot);

	if (f->was_good)
		buf_adds(out, "It had been confirmed before, and is kept; until told it is not "
			      "started while this slot works: slotctl rollback\n");
	else if (f->still_there && f->refused)
		buf_addf(out, "Until told it is neither started nor installed again: slotctl retry "
			      "%s\n", slot);
	else if (f->still_there)
		buf_addf(out, "Until told it is not started again: slotctl retry %s\n", slot);
	else
		buf_addf(out, "Slot %s holds another image since; that one is still refused.\n",
			 slot);
}

/* The start of the last LOG_LINES lines of @text. */
static const char *last_lines(const char *text, size_t len)
{
	const char *at = text + len;
	unsigned lines = 0;

	if (len && at[-1] == '\n')
		at--;
	while (at > text && (at[-1] != '\n' || ++lines < LOG_LINES))
		at--;
	return at;
}

static void text_log(const struct flightlog *log, struct buf *out)
{
	const char *end = log->text + log->about.text_bytes;
	const char *at = last_lines(log->text, log->about.text_bytes);

	buf_addf(out, "The end of its log, of boot %" PRIu64 "%s\n", log->about.boot,
		 at > log->text ? "; the rest: slotctl log" : ":");
	while (at < end) {
		const char *eol = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((eol ? eol : end) - at);

		if (len && at[len - 1] == '\r')
			len--;
		buf_adds(out, "  | ");
		printable_add(out, at, len < LOG_LINE_MAX ? len : LOG_LINE_MAX, false);
		buf_adds(out, len > LOG_LINE_MAX ? "...\n" : "\n");
		at = eol ? eol + 1 : end;
	}
}

static void text_fallback(const struct status *s, struct buf *out)
{
	const struct fallback *f = &s->fallback;

	if (!s->fell_back)
		return;
	buf_addf(out, "\nFell back from %s in slot %s", f->version, bs_slot_name(f->slot));
	if (f->boot)
		buf_addf(out, ", %" PRIu64 " boot%s ago, after %u failed boot%s",
			 f->boots_ago, plural(f->boots_ago), f->failures, plural(f->failures));
	else
		buf_addf(out, ", more than %d boots ago", BS_RING_MAX - 1);
	buf_addf(out, ".\nIt reached the stage '%s': %s.\n", bs_stage_name(f->stage),
		 bs_reason_text(f->reason));
	text_consequence(s, out);
	if (s->log.text)
		text_log(&s->log, out);
	else
		buf_adds(out, "It left no log.\n");
}

static void text_refused(const struct bs *bs, struct buf *out)
{
	char hex[65];

	if (!bs->refused[0].version[0])
		return;
	buf_adds(out, "\nrefused images, by root hash:\n");
	for (unsigned i = 0; i < BS_REFUSED_MAX && bs->refused[i].version[0]; i++) {
		bytes_to_hex(bs->refused[i].root_hash, 32, hex);
		buf_addf(out, "  %s  %.16s  %s\n", bs->refused[i].version, hex,
			 bs_reason_text(bs->refused[i].reason));
	}
}

static void text_boots(const struct bs *bs, struct buf *out)
{
	buf_adds(out, "\nboots, newest first:\n");
	for (unsigned i = 0; i < BS_RING_MAX && bs->ring[i].number; i++) {
		const struct bs_boot *b = &bs->ring[i];

		buf_addf(out, "  %6" PRIu64 "  slot %s  %s  %s", b->number, bs_slot_name(b->slot),
			 b->version, bs_stage_name(b->stage));
		if (b->end != BS_END_UNKNOWN)
			buf_addf(out, ", %s", b->end == BS_END_SETTLED ? "settled" : "shut down");
		if (b->reason != BS_REASON_NONE)
			buf_addf(out, ": %s", bs_reason_text(b->reason));
		buf_addc(out, '\n');
	}
}

void status_text(const struct status *s, struct buf *out)
{
	text_running(s, out);
	text_next(s, out);
	text_selectors(s, out);
	text_warnings(s, out);
	buf_addc(out, '\n');
	for (unsigned i = 0; i < BS_SLOTS; i++)
		text_slot(s, i, out);
	text_fallback(s, out);
	text_refused(&s->dev->bs, out);
	text_boots(&s->dev->bs, out);
}

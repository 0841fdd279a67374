/* The status as JSON. Keys are an interface, told in slotctl(8): never change one. */
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/json.h"
#include "lib/core/bytes.h"
#include "update/status.h"

static const char *known_slot(bool known, unsigned slot)
{
	return known ? bs_slot_name(slot) : NULL;
}

static void json_hash(struct json *j, const uint8_t hash[32])
{
	char hex[65];

	bytes_to_hex(hash, 32, hex);
	json_str(j, "root_hash", hex);
}

static void json_slot(struct json *j, const struct status *s, unsigned i)
{
	const struct bs_slot *slot = &s->dev->bs.slot[i];

	json_open(j, NULL, '{');
	json_str(j, "slot", bs_slot_name(i));
	json_str(j, "status", bs_status_name(slot->status));
	json_bool(j, "running", s->dev->counted && s->dev->running == i);
	if (slot->status != BS_EMPTY) {
		json_str(j, "image", slot->image.name);
		json_str(j, "version", slot->image.version);
		json_hash(j, slot->image.root_hash);
		json_u64(j, "epoch", slot->image.epoch);
		json_bool(j, "good", slot->good);
		json_bool(j, "bootable", bs_slot_bootable(&s->dev->bs, i));
		json_u64(j, "priority", slot->priority);
		json_u64(j, "tries_left", slot->tries_left);
		json_u64(j, "tries_max", slot->tries_max);
		json_u64(j, "unconfirmed_boots", slot->unconfirmed);
		json_u64(j, "relapses", slot->relapses);
		json_str(j, "stage", bs_stage_name(slot->stage));
		json_str(j, "reason", bs_reason_name(slot->reason));
	}
	json_close(j);
}

/* The selector that started this boot, and the areas for newer ones than that on the ESP. */
static void json_selector(struct json *j, const struct status *s)
{
	const struct bs_selectors *sel = &s->dev->bs.selectors;
	const char *version = s->selector[0] ? s->selector : NULL;
	unsigned next = BS_SELECTOR_NONE;

	bs_selector_choose(&s->dev->bs, 0, &next);
	if (s->selector_area < BS_SELECTORS)
		version = sel->area[s->selector_area].image.version;
	json_open(j, "selector", '{');
	json_str(j, "version", version);
	json_bool(j, "on_esp", s->selector_area >= BS_SELECTORS);
	json_open(j, "newer", '[');
	for (unsigned i = 0; i < BS_SELECTORS; i++) {
		const struct bs_selector *a = &sel->area[i];

		if (a->status == BS_SELECTOR_EMPTY)
			continue;
		json_open(j, NULL, '{');
		json_u64(j, "area", i);
		json_str(j, "version", a->image.version);
		json_str(j, "status", bs_selector_status_name(a->status));
		json_bool(j, "running", s->selector_area == i);
		json_bool(j, "next", next == i);
		json_u64(j, "tries_left", a->tries_left);
		json_u64(j, "unconfirmed_boots", a->unconfirmed);
		json_str(j, "reason", bs_selector_reason_name(a->reason));
		json_close(j);
	}
	json_close(j);
	json_close(j);
}

static void json_fallback(struct json *j, const struct status *s)
{
	const struct fallback *f = &s->fallback;

	if (!s->fell_back) {
		json_str(j, "fallback", NULL);
		return;
	}
	json_open(j, "fallback", '{');
	json_str(j, "slot", bs_slot_name(f->slot));
	json_str(j, "version", f->version);
	json_str(j, "stage", bs_stage_name(f->stage));
	json_str(j, "reason", bs_reason_name(f->reason));
	json_str(j, "reason_text", bs_reason_text(f->reason));
	if (f->boot) {
		json_u64(j, "boot", f->boot);
		json_u64(j, "boots_ago", f->boots_ago);
		json_u64(j, "failed_boots", f->failures);
	}
	json_bool(j, "refused", f->refused);
	json_bool(j, "was_good", f->was_good);
	json_bool(j, "still_in_slot", f->still_there);
	if (s->log.text) {
		json_u64(j, "log_boot", s->log.about.boot);
		json_str(j, "log", s->log.text);
	}
	json_close(j);
}

static void json_refused(struct json *j, const struct bs *bs)
{
	json_open(j, "refused", '[');
	for (unsigned i = 0; i < BS_REFUSED_MAX && bs->refused[i].version[0]; i++) {
		json_open(j, NULL, '{');
		json_str(j, "version", bs->refused[i].version);
		json_hash(j, bs->refused[i].root_hash);
		json_str(j, "reason", bs_reason_name(bs->refused[i].reason));
		json_close(j);
	}
	json_close(j);
}

static void json_history(struct json *j, const struct bs *bs)
{
	json_open(j, "history", '[');
	for (unsigned i = 0; i < BS_RING_MAX && bs->ring[i].number; i++) {
		const struct bs_boot *b = &bs->ring[i];

		json_open(j, NULL, '{');
		json_u64(j, "boot", b->number);
		json_str(j, "slot", bs_slot_name(b->slot));
		json_str(j, "version", b->version);
		json_str(j, "stage", bs_stage_name(b->stage));
		json_str(j, "reason", bs_reason_name(b->reason));
		json_str(j, "end", bs_end_name(b->end));
		json_close(j);
	}
	json_close(j);
}

static void json_declined(struct json *j, const struct status *s)
{
	if (!s->has_declined) {
		json_str(j, "declined", NULL);
		return;
	}
	json_open(j, "declined", '{');
	json_str(j, "version", s->declined.version);
	json_str(j, "reason", s->declined.reason);
	json_str(j, "message", s->declined.message);
	json_close(j);
}

void status_json(const struct status *s, struct buf *out)
{
	static const char *const secure_boot[] = {
		[SECURE_BOOT_UNKNOWN] = "unknown",
		[SECURE_BOOT_OFF] = "off",
		[SECURE_BOOT_ON] = "on",
	};
	const struct device *dev = s->dev;
	const struct bs *bs = &dev->bs;
	struct json j = JSON_INIT(out);

	json_open(&j, NULL, '{');
	json_str(&j, "disk", dev->disk_path);
	json_str(&j, "running", known_slot(dev->counted, dev->running));
	json_bool(&j, "confirmed", dev->counted && bs_boot_confirmed(bs));
	json_str(&j, "next", known_slot(s->next_known, s->next));
	json_str(&j, "oneshot", known_slot(bs->oneshot < BS_SLOTS, bs->oneshot));
	json_u64(&j, "boots", bs->boots);
	json_u64(&j, "rollback_floor", bs->floor);
	json_bool(&j, "rebuilt", bs->rebuilt);
	json_str(&j, "secure_boot", secure_boot[s->secure_boot]);
	json_selector(&j, s);
	json_str(&j, "degraded", s->degraded ? s->degraded_text : NULL);
	json_bool(&j, "factory_reset_pending", s->promise == PROMISE_RESET);
	json_open(&j, "slots", '[');
	for (unsigned i = 0; i < BS_SLOTS; i++)
		json_slot(&j, s, i);
	json_close(&j);
	json_fallback(&j, s);
	json_declined(&j, s);
	json_refused(&j, bs);
	json_history(&j, bs);
	json_close(&j);
	buf_addc(out, '\n');
}

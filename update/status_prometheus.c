/*
 * The status in Prometheus' text exposition format, for node_exporter's textfile
 * collector. Names and labels are an interface, told in slotctl(8).
 */
#include <inttypes.h>
#include <string.h>

#include "lib/base/buf.h"
#include "update/status.h"

/* What a label's value may not hold as it is. */
static void label(struct buf *out, const char *name, const char *value, bool first)
{
	buf_addf(out, "%s%s=\"", first ? "{" : ",", name);
	for (; *value; value++) {
		if (*value == '\n')
			buf_adds(out, "\\n");
		else if (*value == '"' || *value == '\\')
			buf_addf(out, "\\%c", *value);
		else
			buf_addc(out, *value);
	}
	buf_addc(out, '"');
}

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void gauge(struct buf *out, const char *name, const char *help, uint64_t value)
{
	head(out, name, "gauge", help);
	buf_addf(out, "%s %" PRIu64 "\n", name, value);
}

static void slot_info(const struct status *s, struct buf *out)
{
	head(out, "kiln_slot_info", "gauge", "What each slot holds; the value is always 1.");
	for (unsigned i = 0; i < BS_SLOTS; i++) {
		const struct bs_slot *slot = &s->dev->bs.slot[i];
		bool running = s->dev->counted && s->dev->running == i;

		buf_adds(out, "kiln_slot_info");
		label(out, "slot", bs_slot_name(i), true);
		label(out, "image", slot->image.name, false);
		label(out, "version", slot->image.version, false);
		label(out, "status", bs_status_name(slot->status), false);
		label(out, "good", slot->good ? "true" : "false", false);
		label(out, "running", running ? "true" : "false", false);
		buf_adds(out, "} 1\n");
	}
}

static void slot_numbers(const struct bs *bs, struct buf *out)
{
	static const struct {
		const char *name, *help;
		size_t offset;
	} table[] = {
		{ "kiln_slot_tries_left", "Starts left for a slot that was never confirmed.",
		  offsetof(struct bs_slot, tries_left) },
		{ "kiln_slot_unconfirmed_boots", "Starts of the slot since its last confirm.",
		  offsetof(struct bs_slot, unconfirmed) },
		{ "kiln_slot_relapses",
		  "Boots in a row that were confirmed and then stopped without a word.",
		  offsetof(struct bs_slot, relapses) },
	};

	for (size_t t = 0; t < sizeof(table) / sizeof(table[0]); t++) {
		head(out, table[t].name, "gauge", table[t].help);
		for (unsigned i = 0; i < BS_SLOTS; i++) {
			const uint8_t *field = (const uint8_t *)&bs->slot[i] + table[t].offset;

			buf_adds(out, table[t].name);
			label(out, "slot", bs_slot_name(i), true);
			buf_addf(out, "} %u\n", *field);
		}
	}
}

static void fallback(const struct status *s, struct buf *out)
{
	const struct fallback *f = &s->fallback;

	gauge(out, "kiln_fallback", "1 when the running slot was reached by a fallback.",
	      s->fell_back);
	if (!s->fell_back)
		return;
	head(out, "kiln_fallback_info", "gauge",
	     "What was left by the last fallback; the value is always 1.");
	buf_adds(out, "kiln_fallback_info");
	label(out, "slot", bs_slot_name(f->slot), true);
	label(out, "version", f->version, false);
	label(out, "stage", bs_stage_name(f->stage), false);
	label(out, "reason", bs_reason_name(f->reason), false);
	buf_adds(out, "} 1\n");
}

static void selector(const struct status *s, struct buf *out)
{
	const struct bs_selector *area = s->dev->bs.selectors.area;
	bool on_esp = s->selector_area >= BS_SELECTORS;
	const char *version = on_esp ? s->selector : area[s->selector_area].image.version;
	unsigned failed = 0;

	if (*version) {
		head(out, "kiln_selector_info", "gauge",
		     "The selector that started this boot; the value is always 1.");
		buf_adds(out, "kiln_selector_info");
		label(out, "version", version, true);
		label(out, "on_esp", on_esp ? "true" : "false", false);
		buf_adds(out, "} 1\n");
	}
	for (unsigned i = 0; i < BS_SELECTORS; i++)
		failed += area[i].reason != BS_SELECTOR_OK;
	gauge(out, "kiln_selectors_failed", "Newer selectors that were installed and failed.",
	      failed);
}

static void declined(const struct status *s, struct buf *out)
{
	if (!s->has_declined)
		return;
	head(out, "kiln_update_declined_info", "gauge",
	     "The version offered by the last look that is not taken; the value is always 1.");
	buf_adds(out, "kiln_update_declined_info");
	label(out, "version", s->declined.version, true);
	label(out, "reason", s->declined.reason, false);
	buf_adds(out, "} 1\n");
}

static unsigned refused_images(const struct bs *bs)
{
	unsigned n = 0;

	while (n < BS_REFUSED_MAX && bs->refused[n].version[0])
		n++;
	return n;
}

void status_prometheus(const struct status *s, struct buf *out)
{
	const struct device *dev = s->dev;
	const struct bs *bs = &dev->bs;

	slot_info(s, out);
	slot_numbers(bs, out);
	head(out, "kiln_boots_total", "counter", "Starts ever counted on this disk.");
	buf_addf(out, "kiln_boots_total %" PRIu64 "\n", bs->boots);
	gauge(out, "kiln_boot_counted", "1 when this boot is in the boot state.", dev->counted);
	gauge(out, "kiln_boot_confirmed", "1 when this boot was confirmed.",
	      dev->counted && bs_boot_confirmed(bs));
	fallback(s, out);
	selector(s, out);
	declined(s, out);
	gauge(out, "kiln_refused_images", "Images that failed here and are not installed again.",
	      refused_images(bs));
	gauge(out, "kiln_rollback_floor", "Lowest image epoch that may boot.", bs->floor);
	gauge(out, "kiln_boot_state_rebuilt",
	      "1 when the boot state was lost and nothing is confirmed since.", bs->rebuilt);
	gauge(out, "kiln_state_degraded",
	      "1 when the state partition could not be used as it should.", s->degraded);
	gauge(out, "kiln_factory_reset_pending", "1 when the next boot erases what is kept.",
	      s->promise == PROMISE_RESET);
	if (s->secure_boot != SECURE_BOOT_UNKNOWN)
		gauge(out, "kiln_secure_boot", "1 when the firmware checks what it starts.",
		      s->secure_boot == SECURE_BOOT_ON);
}

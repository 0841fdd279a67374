/*
 * The pictures of the report. Places across are in per cent, so that they stretch
 * with the page while text and line widths do not; heights are in pixels.
 */
#include "qemu/report_html.h"

#include <inttypes.h>

#include "qemu/markup.h"
#include "qemu/report_text.h"

#define BAR_Y 4
#define BAR_HEIGHT 16
#define ROW_HEIGHT 24
#define AXIS_HEIGHT 18
#define GRID_HEIGHT 64 /* lines of time reach beyond the bar to the next one */
#define MARKS_MAX 6

/*
 * Colours that stay apart for the colour-blind: each differs in lightness from its
 * neighbours in a boot.
 */
static const struct {
	const char *class, *fill;
} samples[SVG_PIECES] = {
	[PHASE_FIRMWARE] = { "firmware", "#8a929b" },
	[PHASE_SELECTOR] = { "selector", "#b8508f" },
	[PHASE_KERNEL] = { "kernel", "#58a9dc" },
	[PHASE_INIT] = { "early", "#d98c00" },
	[PHASE_SYSTEMD] = { "systemd", "#1d5fa8" },
	[SVG_STOPPED] = { "stopped", "url(#stopped)" },
	[SVG_RUNNING] = { "running", "#a9cdb9" },
	[SVG_LOST] = { "lost", "#c4552d" },
};

/* ---- places and marks ---------------------------------------------------------------- */

static void percent(const char *name, uint64_t part, uint64_t whole, struct buf *out)
{
	uint64_t p = whole ? part * 10000 / whole : 0;

	buf_addf(out, " %s='%" PRIu64 ".%02" PRIu64 "%%'", name, p / 100, p % 100);
}

struct svg_axis svg_axis_for(uint64_t span_ms)
{
	static const unsigned nice[] = { 1, 2, 5 };
	struct svg_axis a = { .span_ms = span_ms ? span_ms : 1, .step_ms = 1 };

	for (uint64_t ten = 1; a.span_ms / a.step_ms > MARKS_MAX; ten *= 10)
		for (unsigned i = 0; i < 3 && a.span_ms / a.step_ms > MARKS_MAX; i++)
			a.step_ms = ten * nice[i];
	return a;
}

static void open_svg(const char *class, unsigned height, struct buf *out)
{
	buf_addf(out, "<svg class='%s' width='100%%' height='%u' overflow='visible' ", class,
		 height);
}

static void grid(const struct svg_axis *a, struct buf *out)
{
	for (uint64_t at = 0; at <= a->span_ms; at += a->step_ms) {
		buf_addf(out,
			 "<line class='grid' stroke='#999' stroke-opacity='0.3' y1='0' y2='%d'",
			 GRID_HEIGHT);
		percent("x1", at, a->span_ms, out);
		percent("x2", at, a->span_ms, out);
		buf_adds(out, "/>");
	}
}

static void mark_text(const struct svg_axis *a, uint64_t at, struct buf *out)
{
	bool fine = a->step_ms % 1000 != 0;
	const char *anchor = at == 0				    ? "start"
			     : at * 20 > a->span_ms * 19 ? "end"
							    : "middle";

	buf_addf(out, "<text class='mark' fill='#777' font-size='11' y='12' text-anchor='%s'",
		 anchor);
	percent("x", at, a->span_ms, out);
	if (fine)
		buf_addf(out, ">%" PRIu64 ".%03" PRIu64 " s</text>", at / 1000, at % 1000);
	else
		buf_addf(out, ">%" PRIu64 " s</text>", at / 1000);
}

void svg_axis(const struct svg_axis *a, struct buf *out)
{
	open_svg("axis", AXIS_HEIGHT, out);
	buf_adds(out, "aria-hidden='true'>");
	for (uint64_t at = 0; at <= a->span_ms; at += a->step_ms)
		mark_text(a, at, out);
	buf_adds(out, "</svg>");
}

/* ---- bars ---------------------------------------------------------------------------- */

/* A piece of a bar; what it is and how long shows when it is pointed at. */
static void piece(const struct svg_axis *a, unsigned sample, uint64_t from, uint64_t len,
		  const char *what, struct buf *out)
{
	if (!len)
		return;
	buf_addf(out, "<rect class='piece %s' fill='%s' y='%d' height='%d'", samples[sample].class,
		 samples[sample].fill, BAR_Y, BAR_HEIGHT);
	percent("x", from, a->span_ms, out);
	percent("width", len, a->span_ms, out);
	buf_addf(out, "><title>%s, ", what);
	report_duration(len, out);
	buf_adds(out, "</title></rect>");
}

/* A disc with a tick or a cross, just behind a moment of the axis. */
static void sign(const struct svg_axis *a, uint64_t at, bool good, struct buf *out)
{
	buf_adds(out, "<svg overflow='visible' width='1' height='1'");
	percent("x", at, a->span_ms, out);
	buf_addf(out, " y='%d'>", BAR_Y + BAR_HEIGHT / 2);
	if (good)
		buf_adds(out, "<circle class='good' fill='#1a7f4b' cx='10' r='8'/>"
			      "<path fill='none' stroke='#fff' stroke-width='2' "
			      "d='M6.5 0l2.5 2.5 4.5-5'/>");
	else
		buf_adds(out, "<circle class='bad' fill='#c0392b' cx='10' r='8'/>"
			      "<path fill='none' stroke='#fff' stroke-width='2' "
			      "d='M7-3l6 6M13-3l-6 6'/>");
	buf_adds(out, "</svg>");
}

static uint64_t end_of(const struct timeline_boot *b)
{
	return b->end == TIMELINE_RUNS ? b->start_ms + timeline_total_ms(b) : b->stop_ms;
}

uint64_t svg_span_ms(const struct timeline *t)
{
	return t->n ? end_of(&t->boot[t->n - 1]) - t->boot[0].start_ms : 0;
}

/* What ended badly: in its colour, hatched. */
static void broken_piece(const struct svg_axis *a, unsigned sample, uint64_t from, uint64_t len,
			 const char *what, struct buf *out)
{
	piece(a, sample, from, len, what, out);
	piece(a, SVG_STOPPED, from, len, what, out);
}

/* What the picture shows, in words. */
static void describe(const struct timeline *t, unsigned idx, struct buf *out)
{
	const struct timeline_boot *b = &t->boot[idx];
	uint64_t from, len;

	buf_addf(out, "role='img' aria-label='Boot %u: ", t->dropped + idx + 1);
	for (unsigned i = 0; i < PHASE_COUNT; i++) {
		if (!timeline_phase(b, i, &from, &len))
			continue;
		buf_addf(out, "%s ", timeline_phase_name(i));
		report_duration(len, out);
		buf_adds(out, ", ");
	}
	report_boot_words(t, idx, out);
	buf_adds(out, "'>");
}

void svg_boot(const struct svg_axis *a, const struct timeline *t, unsigned idx, struct buf *out)
{
	const struct timeline_boot *b = &t->boot[idx];
	enum timeline_phase reached = timeline_reached(b);
	uint64_t at = b->start_ms - t->boot[0].start_ms, seen = timeline_total_ms(b), from, len;
	uint64_t all = end_of(b) - b->start_ms, rest = all > seen ? all - seen : 0;

	open_svg("boot", ROW_HEIGHT, out);
	describe(t, idx, out);
	grid(a, out);
	for (unsigned i = 0; i < PHASE_COUNT; i++)
		if (timeline_phase(b, i, &from, &len))
			piece(a, i, at + from, len, timeline_phase_name(i), out);
	if (reached == PHASE_COUNT)
		piece(a, SVG_RUNNING, at + seen, rest, "running", out);
	else
		broken_piece(a, reached, at + seen, rest, timeline_phase_name(reached), out);
	if (b->confirmed)
		sign(a, at + seen, true, out);
	else if (reached != PHASE_COUNT && (b->end == TIMELINE_RESET || b->end == TIMELINE_OFF))
		sign(a, at + all, false, out);
	buf_adds(out, "</svg>");
}

void svg_recovery(const struct svg_axis *a, const struct timeline *t, struct buf *out)
{
	uint64_t zero = t->boot[0].start_ms, confirm = timeline_recovery_ms(t);

	open_svg("boot", ROW_HEIGHT, out);
	buf_adds(out, "aria-hidden='true'>");
	grid(a, out);
	for (unsigned i = 0; i < t->n; i++) {
		const struct timeline_boot *b = &t->boot[i];
		uint64_t at = b->start_ms - zero, up = timeline_total_ms(b);
		uint64_t all = i + 1 < t->n ? end_of(b) - b->start_ms : confirm - at;

		if (!b->confirmed) {
			broken_piece(a, SVG_LOST, at, all, "a boot that was not confirmed", out);
			continue;
		}
		piece(a, PHASE_SYSTEMD, at, up, "a boot until it was confirmed", out);
		piece(a, SVG_RUNNING, at + up, all > up ? all - up : 0, "running", out);
	}
	buf_adds(out, "</svg>");
}

/* ---- small signs ----------------------------------------------------------------------- */

void svg_patterns(struct buf *out)
{
	buf_adds(out, "<svg class='patterns' width='0' height='0' aria-hidden='true'><defs>"
		      "<pattern id='stopped' width='6' height='6' patternUnits='userSpaceOnUse' "
		      "patternTransform='rotate(45)'>"
		      "<rect width='2.5' height='6' fill='#fff' fill-opacity='0.75'/>"
		      "</pattern></defs></svg>\n");
}

void svg_sample(unsigned piece, struct buf *out)
{
	bool broken = piece == SVG_STOPPED || piece == SVG_LOST;
	unsigned ground = piece == SVG_STOPPED ? PHASE_FIRMWARE : piece;

	buf_addf(out,
		 "<svg class='sample' width='14' height='12' aria-hidden='true'>"
		 "<rect class='%s' fill='%s' width='14' height='12'/>",
		 samples[ground].class, samples[ground].fill);
	if (broken)
		buf_addf(out, "<rect fill='%s' width='14' height='12'/>",
			 samples[SVG_STOPPED].fill);
	buf_adds(out, "</svg>");
}

void svg_verdict(enum verdict verdict, struct buf *out)
{
	static const struct {
		const char *class, *fill, *path;
	} signs[] = {
		[VERDICT_PASSED] = { "good", "#1a7f4b", "M5.5 10.5l3 3 6-6.5" },
		[VERDICT_FAILED] = { "bad", "#c0392b", "M6 6l8 8M14 6l-8 8" },
		[VERDICT_SKIPPED] = { "none", "#6b7280", "M5.5 10h9" },
	};

	buf_addf(out,
		 "<svg class='verdict' width='20' height='20' role='img' aria-label='%s'>"
		 "<circle class='%s' fill='%s' cx='10' cy='10' r='10'/>"
		 "<path fill='none' stroke='#fff' stroke-width='2.4' stroke-linecap='round' "
		 "d='%s'/></svg>",
		 report_verdict(verdict), signs[verdict].class, signs[verdict].fill,
		 signs[verdict].path);
}

/*
 * One scenario in the HTML report: a row with the figures, and what opens below it:
 * why it failed, a picture of every boot, logs, the scenario itself.
 */
#include "qemu/report_html.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "qemu/bootlog.h"
#include "qemu/markup.h"
#include "qemu/report_text.h"

/* What of a boot's log stands in the page itself. */
#define TAIL_LINES 40
#define TAIL_BYTES 6144

static void link_to(const struct report_case *c, const char *file, const char *text,
		    struct buf *out)
{
	_cleanup_free_ char *path = path_join(c->name, file);

	out->oom |= !path;
	buf_adds(out, "<a");
	markup_href(path ? path : "", out);
	buf_adds(out, ">");
	markup_str(text, out);
	buf_adds(out, "</a>");
}

/* ---- the row ------------------------------------------------------------------------- */

static void open_cell(const char *class, const char *label, struct buf *out)
{
	buf_addf(out, " <span class='%s'><span class='label'>%s </span>", class, label);
}

static void recorded(const struct play_result *p, struct buf *out)
{
	if (!p->failed_slot) {
		buf_adds(out, "<span class='nothing'>\u2014</span>");
		return;
	}
	buf_addf(out, "%c ", p->failed_slot);
	markup_str(p->failed_version, out);
	buf_adds(out, ": ");
	markup_str(p->failed_stage, out);
	buf_adds(out, ", <b>");
	markup_str(p->failed_reason, out);
	buf_adds(out, "</b>");
}

static void row(const struct report_case *c, struct buf *out)
{
	uint64_t recovery = timeline_recovery_ms(&c->result.timeline);

	buf_adds(out, "<summary><span class='turn'></span>");
	svg_verdict(c->result.verdict, out);
	buf_adds(out, " <span class='what'><b class='name'>");
	markup_str(c->name, out);
	buf_adds(out, "</b> <span class='title'>");
	markup_str(c->title, out);
	buf_adds(out, "</span></span>");
	open_cell("recorded", "recorded:", out);
	recorded(&c->result, out);
	buf_adds(out, "</span>");
	open_cell("number", "boots:", out);
	buf_addf(out, "%u</span>", c->result.boots);
	open_cell("number", "confirmed after:", out);
	if (recovery)
		report_duration(recovery, out);
	else
		buf_adds(out, "<span class='nothing'>\u2014</span>");
	buf_adds(out, "</span>");
	open_cell("number", "total:", out);
	if (c->result.verdict != VERDICT_SKIPPED)
		report_duration(c->result.ms, out);
	else
		buf_adds(out, "<span class='nothing'>\u2014</span>");
	buf_adds(out, "</span></summary>\n");
}

/* ---- why it did not pass --------------------------------------------------------------- */

static void reason(const struct report *r, const struct report_case *c, struct buf *out)
{
	bool failed = c->result.verdict == VERDICT_FAILED;

	if (c->result.verdict == VERDICT_PASSED)
		return;
	buf_addf(out, "<div class='why %s'><h4>%s</h4>\n<pre>", report_verdict(c->result.verdict),
		 failed ? "Why it failed" : "Why it was skipped");
	markup_said(c->result.why, strlen(c->result.why), out);
	buf_adds(out, "</pre>\n");
	if (failed) {
		buf_adds(out, "<p>Once more, keeping its disk: <code>kiln test --keep ");
		markup_str(r->image, out);
		buf_addc(out, ' ');
		markup_str(c->again ? c->again : c->name, out);
		buf_adds(out, "</code></p>\n");
	}
	buf_adds(out, "</div>\n");
}

/* ---- its boots ------------------------------------------------------------------------- */

static void legend(struct buf *out)
{
	buf_adds(out, "<p class='legend'>");
	for (unsigned i = 0; i < PHASE_COUNT; i++) {
		buf_adds(out, "<span>");
		svg_sample(i, out);
		buf_addf(out, " %s</span> ", timeline_phase_name(i));
	}
	buf_adds(out, "<span>");
	svg_sample(SVG_RUNNING, out);
	buf_adds(out, " running</span> <span>");
	svg_sample(SVG_STOPPED, out);
	buf_adds(out, " ended in this phase</span></p>\n");
}

/* Class of a boot's outcome: what colours its words. */
static const char *outcome(const struct timeline *t, unsigned idx)
{
	const struct timeline_boot *b = &t->boot[idx];

	if (b->confirmed)
		return "good";
	return b->end == TIMELINE_RESET || b->end == TIMELINE_OFF ? "bad" : "open";
}

static void starts(const struct record *rec, unsigned idx, struct buf *out)
{
	for (unsigned i = 0; idx < rec->n && i < rec->boot[idx].n; i++) {
		_cleanup_buf_ struct buf words = BUF_INIT;

		report_start_words(&rec->boot[idx].start[i], &words);
		out->oom |= words.oom;
		buf_adds(out, "<p class='start'");
		markup_attr("title", bs_reason_text(rec->boot[idx].start[i].reason), out);
		buf_adds(out, ">recorded: ");
		markup_str(words.data ? words.data : "", out);
		buf_adds(out, "</p>");
	}
}

static void phase(unsigned piece, enum timeline_phase phase, uint64_t len, const char *more,
		  struct buf *out)
{
	buf_adds(out, "<span>");
	svg_sample(piece, out);
	buf_addf(out, " %s ", timeline_phase_name(phase));
	report_duration(len, out);
	buf_addf(out, "%s</span> ", more);
}

/* The picture's figures, also for those who cannot point at it. */
static void phases(const struct timeline_boot *b, struct buf *out)
{
	enum timeline_phase reached = timeline_reached(b);
	uint64_t from, len, seen = b->start_ms + timeline_total_ms(b);

	buf_adds(out, "<p class='phases'>");
	for (unsigned i = 0; i < PHASE_COUNT; i++)
		if (timeline_phase(b, i, &from, &len))
			phase(i, i, len, "", out);
	if (reached != PHASE_COUNT && b->end != TIMELINE_RUNS && b->stop_ms > seen)
		phase(SVG_STOPPED, reached, b->stop_ms - seen, ", where it ended", out);
	buf_adds(out, "</p>");
}

static void last_lines(const struct report_case *c, unsigned idx, const char *name, struct buf *out)
{
	const struct timeline *t = &c->result.timeline;
	const char *log = c->boot_log[idx];
	bool open = c->result.verdict == VERDICT_FAILED && idx + 1 == t->n;

	buf_addf(out, "<details class='log'%s><summary>what it said</summary>",
		 open ? " open='open'" : "");
	phases(&t->boot[idx], out);
	buf_adds(out, "<pre>");
	if (log && *log)
		markup_console(log, strlen(log), TAIL_LINES, TAIL_BYTES, out);
	else
		buf_adds(out, "The serial port said nothing.");
	buf_adds(out, "</pre><p>All of its lines: ");
	link_to(c, name, name, out);
	buf_adds(out, "</p></details>");
}

static void boot(const struct report_case *c, const struct svg_axis *axis, unsigned idx,
		 struct buf *out)
{
	const struct timeline *t = &c->result.timeline;
	const struct timeline_boot *b = &t->boot[idx];
	unsigned number = t->dropped + idx + 1;
	_cleanup_free_ char *name = bootlog_name(number), *path = path_join(c->name, name);

	out->oom |= !name || !path;
	if (!name || !path)
		return;
	buf_addf(out, "<li><p class='who'><b>Boot %u</b> ", number);
	if (b->slot)
		buf_addf(out, "<span class='slot'>slot %c</span>", b->slot);
	else
		buf_adds(out, "<span class='slot'>no slot</span>");
	buf_adds(out, "</p>\n<a class='bar'");
	markup_href(path, out);
	buf_adds(out, ">");
	svg_boot(axis, t, idx, out);
	buf_addf(out, "</a>\n<div class='how'><p><b class='%s'>", outcome(t, idx));
	report_boot_words(t, idx, out);
	buf_adds(out, "</b></p>");
	starts(&c->result.record, idx, out);
	buf_adds(out, "</div>\n");
	last_lines(c, idx, name, out);
	buf_adds(out, "</li>\n");
}

static void boots(const struct report_case *c, struct buf *out)
{
	const struct timeline *t = &c->result.timeline;
	struct svg_axis axis = svg_axis_for(svg_span_ms(t));

	buf_addf(out, "<h4>%s</h4>\n", t->n == 1 ? "Its boot" : "Every boot, on one line of time");
	legend(out);
	if (t->dropped)
		buf_addf(out,
			 "<p class='note'>The first %u boots are not shown; serial.log has them."
			 "</p>\n",
			 t->dropped);
	buf_adds(out, "<div class='boots'>\n<div class='scale'>");
	svg_axis(&axis, out);
	buf_adds(out, "</div>\n<ol>\n");
	for (unsigned i = 0; i < t->n; i++)
		boot(c, &axis, i, out);
	buf_adds(out, "</ol>\n</div>\n");
}

/* ---- the scenario ---------------------------------------------------------------------- */

static void source(const struct report_case *c, struct buf *out)
{
	if (!c->source)
		return;
	buf_adds(out, "<details class='source'>"
		      "<summary>What was done: the scenario</summary><pre>");
	markup_str(c->source, out);
	buf_adds(out, "</pre></details>\n");
}

static void traces(const struct report_case *c, struct buf *out)
{
	buf_adds(out, "<p class='traces'>Traces: ");
	link_to(c, "serial.log", "serial.log", out);
	buf_adds(out, " (as it came, all boots), ");
	link_to(c, "timeline.txt", "timeline.txt", out);
	buf_adds(out, ", ");
	link_to(c, "timeline.json", "timeline.json", out);
	buf_adds(out, "</p>\n");
}

void report_html_case(const struct report *r, unsigned idx, struct buf *out)
{
	const struct report_case *c = &r->cases[idx];
	bool failed = c->result.verdict == VERDICT_FAILED;

	buf_addf(out, "<details class='case %s'%s>", report_verdict(c->result.verdict),
		 failed || r->n == 1 ? " open='open'" : "");
	row(c, out);
	/* Inside, so that a browser which follows a link to it opens what is around it. */
	buf_addf(out, "<div class='body' id='s%u'>\n", idx + 1);
	reason(r, c, out);
	if (c->result.boots) {
		boots(c, out);
		source(c, out);
		traces(c, out);
	} else {
		source(c, out);
	}
	buf_adds(out, "</div></details>\n");
}

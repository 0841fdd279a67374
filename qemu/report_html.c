/*
 * The HTML report: what was decided, the figures, how long it took to be well again,
 * and every scenario. See report_html.h.
 */
#include "qemu/report_html.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "qemu/markup.h"
#include "qemu/report_text.h"

#define CHART_MAX 15 /* bars shown before the rest is folded away */

/* ---- head ------------------------------------------------------------------------------ */

/* What is tested: the image's name and version, else its file. */
static void subject(const struct report *r, struct buf *out)
{
	if (!*r->slot[0].version) {
		markup_str(path_base(r->image), out);
		return;
	}
	markup_str(r->slot[0].name, out);
	buf_addc(out, ' ');
	markup_str(r->slot[0].version, out);
}

static void conclusion(const struct report *r, struct buf *out)
{
	struct report_totals t = report_count(r);
	const char *s = r->n == 1 ? "" : "s";

	if (r->aborted)
		buf_addf(out, "Broken off: %u of %u scenario%s did not run", t.skipped, r->n, s);
	else if (r->strict && t.skipped)
		buf_addf(out, "Failed: %u of %u scenario%s, and %u skipped", t.failed, r->n, s,
			 t.skipped);
	else if (t.failed)
		buf_addf(out, "Failed: %u of %u scenario%s", t.failed, r->n, s);
	else if (!t.passed)
		buf_addf(out, "Nothing was shown: %u scenario%s skipped", r->n, s);
	else if (t.skipped)
		buf_addf(out, "Passed: %u of %u scenario%s, %u skipped", t.passed, r->n, s,
			 t.skipped);
	else
		buf_addf(out, "Passed: %s%u scenario%s", r->n == 1 ? "" : "all ", r->n, s);
}

static void fact(const char *name, struct buf *out)
{
	buf_addf(out, "<dt>%s</dt><dd>", name);
}

static void slots(const struct report *r, struct buf *out)
{
	for (unsigned i = 0; i < BS_SLOTS; i++) {
		if (!*r->slot[i].version)
			continue;
		buf_addf(out, "<dt>Slot %c</dt><dd>", (int)('a' + i));
		markup_str(r->slot[i].name, out);
		buf_addc(out, ' ');
		markup_str(r->slot[i].version, out);
		buf_adds(out, ", root hash <code class='hash'>");
		report_hex(r->slot[i].root_hash, sizeof(r->slot[i].root_hash), out);
		buf_adds(out, "</code></dd>\n");
	}
}

static void facts(const struct report *r, struct buf *out)
{
	buf_adds(out, "<dl class='facts'>\n");
	fact("Image", out);
	buf_adds(out, "<code>");
	markup_str(path_base(r->image), out);
	buf_adds(out, "</code>, as it is: each scenario plays on a copy</dd>\n");
	slots(r, out);
	fact("Machine", out);
	buf_addf(out, "QEMU, %s", strcmp(r->accel, "kvm") ? "emulated (tcg)" : "with kvm");
	if (r->accel_why) {
		buf_adds(out, ": ");
		markup_str(r->accel_why, out);
	}
	buf_adds(out, "</dd>\n");
	fact("Firmware", out);
	markup_str(r->firmware ? r->firmware : "not known", out);
	buf_adds(out, "</dd>\n");
	fact("Run", out);
	report_time(r->started, out);
	buf_adds(out, ", kiln " KILN_VERSION "</dd>\n</dl>\n");
}

static void failures(const struct report *r, struct buf *out)
{
	buf_adds(out, "<ul class='failures'>\n");
	if (r->strict && report_count(r).skipped)
		buf_adds(out, "<li>Under CI a skipped scenario fails the run.</li>\n");
	if (r->aborted) {
		buf_adds(out, "<li>");
		markup_said(r->aborted, strlen(r->aborted), out);
		buf_adds(out, "</li>\n");
	}
	for (unsigned i = 0; i < r->n; i++) {
		const struct play_result *p = &r->cases[i].result;

		if (p->verdict != VERDICT_FAILED)
			continue;
		buf_addf(out, "<li><a href='#s%u'>", i + 1);
		markup_str(r->cases[i].name, out);
		buf_adds(out, "</a> ");
		markup_text(p->why, strcspn(p->why, "\r\n"), out);
		buf_adds(out, "</li>\n");
	}
	buf_adds(out, "</ul>\n");
}

static void head(const struct report *r, struct buf *out)
{
	enum verdict v = report_conclusion(r);

	buf_addf(out, "<header class='%s'>\n<p class='brand'>kiln test</p>\n<h1>",
		 report_verdict(v));
	subject(r, out);
	buf_adds(out, "</h1>\n<p class='conclusion'>");
	svg_verdict(v, out);
	buf_addc(out, ' ');
	conclusion(r, out);
	buf_adds(out, "</p>\n");
	if (v == VERDICT_FAILED)
		failures(r, out);
	facts(r, out);
	buf_adds(out, "</header>\n");
}

/* ---- figures --------------------------------------------------------------------------- */

/* The scenarios that ended confirmed, longest way first. */
struct ranking {
	unsigned idx[256]; /* into the cases */
	unsigned n;
	const struct report *r;
};

static uint64_t recovery_of(const struct report *r, unsigned idx)
{
	return timeline_recovery_ms(&r->cases[idx].result.timeline);
}

/* Put case @idx where it belongs; as run among equals. */
static void insert(struct ranking *k, unsigned idx)
{
	unsigned at = k->n;

	while (at > 0 && recovery_of(k->r, k->idx[at - 1]) < recovery_of(k->r, idx))
		at--;
	memmove(k->idx + at + 1, k->idx + at, (k->n - at) * sizeof(k->idx[0]));
	k->idx[at] = idx;
	k->n++;
}

static void rank(const struct report *r, struct ranking *ret)
{
	*ret = (struct ranking){ .r = r };
	for (unsigned i = 0; i < r->n && ret->n < ARRAY_SIZE(ret->idx); i++)
		if (recovery_of(r, i))
			insert(ret, i);
}

static void open_tile(struct buf *out)
{
	buf_adds(out, "<div class='tile'><p class='figure'>");
}

static void close_tile(const char *text, struct buf *out)
{
	buf_addf(out, "</p><p>%s</p></div>\n", text);
}

/* Boots that ended unconfirmed, and another followed. */
static unsigned lost_boots(const struct report *r)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->n; i++) {
		const struct timeline *t = &r->cases[i].result.timeline;

		for (unsigned k = 0; k + 1 < t->n; k++)
			n += !t->boot[k].confirmed;
	}
	return n;
}

static void tiles(const struct report *r, const struct ranking *k, struct buf *out)
{
	struct report_totals t = report_count(r);

	buf_adds(out, "<section class='tiles' aria-label='Figures'>\n");
	open_tile(out);
	buf_addf(out, "%u <small>of %u</small></p><p>scenarios passed", t.passed, r->n);
	buf_addf(out, "; %u failed, %u skipped</p></div>\n", t.failed, t.skipped);
	open_tile(out);
	buf_addf(out, "%u</p><p>boots watched, %u of them lost on the way</p></div>\n", t.boots,
		 lost_boots(r));
	open_tile(out);
	if (k->n)
		report_duration(recovery_of(r, k->idx[0]), out);
	else
		buf_adds(out, "\u2014");
	close_tile("longest from power on to confirmed healthy", out);
	open_tile(out);
	if (k->n)
		report_duration(recovery_of(r, k->idx[k->n / 2]), out);
	else
		buf_adds(out, "\u2014");
	close_tile("the median of the same", out);
	open_tile(out);
	report_duration(r->wall_ms, out);
	buf_adds(out, "</p><p>for ");
	report_duration(t.machine_ms, out);
	buf_adds(out, " of machine time</p></div>\n</section>\n");
}

/* ---- the chart ------------------------------------------------------------------------- */

static void chart_row(const struct report *r, const struct svg_axis *axis, unsigned idx,
		      struct buf *out)
{
	buf_addf(out, "<li><a href='#s%u'>", idx + 1);
	markup_str(r->cases[idx].name, out);
	buf_adds(out, "</a> ");
	svg_recovery(axis, &r->cases[idx].result.timeline, out);
	buf_adds(out, " <span class='number'>");
	report_duration(recovery_of(r, idx), out);
	buf_adds(out, "</span></li>\n");
}

static void chart_rows(const struct ranking *k, const struct svg_axis *axis, unsigned from,
		       unsigned to, struct buf *out)
{
	buf_adds(out, "<ol>\n");
	for (unsigned i = from; i < to; i++)
		chart_row(k->r, axis, k->idx[i], out);
	buf_adds(out, "</ol>\n");
}

static void chart(const struct ranking *k, struct buf *out)
{
	struct svg_axis axis = svg_axis_for(k->n ? recovery_of(k->r, k->idx[0]) : 0);
	unsigned shown = k->n > CHART_MAX ? CHART_MAX : k->n;

	if (!k->n)
		return;
	buf_adds(out, "<section>\n<h2>From power on to confirmed healthy</h2>\n"
		      "<p class='legend'><span>");
	svg_sample(SVG_LOST, out);
	buf_adds(out, " lost: a boot that was not confirmed</span> <span>");
	svg_sample(PHASE_SYSTEMD, out);
	buf_adds(out, " a boot until it was confirmed</span> <span>");
	svg_sample(SVG_RUNNING, out);
	buf_adds(out, " running</span></p>\n<div class='chart'>\n<div class='scale'>");
	svg_axis(&axis, out);
	buf_adds(out, "</div>\n");
	chart_rows(k, &axis, 0, shown, out);
	buf_adds(out, "</div>\n");
	if (shown < k->n) {
		buf_addf(out,
			 "<details class='more'><summary>the %u that were faster</summary>\n"
			 "<div class='chart'>\n",
			 k->n - shown);
		chart_rows(k, &axis, shown, k->n, out);
		buf_adds(out, "</div></details>\n");
	}
	buf_adds(out, "</section>\n");
}

/* ---- the page -------------------------------------------------------------------------- */

static void scenarios(const struct report *r, struct buf *out)
{
	buf_adds(out,
		 "<section>\n<h2>Scenarios</h2>\n"
		 "<div class='heads' aria-hidden='true'><span></span><span></span>"
		 "<span>scenario</span> "
		 "<span>last failure the machine recorded</span> "
		 "<span class='number'>boots</span> <span class='number'>confirmed after</span> "
		 "<span class='number'>total</span></div>\n<div class='cases'>\n");
	for (unsigned i = 0; i < r->n; i++)
		report_html_case(r, i, out);
	buf_adds(out, "</div>\n</section>\n");
}

static void footer(struct buf *out)
{
	buf_adds(out,
		 "<footer>\n<h2>How to read this</h2>\n"
		 "<p>Every scenario boots a copy of the image in a machine of its own, does to it "
		 "what its text says, and passes only if the machine answers as it must. "
		 "<i>Boots</i> and their phases are read off the serial port: firmware until "
		 "kiln\u2019s selector speaks, selector until it starts a slot, kernel until early "
		 "init, early init until it hands over to systemd, systemd until the health check "
		 "confirms. <i>Recorded</i> is what the machine itself wrote into its boot state "
		 "and what <code>slotctl status</code> would tell. <i>Confirmed after</i> is the "
		 "time from the first power on to the confirm of the last boot.</p>\n"
		 "<p>The same for machines: <a href='./junit.xml'>junit.xml</a></p>\n</footer>\n");
}

void report_html(const struct report *r, struct buf *out)
{
	struct ranking k;

	rank(r, &k);
	buf_adds(out, "<!DOCTYPE html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'/>\n"
		      "<meta name='viewport' content='width=device-width, initial-scale=1'/>\n"
		      "<meta name='color-scheme' content='light dark'/>\n<title>");
	subject(r, out);
	buf_adds(out, ": ");
	conclusion(r, out);
	buf_adds(out, "</title>\n<style>\n");
	buf_adds(out, report_css);
	buf_adds(out, "</style>\n</head>\n<body>\n");
	svg_patterns(out);
	buf_adds(out, "<main>\n");
	head(r, out);
	tiles(r, &k, out);
	chart(&k, out);
	scenarios(r, out);
	footer(out);
	buf_adds(out, "</main>\n</body>\n</html>\n");
}

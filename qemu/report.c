/* See report.h. */
#include "qemu/report.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "qemu/markup.h"

#define GAP 2 /* blanks between columns */

const char *report_word(enum verdict verdict)
{
	static const char *const words[] = {
		[VERDICT_PASSED] = "ok",
		[VERDICT_FAILED] = "FAIL",
		[VERDICT_SKIPPED] = "SKIP",
	};

	return words[verdict];
}

const char *report_verdict(enum verdict verdict)
{
	static const char *const words[] = {
		[VERDICT_PASSED] = "passed",
		[VERDICT_FAILED] = "failed",
		[VERDICT_SKIPPED] = "skipped",
	};

	return words[verdict];
}

struct report_totals report_count(const struct report *r)
{
	struct report_totals t = { 0 };

	for (unsigned i = 0; i < r->n; i++) {
		const struct play_result *p = &r->cases[i].result;

		t.passed += p->verdict == VERDICT_PASSED;
		t.failed += p->verdict == VERDICT_FAILED;
		t.skipped += p->verdict == VERDICT_SKIPPED;
		t.boots += p->boots;
		t.machine_ms += p->ms;
	}
	return t;
}

enum verdict report_conclusion(const struct report *r)
{
	struct report_totals t = report_count(r);
	bool whole = !r->aborted && !(r->strict && t.skipped);

	return whole && t.passed && !t.failed ? VERDICT_PASSED : VERDICT_FAILED;
}

/* A terminal obeys control characters; a guest shall not command it. */
static void add_plain(const char *text, size_t len, bool unicode, struct buf *out)
{
	for (size_t i = 0; i < len;) {
		uint32_t code = 0;
		unsigned n = utf8_decode(text + i, len - i, &code);

		if (n && markup_shows(code) && (unicode || code < 0x80))
			buf_add(out, text + i, n);
		else
			buf_addc(out, code == '\t' ? ' ' : '?');
		i += n ? n : 1;
	}
}

static void add_seconds(uint64_t ms, unsigned width, struct buf *out)
{
	buf_addf(out, "%*" PRIu64 ".%" PRIu64 " s", (int)width, ms / 1000, ms % 1000 / 100);
}

static unsigned width_of(const struct buf *b)
{
	unsigned n = 0;

	for (size_t i = 0; i < b->len; i++)
		n += ((unsigned char)b->data[i] & 0xc0) != 0x80;
	return n;
}

static void pad(unsigned n, struct buf *out)
{
	while (n--)
		buf_addc(out, ' ');
}

void report_line(const struct report_case *c, struct buf *out)
{
	_cleanup_buf_ struct buf name = BUF_INIT;
	const char *why = c->result.why;

	add_plain(c->name, strlen(c->name), true, &name);
	buf_addf(out, "%-4s  ", report_word(c->result.verdict));
	buf_add(out, name.data, name.len);
	pad(width_of(&name) < 22 ? 22 - width_of(&name) : 0, out);
	buf_addc(out, ' ');
	add_seconds(c->result.ms, 4, out);
	buf_adds(out, "  ");
	add_plain(c->title, strlen(c->title), true, out);
	buf_addc(out, '\n');
	while (*why) {
		size_t len = strcspn(why, "\n");

		buf_adds(out, "      ");
		add_plain(why, len && why[len - 1] == '\r' ? len - 1 : len, true, out);
		buf_addc(out, '\n');
		why += len + (why[len] == '\n');
	}
	if (c->log && c->result.boots && c->result.verdict == VERDICT_FAILED)
		buf_addf(out, "      all of it: %s\n", c->log);
}

/* ---- the table --------------------------------------------------------------------- */

enum column { NAME, VERDICT, BOOTS, RECORDED, CONFIRMED, TOTAL, COLUMNS };

static const struct {
	const char *head;
	bool right; /* numbers end at the right edge */
} columns[COLUMNS] = {
	[NAME] = { "scenario", false },
	[VERDICT] = { "verdict", false },
	[BOOTS] = { "boots", true },
	[RECORDED] = { "the machine recorded", false },
	[CONFIRMED] = { "confirmed after", true },
	[TOTAL] = { "total", true },
};

static void recorded(const struct play_result *p, bool unicode, struct buf *out)
{
	buf_addf(out, "%c ", p->failed_slot);
	add_plain(p->failed_version, strlen(p->failed_version), unicode, out);
	buf_adds(out, ": ");
	add_plain(p->failed_stage, strlen(p->failed_stage), unicode, out);
	buf_adds(out, ", ");
	add_plain(p->failed_reason, strlen(p->failed_reason), unicode, out);
}

static void cell(const struct report_case *c, enum column column, bool unicode, struct buf *out)
{
	const struct play_result *p = &c->result;
	uint64_t recovery = timeline_recovery_ms(&p->timeline);
	const char *nothing = unicode ? "\u2014" : "-";

	switch (column) {
	case NAME:
		add_plain(c->name, strlen(c->name), unicode, out);
		break;
	case VERDICT:
		buf_adds(out, report_word(p->verdict));
		break;
	case BOOTS:
		buf_addf(out, "%u", p->boots);
		break;
	case RECORDED:
		if (p->failed_slot)
			recorded(p, unicode, out);
		else
			buf_adds(out, nothing);
		break;
	case CONFIRMED:
		if (recovery)
			add_seconds(recovery, 1, out);
		else
			buf_adds(out, nothing);
		break;
	default:
		add_seconds(p->ms, 1, out);
	}
}

/* One cell, or the head of its column when @c is NULL. */
static void add_cell(const struct report_case *c, enum column column, unsigned width, bool unicode,
		     struct buf *out)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	unsigned blanks;

	if (c)
		cell(c, column, unicode, &text);
	else
		buf_adds(&text, columns[column].head);
	blanks = width > width_of(&text) ? width - width_of(&text) : 0;
	if (columns[column].right)
		pad(blanks, out);
	buf_add(out, text.data, text.len);
	out->oom |= text.oom;
	/* The last column ends at the right: no blanks ever end a line. */
	if (column + 1 < COLUMNS)
		pad((columns[column].right ? 0 : blanks) + GAP, out);
}

static void add_row(const struct report_case *c, const unsigned width[COLUMNS], bool unicode,
		    struct buf *out)
{
	for (unsigned i = 0; i < COLUMNS; i++)
		add_cell(c, i, width[i], unicode, out);
	buf_addc(out, '\n');
}

static unsigned measure(const struct report *r, enum column column, bool unicode)
{
	unsigned widest = (unsigned)strlen(columns[column].head);

	for (unsigned i = 0; i < r->n; i++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		unsigned n;

		cell(&r->cases[i], column, unicode, &text);
		n = width_of(&text);
		widest = n > widest ? n : widest;
	}
	return widest;
}

void report_table(const struct report *r, bool unicode, struct buf *out)
{
	struct report_totals t = report_count(r);
	unsigned width[COLUMNS], all = (COLUMNS - 1) * GAP;

	for (unsigned i = 0; i < COLUMNS; i++)
		all += width[i] = measure(r, i, unicode);
	add_row(NULL, width, unicode, out);
	while (all--)
		buf_adds(out, unicode ? "\u2500" : "-");
	buf_addc(out, '\n');
	for (unsigned i = 0; i < r->n; i++)
		add_row(&r->cases[i], width, unicode, out);
	buf_addf(out, "\n%u passed, %u failed, %u skipped in ", t.passed, t.failed, t.skipped);
	add_seconds(r->wall_ms, 1, out);
	buf_adds(out, "; ");
	add_seconds(t.machine_ms, 1, out);
	buf_addf(out, " of machine time, %u boots\n", t.boots);
}

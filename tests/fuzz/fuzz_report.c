/*
 * A guest writes the report: its bytes are the log, the names, versions and messages.
 * Whatever they are, page and JUnit XML stay well-formed, hold no element and no
 * attribute that is not ours, and a terminal is given no control character.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "qemu/bootlog.h"
#include "qemu/markup.h"
#include "qemu/report.h"

#define DEPTH_MAX 32
#define LINES_MAX 40
#define BYTES_MAX 6144

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A reader of markup that knows only what a report may hold, and stops at anything else. */
struct reader {
	const char *at, *end;
	char open[DEPTH_MAX][16];
	unsigned depth;
};

static void take(struct reader *r, const char *text)
{
	size_t len = strlen(text);

	if ((size_t)(r->end - r->at) < len || memcmp(r->at, text, len))
		abort();
	r->at += len;
}

static void one_of(struct reader *r, const char *const *words)
{
	for (; *words; words++) {
		size_t len = strlen(*words);

		if ((size_t)(r->end - r->at) >= len && !memcmp(r->at, *words, len)) {
			r->at += len;
			return;
		}
	}
	abort();
}

static void character(struct reader *r)
{
	static const char *const references[] = { "&amp;", "&lt;", "&gt;", "&quot;", "&#39;", "&#10;", "&#9;", NULL };
	uint32_t code;
	unsigned n;

	if (*r->at == '&') {
		one_of(r, references);
		return;
	}
	n = utf8_decode(r->at, (size_t)(r->end - r->at), &code);
	if (!n || code == '<' || code == '>' || (!markup_shows(code) && code != '\n' && code != '\t'))
		abort();
	r->at += n;
}

static void word(struct reader *r, char out[16])
{
	size_t len = 0;

	while (r->at < r->end && (strchr("abcdefghijklmnopqrstuvwxyz-0123456789", *r->at) ||
				  strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ", *r->at))) {
		if (len == 15)
			abort();
		out[len++] = *r->at++;
	}
	out[len] = '\0';
	if (!len)
		abort();
}

static void attribute(struct reader *r)
{
	char name[16], quote;

	take(r, " ");
	/* The longest names of SVG are the pattern's. */
	if (r->end - r->at > 16 && !memcmp(r->at, "patternTransform", 16))
		r->at += 16;
	else
		word(r, name), name[0] == 'o' && name[1] == 'n' ? abort() : (void)0;
	take(r, "=");
	quote = *r->at == '\'' ? '\'' : '"';
	take(r, quote == '"' ? "\"" : "'");
	while (r->at < r->end && *r->at != quote)
		character(r);
	take(r, quote == '"' ? "\"" : "'");
}

static void start_tag(struct reader *r)
{
	static const char *const ours[] = { "a", "b", "body", "circle", "code", "dd", "defs", "details", "div", "dl",
		"dt", "footer", "h1", "h2", "h4", "head", "header", "html", "i", "li", "line", "main", "meta", "ol",
		"p", "path", "pattern", "pre", "rect", "section", "small", "span", "style", "summary", "svg", "text",
		"title", "ul", "testsuites", "testsuite", "testcase", "properties", "property", "failure", "skipped",
		"system-out", NULL };
	unsigned known = 0;
	char name[16];

	take(r, "<");
	word(r, name);
	while (ours[known] && strcmp(ours[known], name))
		known++;
	if (!ours[known] || r->depth == DEPTH_MAX)
		abort();
	while (r->at < r->end && *r->at == ' ')
		attribute(r);
	if (r->at < r->end && *r->at == '/') {
		take(r, "/>");
		return;
	}
	take(r, ">");
	memcpy(r->open[r->depth++], name, sizeof(name));
	/* The style sheet is ours, and CSS. */
	if (!strcmp(name, "style"))
		r->at = strstr(r->at, "</style>");
}

static void end_tag(struct reader *r)
{
	char name[16];

	take(r, "</");
	word(r, name);
	take(r, ">");
	if (!r->depth || strcmp(r->open[--r->depth], name))
		abort();
}

static void read_markup(const struct buf *b, const char *prolog)
{
	struct reader r = { 0 };

	if (!b->len)
		return;
	r.at = b->data;
	r.end = b->data + b->len;
	take(&r, prolog);
	while (r.at < r.end) {
		if (*r.at != '<')
			character(&r);
		else if (r.at + 1 < r.end && r.at[1] == '/')
			end_tag(&r);
		else
			start_tag(&r);
	}
	if (r.depth)
		abort();
}

static void read_terminal(const struct buf *b, bool unicode)
{
	for (size_t i = 0; i < b->len;) {
		uint32_t code;
		unsigned n = utf8_decode(b->data + i, b->len - i, &code);

		if (!n || (code != '\n' && !markup_shows(code)) || (!unicode && code > 127))
			abort();
		i += n;
	}
}

static void alone(const char *text, size_t size)
{
	struct buf b = BUF_INIT;

	markup_console(text, size, LINES_MAX, BYTES_MAX, &b);
	/* No byte becomes more than a reference of six, no line more than its emphasis. */
	if (b.len > BYTES_MAX * 6 + LINES_MAX * 8)
		abort();
	read_markup(&b, "");
	buf_done(&b);
	buf_adds(&b, "<a");
	markup_attr("x", text, &b);
	markup_href(text, &b);
	buf_adds(&b, ">");
	markup_text(text, size, &b);
	buf_adds(&b, "</a><b>");
	markup_said(text, size, &b);
	buf_adds(&b, "</b>");
	read_markup(&b, "");
	buf_done(&b);
}

/* The machine ran, as far as the bytes say so: each line a second later, "!" resets it. */
static void play_log(struct report_case *c, const char *text, size_t size)
{
	struct timeline *t = &c->result.timeline;
	struct serial s;
	uint64_t now = 1;
	struct buf b = BUF_INIT;

	serial_init(&s, NULL, NULL);
	timeline_start(t, now);
	if (serial_feed(&s, text, size, now) < 0)
		abort();
	for (size_t i = 0; i < s.n; i++) {
		s.lines[i].at_ms = now;
		if (*s.lines[i].text == '!')
			timeline_start(t, now);
		timeline_line(t, now, s.lines[i].text);
		now += 1000;
	}
	timeline_stop(t, now, size % 2 ? TIMELINE_OFF : TIMELINE_CUT);
	c->result.boots = t->n + t->dropped;
	for (unsigned i = 0; i < t->n; i++) {
		bootlog_text(&s, t, i, &b);
		c->boot_log[i] = buf_take(&b);
	}
	serial_done(&s);
}

static void fill(char *to, size_t size, const char *from)
{
	size_t len = strnlen(from, size - 1);

	memcpy(to, from, len);
	to[len] = '\0';
}

static void make_case(struct report_case *c, const char *text, size_t size)
{
	struct play_result *p = &c->result;
	struct record_boot *b = &p->record.boot[0];

	*c = (struct report_case){ .name = text, .title = text, .log = text, .source = strdup(text),
				   .again = strdup(text) };
	p->verdict = size % 3;
	play_log(c, text, size);
	p->failed_slot = size % 5 ? 'b' : 0;
	fill(p->failed_version, sizeof(p->failed_version), text);
	fill(p->failed_stage, sizeof(p->failed_stage), text);
	fill(p->failed_reason, sizeof(p->failed_reason), text);
	fill(p->why, sizeof(p->why), text);
	p->record.n = b->n = 1;
	b->start[0] = (struct bs_boot){ .number = 1, .stage = size % BS_STAGE_COUNT, .reason = size % BS_REASON_COUNT };
	fill(b->start[0].version, sizeof(b->start[0].version), text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct report_case c;
	struct report r = { .image = "", .output = "", .accel = "tcg", .cases = &c, .n = 1 };
	struct buf b = BUF_INIT;
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	alone(text, size);
	make_case(&c, text, size);
	r.image = r.accel_why = r.firmware = text;
	fill(r.slot[1].version, sizeof(r.slot[1].version), text);
	fill(r.slot[1].name, sizeof(r.slot[1].name), text);
	report_html(&r, &b);
	read_markup(&b, "<!DOCTYPE html>\n");
	buf_done(&b);
	report_junit(&r, &b);
	read_markup(&b, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
	buf_done(&b);
	/* Paths of the user's own are told as they are. */
	c.log = NULL;
	report_line(&c, &b);
	report_table(&r, true, &b);
	read_terminal(&b, true);
	buf_done(&b);
	report_table(&r, false, &b);
	read_terminal(&b, false);
	buf_done(&b);
	report_json(&r, &b);
	buf_done(&b);
	report_done(&r);
	free(text);
	return 0;
}

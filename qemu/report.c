/* See report.h. */
#include "qemu/report.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/path.h"

static const char *const words[] = {
	[VERDICT_PASSED] = "ok  ",
	[VERDICT_FAILED] = "FAIL",
	[VERDICT_SKIPPED] = "SKIP",
};

static void add_seconds(uint64_t ms, unsigned width, struct buf *out)
{
	buf_addf(out, "%*" PRIu64 ".%" PRIu64, (int)width, ms / 1000, ms % 1000 / 100);
}

void report_line(const struct report_case *c, struct buf *out)
{
	const char *why = c->result.why;

	buf_addf(out, "%s  %-22s ", words[c->result.verdict], c->name);
	add_seconds(c->result.ms, 4, out);
	buf_addf(out, " s  %s\n", c->title);
	while (*why) {
		size_t len = strcspn(why, "\n");

		buf_addf(out, "      %.*s\n", (int)len, why);
		why += len + (why[len] == '\n');
	}
	if (c->log && c->result.boots && c->result.verdict == VERDICT_FAILED)
		buf_addf(out, "      all of it: %s\n", c->log);
}

struct report_totals report_count(const struct report_case *cases, unsigned n)
{
	struct report_totals t = { 0 };

	for (unsigned i = 0; i < n; i++) {
		t.passed += cases[i].result.verdict == VERDICT_PASSED;
		t.failed += cases[i].result.verdict == VERDICT_FAILED;
		t.skipped += cases[i].result.verdict == VERDICT_SKIPPED;
	}
	return t;
}

void report_xml(const char *text, struct buf *out)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		switch (c) {
		case '&':
			buf_adds(out, "&amp;");
			break;
		case '<':
			buf_adds(out, "&lt;");
			break;
		case '>':
			buf_adds(out, "&gt;");
			break;
		case '"':
			buf_adds(out, "&quot;");
			break;
		case '\n':
			buf_adds(out, "&#10;");
			break;
		default:
			/* Control characters are forbidden; a guest's bytes may be no UTF-8. */
			buf_addc(out, c == '\t' || (c >= 32 && c < 127) ? (char)c : '?');
		}
	}
}

static void attribute(const char *name, const char *value, struct buf *out)
{
	buf_addf(out, " %s=\"", name);
	report_xml(value, out);
	buf_addc(out, '"');
}

static void junit_case(const char *image, const struct report_case *c, struct buf *out)
{
	size_t first = strcspn(c->result.why, "\n");
	char message[512];

	buf_adds(out, "    <testcase");
	attribute("classname", image, out);
	attribute("name", c->name, out);
	buf_adds(out, " time=\"");
	add_seconds(c->result.ms, 1, out);
	buf_adds(out, "\">\n");
	if (c->result.verdict != VERDICT_PASSED) {
		first = first < sizeof(message) ? first : sizeof(message) - 1;
		memcpy(message, c->result.why, first);
		message[first] = '\0';
		buf_addf(out, "      <%s",
			 c->result.verdict == VERDICT_FAILED ? "failure" : "skipped");
		attribute("message", message, out);
		buf_addc(out, '>');
		report_xml(c->result.why, out);
		buf_addf(out, "</%s>\n",
			 c->result.verdict == VERDICT_FAILED ? "failure" : "skipped");
	}
	if (c->log && c->result.boots) {
		buf_adds(out, "      <system-out>");
		report_xml(c->log, out);
		buf_adds(out, "</system-out>\n");
	}
	buf_adds(out, "    </testcase>\n");
}

void report_junit(const char *image, const struct report_case *cases, unsigned n, struct buf *out)
{
	struct report_totals t = report_count(cases, n);
	const char *name = path_base(image);
	uint64_t ms = 0;

	for (unsigned i = 0; i < n; i++)
		ms += cases[i].result.ms;
	buf_adds(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite");
	attribute("name", name, out);
	buf_addf(out, " tests=\"%u\" failures=\"%u\" skipped=\"%u\" time=\"", n, t.failed,
		 t.skipped);
	add_seconds(ms, 1, out);
	buf_adds(out, "\">\n");
	for (unsigned i = 0; i < n; i++)
		junit_case(name, &cases[i], out);
	buf_adds(out, "  </testsuite>\n</testsuites>\n");
}

/*
 * JUnit XML. No standard says what it is; this is what Jenkins, GitLab and GitHub's
 * actions read: testsuite, testcase, properties, failure, skipped, system-out with a
 * line [[ATTACHMENT|path]] for each file to keep.
 */
#include "qemu/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "qemu/bootlog.h"
#include "qemu/markup.h"
#include "qemu/report_text.h"

static void add_time(uint64_t ms, struct buf *out)
{
	buf_addf(out, " time=\"%" PRIu64 ".%03" PRIu64 "\"", ms / 1000, ms % 1000);
}

static void property(const char *name, const char *value, struct buf *out)
{
	buf_adds(out, "        <property");
	markup_attr("name", name, out);
	markup_attr("value", value, out);
	buf_adds(out, "/>\n");
}

static void number(const char *name, uint64_t value, struct buf *out)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	property(name, text, out);
}

static void case_properties(const struct play_result *p, struct buf *out)
{
	uint64_t recovery = timeline_recovery_ms(&p->timeline);
	const char slot[2] = { p->failed_slot, '\0' };

	buf_adds(out, "      <properties>\n");
	number("boots", p->boots, out);
	if (recovery)
		number("recovery_ms", recovery, out);
	if (p->failed_slot) {
		property("recorded.slot", slot, out);
		property("recorded.version", p->failed_version, out);
		property("recorded.stage", p->failed_stage, out);
		property("recorded.reason", p->failed_reason, out);
	}
	buf_adds(out, "      </properties>\n");
}

static void attachment(const char *dir, const char *name, struct buf *out)
{
	_cleanup_free_ char *path = path_join(dir, name);

	buf_adds(out, "[[ATTACHMENT|");
	markup_str(path ? path : name, out);
	buf_adds(out, "]]\n");
}

static void attachments(const struct report_case *c, struct buf *out)
{
	const struct timeline *t = &c->result.timeline;
	_cleanup_free_ char *dir = strndup(c->log, (size_t)(path_base(c->log) - c->log));

	out->oom |= !dir;
	if (!dir)
		return;
	buf_adds(out, "      <system-out>");
	attachment(dir, "serial.log", out);
	attachment(dir, "timeline.txt", out);
	for (unsigned i = 0; i < t->n; i++) {
		_cleanup_free_ char *name = bootlog_name(t->dropped + i + 1);

		if (name)
			attachment(dir, name, out);
	}
	buf_adds(out, "</system-out>\n");
}

static void outcome(const struct play_result *p, struct buf *out)
{
	const char *element = p->verdict == VERDICT_FAILED ? "failure" : "skipped";
	char message[512];

	snprintf(message, sizeof(message), "%.*s", (int)strcspn(p->why, "\r\n"), p->why);
	buf_addf(out, "      <%s", element);
	markup_attr("message", message, out);
	buf_addc(out, '>');
	markup_said(p->why, strlen(p->why), out);
	buf_addf(out, "</%s>\n", element);
}

static void junit_case(const char *image, const struct report_case *c, struct buf *out)
{
	buf_adds(out, "    <testcase");
	markup_attr("classname", image, out);
	markup_attr("name", c->name, out);
	add_time(c->result.ms, out);
	buf_adds(out, ">\n");
	case_properties(&c->result, out);
	if (c->result.verdict != VERDICT_PASSED)
		outcome(&c->result, out);
	if (c->log && c->result.boots)
		attachments(c, out);
	buf_adds(out, "    </testcase>\n");
}

static void suite_properties(const struct report *r, struct buf *out)
{
	buf_adds(out, "    <properties>\n");
	property("accelerator", r->accel, out);
	if (r->firmware)
		property("firmware", r->firmware, out);
	for (unsigned i = 0; i < BS_SLOTS; i++) {
		_cleanup_buf_ struct buf hash = BUF_INIT;
		char name[] = "slot-a.version", root[] = "slot-a.root_hash";

		if (!*r->slot[i].version)
			continue;
		name[5] = root[5] = (char)('a' + i);
		report_hex(r->slot[i].root_hash, sizeof(r->slot[i].root_hash), &hash);
		property(name, r->slot[i].version, out);
		property(root, hash.data ? hash.data : "", out);
	}
	number("wall_ms", r->wall_ms, out);
	buf_adds(out, "    </properties>\n");
}

void report_junit(const struct report *r, struct buf *out)
{
	struct report_totals t = report_count(r);
	const char *name = path_base(r->image);

	buf_adds(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite");
	markup_attr("name", name, out);
	buf_addf(out, " tests=\"%u\" failures=\"%u\" errors=\"0\" skipped=\"%u\"", r->n, t.failed,
		 t.skipped);
	add_time(t.machine_ms, out);
	buf_adds(out, " timestamp=\"");
	report_time(r->started, out);
	buf_adds(out, "\">\n");
	suite_properties(r, out);
	for (unsigned i = 0; i < r->n; i++)
		junit_case(name, &r->cases[i], out);
	buf_adds(out, "  </testsuite>\n</testsuites>\n");
}

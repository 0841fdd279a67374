/* A test run for machines. The keys stand in kiln-test(1). */
#include "qemu/report.h"

#include "lib/base/cleanup.h"
#include "lib/base/json.h"
#include "lib/base/path.h"
#include "qemu/bootlog.h"
#include "qemu/report_text.h"

#define FORMAT 1

static const char *or_null(const char *text)
{
	return text && *text ? text : NULL;
}

static void u64_or_null(struct json *j, const char *key, uint64_t value)
{
	if (value)
		json_u64(j, key, value);
	else
		json_str(j, key, NULL);
}

static void start_json(const struct bs_boot *start, struct json *j)
{
	json_open(j, NULL, '{');
	json_u64(j, "number", start->number);
	json_str(j, "slot", start->slot ? "b" : "a");
	json_str(j, "version", start->version);
	json_str(j, "stage", bs_stage_name(start->stage));
	json_str(j, "reason", bs_reason_name(start->reason));
	json_str(j, "end", bs_end_name(start->end));
	json_close(j);
}

static void boot_json(const struct report_case *c, unsigned idx, struct json *j)
{
	const struct timeline *t = &c->result.timeline;
	const struct record *rec = &c->result.record;
	_cleanup_free_ char *name = bootlog_name(t->dropped + idx + 1);
	_cleanup_free_ char *log = name ? str_printf("%s/%s", c->name, name) : NULL;

	j->out->oom |= !log;
	json_open(j, NULL, '{');
	timeline_boot_json(t, idx, j);
	json_open(j, "recorded", '[');
	for (unsigned i = 0; idx < rec->n && i < rec->boot[idx].n; i++)
		start_json(&rec->boot[idx].start[i], j);
	json_close(j);
	json_str(j, "log", log);
	json_close(j);
}

static void recorded_json(const struct play_result *p, struct json *j)
{
	const char slot[2] = { p->failed_slot, '\0' };

	if (!p->failed_slot) {
		json_str(j, "last_failure", NULL);
		return;
	}
	json_open(j, "last_failure", '{');
	json_str(j, "slot", slot);
	json_str(j, "version", p->failed_version);
	json_str(j, "stage", p->failed_stage);
	json_str(j, "reason", p->failed_reason);
	json_close(j);
}

static void case_json(const struct report_case *c, struct json *j)
{
	const struct play_result *p = &c->result;
	_cleanup_free_ char *log = p->boots ? path_join(c->name, "serial.log") : NULL;

	json_open(j, NULL, '{');
	json_str(j, "name", c->name);
	json_str(j, "title", c->title);
	json_str(j, "verdict", report_verdict(p->verdict));
	json_str(j, "why", or_null(p->why));
	json_u64(j, "total_ms", p->ms);
	u64_or_null(j, "recovery_ms", timeline_recovery_ms(&p->timeline));
	json_u64(j, "boots", p->boots);
	recorded_json(p, j);
	json_str(j, "serial_log", log);
	json_open(j, "timeline", '[');
	for (unsigned i = 0; i < p->timeline.n; i++)
		boot_json(c, i, j);
	json_close(j);
	json_close(j);
}

static void slot_json(const struct slotdesc *slot, unsigned idx, struct json *j)
{
	const char letter[2] = { (char)('a' + idx), '\0' };
	_cleanup_buf_ struct buf hash = BUF_INIT;

	if (!*slot->version)
		return;
	report_hex(slot->root_hash, sizeof(slot->root_hash), &hash);
	j->out->oom |= hash.oom;
	json_open(j, NULL, '{');
	json_str(j, "slot", letter);
	json_str(j, "name", slot->name);
	json_str(j, "version", slot->version);
	json_str(j, "root_hash", hash.data);
	json_close(j);
}

void report_json(const struct report *r, struct buf *out)
{
	struct report_totals t = report_count(r);
	_cleanup_buf_ struct buf started = BUF_INIT;
	struct json j = JSON_INIT(out);

	report_time(r->started, &started);
	out->oom |= started.oom;
	json_open(&j, NULL, '{');
	json_u64(&j, "format", FORMAT);
	json_str(&j, "kiln", KILN_VERSION);
	json_str(&j, "image", r->image);
	json_open(&j, "slots", '[');
	for (unsigned i = 0; i < BS_SLOTS; i++)
		slot_json(&r->slot[i], i, &j);
	json_close(&j);
	json_str(&j, "accelerator", r->accel);
	json_str(&j, "firmware", or_null(r->firmware));
	json_str(&j, "started", started.data);
	json_str(&j, "output", r->output);
	json_str(&j, "verdict", report_verdict(report_conclusion(r)));
	json_str(&j, "aborted", or_null(r->aborted));
	json_u64(&j, "passed", t.passed);
	json_u64(&j, "failed", t.failed);
	json_u64(&j, "skipped", t.skipped);
	json_u64(&j, "boots", t.boots);
	json_u64(&j, "wall_ms", r->wall_ms);
	json_u64(&j, "machine_ms", t.machine_ms);
	json_open(&j, "scenarios", '[');
	for (unsigned i = 0; i < r->n; i++)
		case_json(&r->cases[i], &j);
	json_close(&j);
	json_close(&j);
	buf_addc(out, '\n');
}

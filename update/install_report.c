/* See install_report.h. */
#include "update/install_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "install/source.h"
#include "lib/base/args.h"
#include "lib/base/buf.h"
#include "lib/base/json.h"
#include "lib/base/progress.h"
#include "update/install_job.h"

#define MIB(bytes) ((double)(bytes) / 1048576.0)

static void print_line(const struct buf *b)
{
	if (buf_ok(b) && b->len) {
		fwrite(b->data, 1, b->len, stdout);
		putchar('\n');
		fflush(stdout);
	}
}

void report_end(struct report *r)
{
	r->bar = progress_free(r->bar);
	r->phase = NULL;
}

void report_progress(struct report *r, const char *phase, uint64_t done, uint64_t total)
{
	if (!r->phase || strcmp(phase, r->phase) != 0) {
		report_end(r);
		r->phase = phase;
		r->shown = 0;
		if (r->json)
			r->bar = progress_new_json(phase, total);
		else if (!r->quiet)
			r->bar = progress_new(phase, total, true);
	}
	progress_add(r->bar, done - r->shown);
	r->shown = done;
}

/* What every last object begins with. */
static void json_head(struct json *j, const char *result, const struct install_job *job)
{
	const struct bundle_manifest *m = &job->front.manifest;

	j->compact = true;
	json_open(j, NULL, '{');
	json_str(j, "result", result);
	json_str(j, "name", m->name);
	json_str(j, "version", m->version);
	json_str(j, "source", job->source_name);
}

static uint64_t copied_bytes(const struct chunkplan *p)
{
	return p->bytes[CHUNK_SLOT] + p->bytes[CHUNK_EARLIER];
}

static void json_plan(struct json *j, const struct install_job *job)
{
	json_u64(j, "fetch_bytes", job->plan.bytes[CHUNK_FETCH]);
	json_u64(j, "in_place_bytes", job->plan.bytes[CHUNK_IN_PLACE]);
	json_u64(j, "copied_bytes", copied_bytes(&job->plan));
}

void report_plan(const struct report *r, const struct install_job *job)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	const struct bundle_manifest *m = &job->front.manifest;
	const struct chunkplan *p = &job->plan;
	struct json j = JSON_INIT(&b);

	if (!r->json) {
		printf("%s %s would go to slot %s, from %s\n"
		       "to fetch %.1f MiB, to copy from this machine %.1f MiB, in place already "
		       "%.1f MiB\n"
		       "to write at most %.1f MiB; about %" PRIu64 " s without fetching\n",
		       m->name, m->version, bs_slot_name(job->slot), job->source_name,
		       MIB(p->bytes[CHUNK_FETCH]), MIB(copied_bytes(p)),
		       MIB(p->bytes[CHUNK_IN_PLACE]), MIB(chunkplan_write_bytes(p)),
		       install_job_estimate_s(job));
		return;
	}
	json_head(&j, "planned", job);
	json_str(&j, "slot", bs_slot_name(job->slot));
	json_plan(&j, job);
	json_u64(&j, "write_bytes_max", chunkplan_write_bytes(p));
	json_u64(&j, "estimate_s", install_job_estimate_s(job));
	json_close(&j);
	print_line(&b);
}

void report_standing(const struct report *r, const struct install_job *job)
{
	static const char *const results[] = { [INSTALL_RUNS] = "running",
					       [INSTALL_OLDER] = "not-newer",
					       [INSTALL_NEXT] = "next",
					       [INSTALL_THERE] = "there" };
	_cleanup_buf_ struct buf b = BUF_INIT;
	const struct bundle_manifest *m = &job->front.manifest;
	const char *slot = bs_slot_name(job->slot);
	struct json j = JSON_INIT(&b);

	if (r->quiet && !r->json)
		return;
	if (r->json) {
		json_head(&j, results[job->standing], job);
		json_close(&j);
		print_line(&b);
	} else if (job->standing == INSTALL_RUNS) {
		printf("%s %s is what runs; nothing to do\n", m->name, m->version);
	} else if (job->standing == INSTALL_OLDER) {
		printf("%s %s is not newer than what runs; nothing to do\n", m->name, m->version);
	} else if (job->standing == INSTALL_NEXT) {
		printf("slot %s holds %s %s already and is first in line\n", slot, m->name,
		       m->version);
	} else {
		printf("slot %s holds %s %s already; to start it: slotctl %s\n", slot, m->name,
		       m->version,
		       job->dev.bs.slot[job->slot].good ? "rollback" : "boot-once");
	}
}

/* "": nothing that anybody needs to know. */
static const char *selector_text(enum install_selector selector)
{
	switch (selector) {
	case INSTALL_SELECTOR_NEXT:
		return "its selector is new here and is tried at the next boot\n";
	case INSTALL_SELECTOR_REFUSED:
		return "its selector failed on this machine before and is left out; to try it: "
		       "slotctl retry selector\n";
	case INSTALL_SELECTOR_NONE:
		return "its selector is none that this machine can use, and is left out\n";
	default:
		return "";
	}
}

void report_installed(const struct report *r, const struct install_job *job)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	const struct bundle_manifest *m = &job->front.manifest;
	const struct chunkplan *p = &job->plan;
	struct json j = JSON_INIT(&b);
	uint64_t ms = job->plan_ms + job->run_ms;

	if (!r->json) {
		printf("slot %s holds %s %s and is first in line, with %u tries\n"
		       "fetched %.1f MiB, copied %.1f MiB, found in place %.1f MiB; wrote %.1f MiB "
		       "in %" PRIu64 ".%" PRIu64 " s\n%s",
		       bs_slot_name(job->slot), m->name, m->version, m->tries,
		       MIB(p->bytes[CHUNK_FETCH]), MIB(copied_bytes(p)),
		       MIB(p->bytes[CHUNK_IN_PLACE]), MIB(job->install.written_bytes), ms / 1000,
		       ms % 1000 / 100, selector_text(job->selector));
		return;
	}
	json_head(&j, "installed", job);
	json_str(&j, "slot", bs_slot_name(job->slot));
	json_u64(&j, "tries", m->tries);
	json_str(&j, "selector", install_selector_name(job->selector));
	json_plan(&j, job);
	json_u64(&j, "read_bytes", job->source->read_bytes);
	json_u64(&j, "written_bytes", job->install.written_bytes);
	json_u64(&j, "milliseconds", ms);
	json_close(&j);
	print_line(&b);
}

void report_declined(const struct report *r, int status, const char *word, const char *message)
{
	report_failed(r, status, word, message);
	if (!r->json)
		printf("not installed: %s\n", message);
}

void report_failed(const struct report *r, int status, const char *word, const char *text)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);

	if (!r->json)
		return;
	j.compact = true;
	json_open(&j, NULL, '{');
	json_str(&j, "result", status == EXIT_REFUSED ? "refused" : "failed");
	json_str(&j, "reason", word ? word : "failed");
	json_str(&j, "message", text);
	json_close(&j);
	print_line(&b);
}

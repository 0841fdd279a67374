/* See play.h. */
#include "qemu/play.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/json.h"
#include "lib/base/path.h"
#include "qemu/bootlog.h"
#include "qemu/clock.h"
#include "qemu/offdisk.h"
#include "qemu/player.h"

#define OUTPUT_SHOWN 1500

void play_append_output(const char *text, size_t len, struct err *err)
{
	size_t skip = len > OUTPUT_SHOWN ? len - OUTPUT_SHOWN : 0;

	err_append(err, "; it said:\n%s%s", skip ? "..." : "", len ? text + skip : "(nothing)");
}

static player_step_fn *const steps[STEP_KINDS] = {
	[STEP_BOOT] = play_boot,
	[STEP_EXPECT_SERIAL] = play_expect_serial,
	[STEP_REFUSE_SERIAL] = play_refuse_serial,
	[STEP_EXPECT_SLOT] = play_expect_slot,
	[STEP_EXPECT_CONFIRMED] = play_expect_confirmed,
	[STEP_EXPECT_FALLBACK] = play_expect_fallback,
	[STEP_EXPECT_RESET] = play_expect_reset,
	[STEP_EXPECT_OFF] = play_expect_off,
	[STEP_EXPECT_STATE] = play_expect_state,
	[STEP_EXPECT_UKI] = play_expect_uki,
	[STEP_EXPECT_REASON] = play_expect_reason,
	[STEP_EXPECT_LOG] = play_expect_log,
	[STEP_RUN] = play_run,
	[STEP_SEND] = play_send,
	[STEP_REBOOT] = play_reboot,
	[STEP_POWER_OFF] = play_power_off,
	[STEP_POWER_CUT] = play_power_cut,
	[STEP_RESET] = play_reset,
	[STEP_INSTALL] = play_install,
	[STEP_REFUSE_INSTALL] = play_refuse_install,
	[STEP_CLONE] = play_clone,
	[STEP_CORRUPT] = play_corrupt,
	[STEP_READ_ERROR] = play_read_error,
	[STEP_READ_OK] = play_read_ok,
	[STEP_DROP] = play_drop,
	[STEP_SHRINK] = play_shrink,
	[STEP_WIPE] = play_wipe,
	[STEP_FILL] = play_fill,
	[STEP_PUT] = play_put,
	[STEP_USE_SECOND] = play_use_second,
	[STEP_CHECK_CRASHES] = play_check_crashes,
};

static int do_step(struct player *p, const struct step *st, struct err *err)
{
	char text[256];
	int r;

	scenario_step_text(st, text, sizeof(text));
	if (p->options->narrate) {
		printf("    %s\n", text);
		fflush(stdout);
	}
	if (clock_now_ms() >= p->deadline_ms)
		r = err_set(err, -ETIMEDOUT, "the scenario's deadline passed");
	else
		r = steps[st->kind](p, st, err);
	if (r >= 0)
		return 0;
	return err_add(err, r, "%s:%u:%u: %s", p->s->file, st->line, st->column, text);
}

/*
 * The first bytes of a boot: what the boot state says now is what the machine said of the
 * boots before. The disk is a raw file, which may be read while the machine runs.
 */
static void on_serial(void *arg, const void *data, size_t len)
{
	struct player *p = arg;

	(void)data, (void)len;
	while (p->record.n + p->record.dropped < p->vm.timeline.n + p->vm.timeline.dropped) {
		_cleanup_offdisk_ struct offdisk *d = offdisk_open(p->vm.disk, false, NULL);
		_cleanup_offstate_ struct offstate *s = d ? offdisk_state(d, NULL) : NULL;

		record_begin(&p->record, s ? &s->bs : NULL, d != NULL);
	}
}

/* What the machine says of its boots, and of its last failure, if its disk can be read. */
static void look_at_record(struct player *p, struct play_result *ret)
{
	_cleanup_offdisk_ struct offdisk *d = offdisk_open(p->vm.disk, false, NULL);
	_cleanup_offstate_ struct offstate *s = d ? offdisk_state(d, NULL) : NULL;

	record_look(&p->record, s ? &s->bs : NULL);
	ret->record = p->record;
	for (unsigned i = 0; s && i < BS_RING_MAX && s->bs.ring[i].number; i++) {
		const struct bs_boot *b = &s->bs.ring[i];

		if (b->reason == BS_REASON_NONE)
			continue;
		ret->failed_slot = b->slot ? 'b' : 'a';
		snprintf(ret->failed_version, sizeof(ret->failed_version), "%s", b->version);
		snprintf(ret->failed_stage, sizeof(ret->failed_stage), "%s",
			 bs_stage_name(b->stage));
		snprintf(ret->failed_reason, sizeof(ret->failed_reason), "%s",
			 bs_reason_name(b->reason));
		return;
	}
}

static int write_traces(struct player *p, struct err *err)
{
	_cleanup_buf_ struct buf text = BUF_INIT, coded = BUF_INIT;
	_cleanup_free_ char *txt = path_join(p->options->output, "timeline.txt");
	_cleanup_free_ char *json = path_join(p->options->output, "timeline.json");
	struct json j = JSON_INIT(&coded);
	int r;

	timeline_text_all(&p->vm.timeline, 48, true, &text);
	timeline_json(&p->vm.timeline, &j, NULL);
	buf_addc(&coded, '\n');
	if (!txt || !json || !buf_ok(&text) || !buf_ok(&coded))
		return err_oom(err);
	r = atomic_file_write(txt, text.len ? text.data : "", text.len, 0644, err);
	if (r == 0)
		r = atomic_file_write(json, coded.data, coded.len, 0644, err);
	return r < 0 ? r
		     : bootlog_write(p->options->output, &p->vm.serial, &p->vm.timeline, err);
}

static int perform(struct player *p, struct err *err)
{
	_cleanup_free_ char *log = path_join(p->options->output, "serial.log");
	int r = 0;

	if (!log)
		return err_oom(err);
	(void)unlink(log);
	r = vm_log_to(&p->vm, log, err);
	for (unsigned i = 0; r == 0 && i < p->s->n; i++)
		r = do_step(p, &p->s->step[i], err);
	vm_power_cut(&p->vm);
	if (r == 0)
		return write_traces(p, err);
	(void)write_traces(p, NULL);
	return r;
}

static void keep_disk(struct player *p)
{
	_cleanup_free_ char *to = path_join(p->options->output, "disk.raw");

	if (to && p->vm.disk)
		(void)rename(p->vm.disk, to);
}

static int prepare(struct player *p, struct err *err)
{
	struct vm_options o = p->options->vm;
	const struct scenario *s = p->s;

	o.mode = VM_DISK_COPY;
	o.work_parent = p->options->output;
	o.ssh = s->needs_ssh;
	o.smbios = s->smbios;
	o.n_smbios = s->n_smbios;
	o.memory_bytes = s->memory_bytes ? s->memory_bytes : o.memory_bytes;
	o.disk_bytes = s->disk_bytes ? s->disk_bytes : o.disk_bytes;
	o.sector_bytes = s->sector_bytes ? s->sector_bytes : o.sector_bytes;
	o.second_bytes = s->second_bytes;
	o.second_sector_bytes = s->second_sector_bytes;
	o.cpus = s->cpus ? s->cpus : o.cpus;
	o.bus = s->bus ? s->bus : o.bus;
	o.cache = s->cache ? s->cache : o.cache;
	o.watchdog = s->watchdog;
	o.rtc = s->rtc;
	if (s->starts_confirmed)
		o.image = p->options->confirmed;
	return vm_prepare(&p->vm, &o, err);
}

/* Skip a scenario that needs what the image has not, and say so. */
static bool lacks(const struct scenario *s, const struct play_options *options,
		  struct play_result *ret)
{
	const char *need = NULL, *why = NULL;

	if (s->needs_ssh && options->no_ssh)
		need = "ssh", why = options->no_ssh;
	else if (s->needs_watchdog && options->no_watchdog)
		need = "a hardware watchdog", why = options->no_watchdog;
	else if (s->needs_next && !options->next)
		need = "the next version", why = "--next names none";
	if (!need)
		return false;
	ret->verdict = VERDICT_SKIPPED;
	snprintf(ret->why, sizeof(ret->why), "it needs %s, and %s", need, why);
	return true;
}

void play(const struct scenario *s, const struct play_options *options, struct play_result *ret)
{
	static struct err err;
	static struct player p; /* a megabyte of machine: one scenario a process */
	uint64_t start = clock_now_ms();
	int r;

	memset(ret, 0, sizeof(*ret));
	if (lacks(s, options, ret))
		return;
	err_init(&err);
	p = (struct player){ .s = s, .options = options };
	p.deadline_ms = start + s->deadline_ms * options->slow;
	r = prepare(&p, &err);
	if (r == 0) {
		p.vm.tap = on_serial;
		p.vm.tap_arg = &p;
		r = perform(&p, &err);
		ret->boots = p.vm.timeline.n + p.vm.timeline.dropped;
		ret->timeline = p.vm.timeline;
		look_at_record(&p, ret);
		if (r < 0 && options->keep)
			keep_disk(&p);
		vm_done(&p.vm);
	}
	free(p.base);
	free(p.write_log);
	ret->verdict = r < 0 ? VERDICT_FAILED : VERDICT_PASSED;
	ret->ms = clock_now_ms() - start;
	if (r < 0)
		snprintf(ret->why, sizeof(ret->why), "%.4000s", err.text);
}

/*
 * See play.h. Every wait ends: at its own time, at the scenario's deadline, or
 * when the machine goes off.
 */
#include "qemu/play.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/atomic_file.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/json.h"
#include "lib/base/path.h"
#include "lib/core/pe.h"
#include "qemu/clock.h"
#include "qemu/console.h"
#include "qemu/faults.h"
#include "qemu/ssh.h"

#define TAIL_LINES 12
#define OUTPUT_SHOWN 1500
#define SSH_WAIT_MS 240000

struct player {
	const struct scenario *s;
	const struct play_options *options;
	struct vm vm;
	struct serial_mark mark; /* what was expected last ended here */
	unsigned resets; /* resets that were expected, or seen before */
	uint64_t deadline_ms;
	unsigned port; /* of the guest's sshd; 0 while not connected since the last start */
};

/* When a wait of @timeout_ms from now ends. */
static uint64_t until(const struct player *p, uint64_t timeout_ms)
{
	uint64_t at = clock_now_ms() + timeout_ms * p->options->slow;

	return at < p->deadline_ms ? at : p->deadline_ms;
}

static int need_running(const struct player *p, struct err *err)
{
	return p->vm.pid ? 0 : err_set(err, -ESHUTDOWN, "the machine is off");
}

static int need_off(const struct player *p, struct err *err)
{
	return p->vm.pid ? err_set(err, -EBUSY,
				   "the machine is on; its disk is edited with the "
				   "power off")
			 : 0;
}

static int gave_up(struct player *p, const char *what, struct err *err)
{
	char tail[2048];

	serial_tail(&p->vm.serial, TAIL_LINES, tail, sizeof(tail));
	if (console_stopped())
		return err_set(err, -EINTR, "interrupted");
	if (!p->vm.pid)
		vm_explain_exit(&p->vm, err);
	else
		err_set(err, -ETIMEDOUT, "%s",
			clock_now_ms() >= p->deadline_ms ? "the scenario's deadline passed"
							 : "it did not happen in time");
	err_append(err, ", waiting for %s; the serial port's last lines:\n%s", what,
		   *tail ? tail : "(nothing)");
	return -ETIMEDOUT;
}

/* Pump once; false when there is nothing more to wait for. */
static bool go_on(struct player *p, uint64_t at_ms, int *ret, struct err *err)
{
	int r = vm_pump(&p->vm, -1, at_ms, err);

	*ret = r < 0 ? r : 0;
	return r > 0 && r != VM_OFF && clock_now_ms() < at_ms && !console_stopped();
}

static int do_boot(struct player *p, const struct step *st, struct err *err)
{
	(void)st;
	p->mark = serial_end(&p->vm.serial);
	p->port = 0;
	return vm_power_on(&p->vm, err);
}

static int expect_serial(struct player *p, const struct step *st, struct err *err)
{
	uint64_t at = until(p, st->timeout_ms);
	char what[1100];
	int r = 0;

	while (!serial_find(&p->vm.serial, st->text, &p->mark)) {
		if (go_on(p, at, &r, err))
			continue;
		if (r < 0)
			return r;
		if (serial_find(&p->vm.serial, st->text, &p->mark))
			return 0;
		snprintf(what, sizeof(what), "\"%s\"", st->text);
		return gave_up(p, what, err);
	}
	return 0;
}

static int refuse_serial(struct player *p, const struct step *st, struct err *err)
{
	struct serial_mark mark = p->mark;
	const char *line = serial_find(&p->vm.serial, st->text, &mark);

	return line ? err_set(err, -EINVAL, "the serial port said: %s", line) : 0;
}

/* The slot of the next "kiln: slot X: starting" line, moving the mark; 0 when none came yet. */
static char started_slot(struct player *p)
{
	const char *line, *hit;

	while ((line = serial_find(&p->vm.serial, ": starting", &p->mark))) {
		hit = strstr(line, "kiln: slot ");
		if (hit && (hit[11] == 'a' || hit[11] == 'b') &&
		    !strncmp(hit + 12, ": starting", 10))
			return hit[11];
	}
	return 0;
}

static int expect_slot(struct player *p, const struct step *st, struct err *err)
{
	uint64_t at = until(p, st->timeout_ms);
	char wish = st->slot ? 'b' : 'a', got;
	int r = 0;

	while (!(got = started_slot(p))) {
		if (go_on(p, at, &r, err))
			continue;
		got = started_slot(p);
		if (r < 0 || got)
			break;
		return gave_up(p, "the selector to start a slot", err);
	}
	if (r < 0)
		return r;
	return got == wish ? 0 : err_set(err, -EINVAL, "slot %c was started, not %c", got, wish);
}

static int expect_reset(struct player *p, const struct step *st, struct err *err)
{
	uint64_t at = until(p, st->timeout_ms);
	int r = 0;

	while (p->vm.resets <= p->resets)
		if (!go_on(p, at, &r, err))
			return r < 0 ? r : gave_up(p, "a reset", err);
	p->resets = p->vm.resets;
	p->port = 0;
	return 0;
}

static int expect_off(struct player *p, const struct step *st, struct err *err)
{
	uint64_t at = until(p, st->timeout_ms);
	int r = 0;

	while (p->vm.pid)
		if (!go_on(p, at, &r, err) && p->vm.pid)
			return r < 0 ? r : gave_up(p, "the machine to go off", err);
	return 0;
}

static int expect_state(struct player *p, const struct step *st, struct err *err)
{
	const char *state;
	int r = faults_slot_state(p->vm.disk, st->slot, &state, err);

	if (r < 0)
		return r;
	return !strcmp(state, st->text) ? 0
					: err_set(err, -EINVAL, "slot %s is %s, not %s",
						  st->slot ? "b" : "a", state, st->text);
}

static int connect_ssh(struct player *p, struct err *err)
{
	int r = need_running(p, err);
	char why[512];

	if (r < 0 || p->port)
		return r;
	r = ssh_wait(&p->vm, until(p, SSH_WAIT_MS), &p->port, err);
	if (r < 0) {
		snprintf(why, sizeof(why), "ssh (%.400s)", err->text);
		return gave_up(p, why, err);
	}
	return 0;
}

static void append_output(const struct buf *out, struct err *err)
{
	const char *text = out->len ? out->data : "(nothing)";
	size_t skip = out->len > OUTPUT_SHOWN ? out->len - OUTPUT_SHOWN : 0;

	err_append(err, "; it said:\n%s%s", skip ? "..." : "", text + skip);
}

static int do_run(struct player *p, const struct step *st, struct err *err)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	int r = connect_ssh(p, err);

	if (r < 0)
		return r;
	r = ssh_run(&p->vm, p->port, st->text, until(p, st->timeout_ms), &out, err);
	if (r < 0) {
		append_output(&out, err);
		return r;
	}
	if (r != st->status)
		err_set(err, -EINVAL, "exit status %d, not %d", r, st->status);
	else if (st->expect && !(out.len && strstr(out.data, st->expect)))
		err_set(err, -EINVAL, "its output has no \"%s\"", st->expect);
	else
		return 0;
	append_output(&out, err);
	return -EINVAL;
}

/*
 * Ask the guest by ssh. systemctl returns before anything happens, and the
 * connection may break under it: what counts is what the machine does.
 */
static int ask_guest(struct player *p, const char *command, uint64_t timeout_ms, struct err *err)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	static struct err ignored;
	int r = connect_ssh(p, err);

	if (r < 0)
		return r;
	r = ssh_run(&p->vm, p->port, command, until(p, timeout_ms), &out, &ignored);
	p->port = 0;
	return r == 127 ? err_set(err, -ENOENT, "the guest has no systemctl: %s", out.data) : 0;
}

static int do_reboot(struct player *p, const struct step *st, struct err *err)
{
	int r;

	p->resets = p->vm.resets;
	r = ask_guest(p, "systemctl reboot", st->timeout_ms, err);
	return r < 0 ? r : expect_reset(p, st, err);
}

static int do_power_off(struct player *p, const struct step *st, struct err *err)
{
	int r = need_running(p, err);

	if (r < 0)
		return r;
	/* The power button needs logind and a driver in the guest; ssh needs neither. */
	if (p->s->needs_ssh)
		r = ask_guest(p, "systemctl poweroff", st->timeout_ms, err);
	else
		r = vm_power_button(&p->vm, err);
	return r < 0 ? r : expect_off(p, st, err);
}

static int do_power_cut(struct player *p, const struct step *st, struct err *err)
{
	int r = need_running(p, err);

	(void)st;
	vm_power_cut(&p->vm);
	return r;
}

static int do_reset(struct player *p, const struct step *st, struct err *err)
{
	int r = need_running(p, err);

	if (r == 0)
		r = vm_reset(&p->vm, err);
	return r < 0 ? r : expect_reset(p, st, err);
}

/*
 * What the kernel was given, asked of the guest: its command line, and the initramfs' size as the
 * boot protocol of x86 has it (ramdisk_size and its high half).
 */
static const char given[] = "cat /proc/cmdline && cd /sys/kernel/boot_params && "
			    "od -An -tu4 -j540 -N4 data && od -An -tu4 -j196 -N4 data";

/* The same as the UKI in the disk has it, in the same words. */
static int wanted(struct player *p, unsigned slot, char **ret, struct err *err)
{
	_cleanup_buf_ struct buf uki = BUF_INIT;
	struct pe_section line, initrd;
	struct pe pe;
	int r = faults_read_uki(p->vm.disk, slot, &uki, err);

	if (r < 0)
		return r;
	r = pe_parse(uki.data, uki.len, uki.len, &pe);
	if (r == PE_OK)
		r = pe_section_find(&pe, ".cmdline", &line);
	if (r == PE_OK)
		r = pe_section_find(&pe, ".initrd", &initrd);
	if (r != PE_OK)
		return err_set(err, -EINVAL, "the UKI: %s", pe_error_text(r));
	*ret = str_printf("%.*s\n%11" PRIu32 "\n%11u\n", (int)line.bytes, uki.data + line.offset,
			  initrd.bytes, 0);
	return *ret ? 0 : err_oom(err);
}

static int expect_uki(struct player *p, const struct step *st, struct err *err)
{
	_cleanup_free_ char *want = NULL;
	_cleanup_buf_ struct buf out = BUF_INIT;
	int r = connect_ssh(p, err);

	if (r == 0)
		r = wanted(p, st->slot, &want, err);
	if (r == 0)
		r = ssh_run(&p->vm, p->port, given, until(p, st->timeout_ms), &out, err);
	if (r < 0)
		return r;
	if (r == 0 && out.len && !strcmp(out.data, want))
		return 0;
	err_set(err, -EINVAL,
		"the kernel was given other command line words or initramfs bytes than\n%s", want);
	append_output(&out, err);
	return -EINVAL;
}

static int do_put(struct player *p, const struct step *st, struct err *err)
{
	_cleanup_buf_ struct buf content = BUF_INIT;
	int r = need_off(p, err);

	if (r == 0 && !st->expect)
		r = faults_read_uki(p->vm.disk, st->slot, &content, err);
	if (r < 0)
		return r;
	if (st->expect)
		buf_adds(&content, st->expect);
	if (!buf_ok(&content))
		return err_oom(err);
	return faults_put_esp(p->vm.disk, p->vm.work, st->text, content.data, content.len, err);
}

static int do_corrupt(struct player *p, const struct step *st, struct err *err)
{
	int r = need_off(p, err);

	return r < 0 ? r : faults_corrupt(p->vm.disk, st, err);
}

static int do_clone(struct player *p, const struct step *st, struct err *err)
{
	int r = need_off(p, err);

	return r < 0 ? r : faults_clone(p->vm.disk, st->slot, err);
}

static int do_step(struct player *p, const struct step *st, struct err *err)
{
	static int (*const table[])(struct player *, const struct step *, struct err *) = {
		[STEP_BOOT] = do_boot,
		[STEP_EXPECT_SERIAL] = expect_serial,
		[STEP_REFUSE_SERIAL] = refuse_serial,
		[STEP_EXPECT_SLOT] = expect_slot,
		[STEP_EXPECT_RESET] = expect_reset,
		[STEP_EXPECT_OFF] = expect_off,
		[STEP_EXPECT_STATE] = expect_state,
		[STEP_EXPECT_UKI] = expect_uki,
		[STEP_RUN] = do_run,
		[STEP_REBOOT] = do_reboot,
		[STEP_POWER_OFF] = do_power_off,
		[STEP_POWER_CUT] = do_power_cut,
		[STEP_RESET] = do_reset,
		[STEP_CORRUPT] = do_corrupt,
		[STEP_CLONE] = do_clone,
		[STEP_PUT] = do_put,
	};
	char text[256];
	int r;

	if (clock_now_ms() >= p->deadline_ms)
		r = err_set(err, -ETIMEDOUT, "the scenario's deadline passed");
	else
		r = table[st->kind](p, st, err);
	if (r >= 0)
		return 0;
	scenario_step_text(st, text, sizeof(text));
	return err_add(err, r, "%s:%u:%u: %s", p->s->file, st->line, st->column, text);
}

static int write_timeline(struct player *p, struct err *err)
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
	return r < 0 ? r : atomic_file_write(json, coded.data, coded.len, 0644, err);
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
		return write_timeline(p, err);
	(void)write_timeline(p, NULL);
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
	o.cpus = s->cpus ? s->cpus : o.cpus;
	o.bus = s->bus ? s->bus : o.bus;
	o.cache = s->cache ? s->cache : o.cache;
	return vm_prepare(&p->vm, &o, err);
}

void play(const struct scenario *s, const struct play_options *options, struct play_result *ret)
{
	static struct err err;
	static struct player p; /* a megabyte of machine: one scenario a process */
	uint64_t start = clock_now_ms();
	int r;

	memset(ret, 0, sizeof(*ret));
	if (s->needs_ssh && options->no_ssh) {
		ret->verdict = VERDICT_SKIPPED;
		snprintf(ret->why, sizeof(ret->why), "it needs ssh, and %s", options->no_ssh);
		return;
	}
	err_init(&err);
	p = (struct player){ .s = s, .options = options };
	p.deadline_ms = start + s->deadline_ms * options->slow;
	r = prepare(&p, &err);
	if (r == 0) {
		r = perform(&p, &err);
		ret->boots = p.vm.timeline.n + p.vm.timeline.dropped;
		if (r < 0 && options->keep)
			keep_disk(&p);
		vm_done(&p.vm);
	}
	ret->verdict = r < 0 ? VERDICT_FAILED : VERDICT_PASSED;
	ret->ms = clock_now_ms() - start;
	if (r < 0)
		snprintf(ret->why, sizeof(ret->why), "%.4000s", err.text);
}

/*
 * Steps of a scenario that need the machine to run: see player.h. Every wait
 * ends: at its own time, at the scenario's deadline, or when the machine goes off.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/path.h"
#include "lib/core/pe.h"
#include "qemu/clock.h"
#include "qemu/console.h"
#include "qemu/looks.h"
#include "qemu/player.h"
#include "qemu/ssh.h"
#include "qemu/timeline.h"

#define TAIL_LINES 12
#define SSH_WAIT_MS 240000

uint64_t play_until(const struct player *p, uint64_t timeout_ms)
{
	uint64_t at = clock_now_ms() + timeout_ms * p->options->slow;

	return at < p->deadline_ms ? at : p->deadline_ms;
}

static int need_running(const struct player *p, struct err *err)
{
	return p->vm.pid ? 0 : err_set(err, -ESHUTDOWN, "the machine is off");
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

/* The write stream is recorded from the first power on of the scenario until it goes off. */
static int begin_recording(struct player *p, struct err *err)
{
	_cleanup_close_ int fd = -1;

	p->write_log = path_join(p->vm.work, "writes.log");
	p->base = path_join(p->vm.work, "base.raw");
	if (!p->write_log || !p->base)
		return err_oom(err);
	fd = open(p->write_log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, -errno, "%s", p->write_log);
	p->vm.options.write_log = p->write_log;
	return image_copy(p->vm.disk, p->base, 0, err);
}

int play_boot(struct player *p, const struct step *st, struct err *err)
{
	int r = 0;

	(void)st;
	if (p->s->records_writes && !p->base)
		r = begin_recording(p, err);
	else if (p->vm.options.write_log)
		r = err_set(err, -EINVAL, "the write stream of one power on is recorded; "
					  "'check crashes' comes before the next");
	if (r < 0)
		return r;
	p->mark = serial_end(&p->vm.serial);
	p->port = 0;
	p->boot_resets = p->vm.resets;
	return vm_power_on(&p->vm, err);
}

int play_expect_serial(struct player *p, const struct step *st, struct err *err)
{
	uint64_t at = play_until(p, st->timeout_ms);
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

int play_refuse_serial(struct player *p, const struct step *st, struct err *err)
{
	struct serial_mark mark = p->mark;
	const char *line = serial_find(&p->vm.serial, st->text, &mark);

	return line ? err_set(err, -EINVAL, "the serial port said: %s", line) : 0;
}

/* The slot of the next "kiln: slot X: starting" line, moving the mark; 0 when none came yet. */
static char started_slot(struct player *p)
{
	const char *line;
	char slot;

	while ((line = serial_find(&p->vm.serial, ": starting", &p->mark))) {
		slot = timeline_slot_started(line);
		if (slot)
			return slot;
	}
	return 0;
}

int play_expect_slot(struct player *p, const struct step *st, struct err *err)
{
	uint64_t at = play_until(p, st->timeout_ms);
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

/*
 * The slot that was confirmed, moving the mark; 0 when none was yet. Found with its letter, which
 * may come later than the words in front of it. Both at once would be two boots: a's is told first.
 */
static char confirmed_slot(struct player *p)
{
	if (serial_find(&p->vm.serial, "kiln-health: confirmed slot a", &p->mark))
		return 'a';
	return serial_find(&p->vm.serial, "kiln-health: confirmed slot b", &p->mark) ? 'b' : 0;
}

/* It took so many starts of the machine since it was switched on: not too many? */
static int check_boots(struct player *p, const struct step *st, struct err *err)
{
	uint64_t boots = p->vm.resets - p->boot_resets + 1;

	p->resets = p->vm.resets;
	if (!st->count || boots <= st->count)
		return 0;
	return err_set(err, -EINVAL, "it took %" PRIu64 " boots, more than %" PRIu64, boots,
		       st->count);
}

int play_expect_confirmed(struct player *p, const struct step *st, struct err *err)
{
	uint64_t at = play_until(p, st->timeout_ms);
	char wish = st->slot ? 'b' : 'a', got;
	int r = 0;

	while (!(got = confirmed_slot(p))) {
		if (go_on(p, at, &r, err))
			continue;
		got = confirmed_slot(p);
		if (r < 0 || got)
			break;
		return gave_up(p, "a slot to be confirmed", err);
	}
	if (r < 0)
		return r;
	if (got != wish)
		return err_set(err, -EINVAL, "slot %c was confirmed, not %c", got, wish);
	return check_boots(p, st, err);
}

int play_expect_fallback(struct player *p, const struct step *st, struct err *err)
{
	uint64_t at = play_until(p, st->timeout_ms);
	char wish = st->slot ? 'b' : 'a', got = 0, next;
	int r = 0;

	if (!p->options->quick)
		return play_expect_confirmed(p, st, err);
	/* The failing slot may have switched root, too: what counts follows the newest start. */
	for (;;) {
		while ((next = started_slot(p)))
			got = next;
		if (got == wish && serial_find(&p->vm.serial, "kiln-init: switch root", &p->mark))
			return check_boots(p, st, err);
		if (!go_on(p, at, &r, err))
			return r < 0 ? r : gave_up(p, "the other slot's root to run", err);
	}
}

int play_expect_reset(struct player *p, const struct step *st, struct err *err)
{
	uint64_t at = play_until(p, st->timeout_ms);
	int r = 0;

	while (p->vm.resets <= p->resets)
		if (!go_on(p, at, &r, err))
			return r < 0 ? r : gave_up(p, "a reset", err);
	p->resets = p->vm.resets;
	return 0;
}

int play_expect_off(struct player *p, const struct step *st, struct err *err)
{
	uint64_t at = play_until(p, st->timeout_ms);
	int r = 0;

	while (p->vm.pid)
		if (!go_on(p, at, &r, err) && p->vm.pid)
			return r < 0 ? r : gave_up(p, "the machine to go off", err);
	return 0;
}

/* A machine that was reset meanwhile, and did not close the connection, never answers on it. */
static int connect_ssh(struct player *p, struct err *err)
{
	int r = need_running(p, err);
	char why[512];

	if (r < 0 || (p->port && p->port_resets == p->vm.resets))
		return r;
	p->port_resets = p->vm.resets;
	r = ssh_wait(&p->vm, play_until(p, SSH_WAIT_MS), &p->port, err);
	if (r < 0) {
		snprintf(why, sizeof(why), "ssh (%.400s)", err->text);
		return gave_up(p, why, err);
	}
	return 0;
}

int play_run(struct player *p, const struct step *st, struct err *err)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	int r = connect_ssh(p, err);

	if (r < 0)
		return r;
	r = ssh_run(&p->vm, p->port, st->text, play_until(p, st->timeout_ms), &out, err);
	if (p->options->narrate && out.len)
		printf("%s", out.data);
	if (r < 0) {
		play_append_output(out.data, out.len, err);
		return r;
	}
	if (r != st->status)
		err_set(err, -EINVAL, "exit status %d, not %d", r, st->status);
	else if (st->expect && !(out.len && strstr(out.data, st->expect)))
		err_set(err, -EINVAL, "its output has no \"%s\"", st->expect);
	else
		return 0;
	play_append_output(out.data, out.len, err);
	return -EINVAL;
}

/* The bundle beside the disk image @image: the same name with another ending. */
static int open_bundle(const char *image, struct err *err)
{
	const char *dot = strrchr(path_base(image), '.');
	size_t stem = dot ? (size_t)(dot - image) : strlen(image);
	_cleanup_free_ char *path = str_printf("%.*s.kiln", (int)stem, image);
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -ENOMEM;

	if (!path)
		return err_oom(err);
	return fd < 0 ? err_errno(err, -errno, "cannot open the bundle %s", path) : fd;
}

int play_send(struct player *p, const struct step *st, struct err *err)
{
	_cleanup_close_ int bundle = open_bundle(p->options->next, err);
	_cleanup_free_ char *command = str_printf("cat >'%s'", st->text);
	_cleanup_buf_ struct buf out = BUF_INIT;
	int r;

	if (bundle < 0)
		return bundle;
	r = command ? connect_ssh(p, err) : err_oom(err);
	if (r < 0)
		return r;
	r = ssh_feed(&p->vm, p->port, command, bundle, play_until(p, st->timeout_ms), &out, err);
	if (r > 0)
		r = err_set(err, -EIO, "the guest does not take it (exit status %d)", r);
	if (r)
		play_append_output(out.data, out.len, err);
	return r;
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
	r = ssh_run(&p->vm, p->port, command, play_until(p, timeout_ms), &out, &ignored);
	return r == 127 ? err_set(err, -ENOENT, "the guest has no systemctl: %s", out.data) : 0;
}

int play_reboot(struct player *p, const struct step *st, struct err *err)
{
	int r;

	p->resets = p->vm.resets;
	r = ask_guest(p, "systemctl reboot", st->timeout_ms, err);
	return r < 0 ? r : play_expect_reset(p, st, err);
}

int play_power_off(struct player *p, const struct step *st, struct err *err)
{
	int r = need_running(p, err);

	if (r < 0)
		return r;
	/* The power button needs logind and a driver in the guest; ssh needs neither. */
	if (p->s->needs_ssh)
		r = ask_guest(p, "systemctl poweroff", st->timeout_ms, err);
	else
		r = vm_power_button(&p->vm, err);
	return r < 0 ? r : play_expect_off(p, st, err);
}

int play_power_cut(struct player *p, const struct step *st, struct err *err)
{
	int r = need_running(p, err);

	(void)st;
	vm_power_cut(&p->vm);
	return r;
}

int play_reset(struct player *p, const struct step *st, struct err *err)
{
	int r = need_running(p, err);

	if (r == 0)
		r = vm_reset(&p->vm, err);
	return r < 0 ? r : play_expect_reset(p, st, err);
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
	int r = look_slot_uki(p->vm.disk, slot, &uki, err);

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

int play_expect_uki(struct player *p, const struct step *st, struct err *err)
{
	_cleanup_free_ char *want = NULL;
	_cleanup_buf_ struct buf out = BUF_INIT;
	int r = connect_ssh(p, err);

	if (r == 0)
		r = wanted(p, st->slot, &want, err);
	if (r == 0)
		r = ssh_run(&p->vm, p->port, given, play_until(p, st->timeout_ms), &out, err);
	if (r < 0)
		return r;
	if (r == 0 && out.len && !strcmp(out.data, want))
		return 0;
	err_set(err, -EINVAL,
		"the kernel was given other command line words or initramfs bytes than\n%s", want);
	play_append_output(out.len ? out.data : "", out.len, err);
	return -EINVAL;
}

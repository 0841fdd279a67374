/* Steps of a scenario on the disk of a machine that is off: see player.h. */
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
#include "lib/base/path.h"
#include "qemu/candidate.h"
#include "qemu/crash.h"
#include "qemu/esp.h"
#include "qemu/faults.h"
#include "qemu/looks.h"
#include "qemu/player.h"
#include "qemu/slots.h"
#include "qemu/writelog.h"

static int need_off(const struct player *p, struct err *err)
{
	return p->vm.pid ? err_set(err, -EBUSY,
				   "the machine is on; its disk is edited with the "
				   "power off")
			 : 0;
}

int play_expect_state(struct player *p, const struct step *st, struct err *err)
{
	const char *state;
	int r = look_slot_state(p->vm.disk, st->slot, &state, err);

	if (r < 0)
		return r;
	return !strcmp(state, st->text) ? 0
					: err_set(err, -EINVAL, "slot %s is %s, not %s",
						  st->slot ? "b" : "a", state, st->text);
}

int play_expect_reason(struct player *p, const struct step *st, struct err *err)
{
	const char *reason;
	int r = look_slot_reason(p->vm.disk, st->slot, &reason, err);

	if (r < 0)
		return r;
	return !strcmp(reason, st->text) ? 0
					 : err_set(err, -EINVAL, "slot %s failed for %s, not %s",
						   st->slot ? "b" : "a", reason, st->text);
}

int play_expect_log(struct player *p, const struct step *st, struct err *err)
{
	_cleanup_free_ char *log = NULL;
	int r = look_slot_log(p->vm.disk, st->slot, &log, err);

	if (r < 0)
		return r;
	if (strstr(log, st->text))
		return 0;
	err_set(err, -EINVAL, "the flight recorder does not say that of slot %s",
		st->slot ? "b" : "a");
	play_append_output(log, strlen(log), err);
	return -EINVAL;
}

int play_corrupt(struct player *p, const struct step *st, struct err *err)
{
	int r = need_off(p, err);

	return r < 0 ? r : faults_corrupt(p->vm.disk, st, err);
}

int play_wipe(struct player *p, const struct step *st, struct err *err)
{
	int r = need_off(p, err);

	(void)st;
	return r < 0 ? r : faults_wipe_state(p->vm.disk, err);
}

int play_clone(struct player *p, const struct step *st, struct err *err)
{
	int r = need_off(p, err);

	return r < 0 ? r : slots_clone(p->vm.disk, st->slot, err);
}

int play_put(struct player *p, const struct step *st, struct err *err)
{
	_cleanup_buf_ struct buf content = BUF_INIT;
	int r = need_off(p, err);

	if (r == 0 && !st->expect)
		r = look_slot_uki(p->vm.disk, st->slot, &content, err);
	if (r < 0)
		return r;
	if (st->expect)
		buf_adds(&content, st->expect);
	if (!buf_ok(&content))
		return err_oom(err);
	return esp_put(p->vm.disk, p->vm.work, st->text, content.data, content.len, err);
}

/* Make the version the step names, of what the other slot holds. */
static int make_version(struct player *p, struct offdisk *d, const struct step *st,
			struct candidate *ret, struct err *err)
{
	struct candidate_options o = { .version = st->expect, .root_bytes = st->bytes };

	if (st->next)
		return candidate_from_image(p->options->next, ret, err);
	o.kind = candidate_kind(st->text);
	return candidate_make(d, p->vm.disk, 1 - st->slot, &o, p->vm.work, ret, err);
}

static int install(struct player *p, const struct step *st, struct err *err)
{
	_cleanup_candidate_ struct candidate c = CANDIDATE_NONE;
	_cleanup_offdisk_ struct offdisk *d = NULL;
	int r = need_off(p, err);

	if (r < 0)
		return r;
	d = offdisk_open(p->vm.disk, true, err);
	r = d ? make_version(p, d, st, &c, err) : -EIO;
	return r < 0 ? r : candidate_install(d, st->slot, &c, st->tries, st->retry, err);
}

int play_install(struct player *p, const struct step *st, struct err *err)
{
	return install(p, st, err);
}

int play_refuse_install(struct player *p, const struct step *st, struct err *err)
{
	int r = install(p, st, err);

	if (r == 0)
		return err_set(err, -EINVAL, "it was installed");
	return r == -EPERM ? 0 : r;
}

/* The read errors a machine can have at a time; QEMU takes one sector each. */
int play_read_error(struct player *p, const struct step *st, struct err *err)
{
	struct vm_options *o = &p->vm.options;
	struct fault_spot spot;
	int r = need_off(p, err);

	if (r == 0)
		r = faults_spot(p->vm.disk, st, &spot, err);
	for (uint64_t i = 0; r == 0 && i < spot.count; i++) {
		if (o->n_read_errors == VM_READ_ERRORS_MAX)
			return err_set(err, -E2BIG, "more than %d read errors", VM_READ_ERRORS_MAX);
		o->read_error_bytes[o->n_read_errors++] = spot.offset_bytes + i * 4096;
	}
	return r;
}

int play_read_ok(struct player *p, const struct step *st, struct err *err)
{
	(void)st;
	p->vm.options.n_read_errors = 0;
	return need_off(p, err);
}

int play_drop(struct player *p, const struct step *st, struct err *err)
{
	int r = need_off(p, err);

	return r < 0 ? r : faults_drop_partition(p->vm.disk, st->text, err);
}

int play_shrink(struct player *p, const struct step *st, struct err *err)
{
	int r = need_off(p, err);

	return r < 0 ? r : faults_shrink_partition(p->vm.disk, st->text, err);
}

int play_fill(struct player *p, const struct step *st, struct err *err)
{
	int r = need_off(p, err);

	(void)st;
	return r < 0 ? r : faults_fill_state(p->vm.disk, p->vm.work, err);
}

int play_use_second(struct player *p, const struct step *st, struct err *err)
{
	(void)st;
	return vm_use_second(&p->vm, err);
}

/* ---- crashes ---------------------------------------------------------------------- */

/* Start what the cut left, up to the verified root, and pull the plug again. */
static int boot_crashed(struct player *p, const struct writelog *log, uint64_t seed,
			struct err *err)
{
	static const struct step boot = { .kind = STEP_BOOT };
	static const struct step root = { .kind = STEP_EXPECT_SERIAL,
					  .text = (char *)"kiln-init: switch root",
					  .timeout_ms = 120000 };
	int r;

	(void)unlink(p->vm.disk);
	r = image_copy(p->base, p->vm.disk, 0, err);
	if (r == 0)
		r = crash_state(p->vm.disk, log, seed, err);
	if (r == 0)
		r = play_boot(p, &boot, err);
	if (r == 0)
		r = play_expect_serial(p, &root, err);
	vm_power_cut(&p->vm);
	return r < 0 ? err_add(err, r, "what crash %" PRIu64 " left", seed) : 0;
}

int play_check_crashes(struct player *p, const struct step *st, struct err *err)
{
	_cleanup_free_ char *path = path_join(p->options->output, "crashes.txt");
	struct writelog log = { .fd = -1 };
	struct crash_report c;
	char text[512];
	int r = need_off(p, err);

	if (r == 0 && (!p->base || !path))
		r = err_set(err, -EINVAL, "nothing was recorded: the machine was never on");
	if (r == 0)
		r = writelog_open(p->write_log, &log, err);
	/* The machine is off, and each crashed disk begins as a copy: its own is free. */
	(void)unlink(p->vm.disk);
	if (r == 0)
		r = crash_check(p->base, &log, p->vm.disk, 1, &c, err);
	p->vm.options.write_log = NULL;
	for (uint64_t i = 1; r == 0 && i <= st->count; i++)
		r = boot_crashed(p, &log, i, err);
	writelog_done(&log);
	if (r < 0)
		return r;
	snprintf(text, sizeof(text),
		 "%" PRIu64 " writes and %" PRIu64 " flushes, %" PRIu64 " boot states, %" PRIu64
		 " counted starts\n%" PRIu64 " prefixes, %" PRIu64 " torn writes, %" PRIu64
		 " subsets: no violation\n%" PRIu64 " crashed disks booted to the verified root\n",
		 c.writes, c.flushes, c.records, c.starts, c.prefixes, c.torn, c.subsets,
		 st->count);
	if (p->options->narrate)
		printf("%s", text);
	return atomic_file_write(path, text, strlen(text), 0644, err);
}

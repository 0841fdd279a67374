/* See prepare.h. */
#include "qemu/prepare.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/path.h"
#include "lib/core/cmdline.h"
#include "lib/core/watchdog.h"
#include "qemu/clock.h"
#include "qemu/console.h"
#include "qemu/offdisk.h"
#include "qemu/slotread.h"

#define CONFIRM_MS 400000
#define OFF_MS 30000

static int wait_confirmed(struct vm *vm, uint64_t slow, struct err *err)
{
	uint64_t at = clock_now_ms() + CONFIRM_MS * slow;
	struct serial_mark mark = { 0 };
	char tail[2048];

	while (!serial_find(&vm->serial, "kiln-health: confirmed slot a", &mark)) {
		int r = vm_pump(vm, -1, at, err);

		if (r < 0)
			return r;
		if (console_stopped())
			return err_set(err, -EINTR, "interrupted");
		if (r != VM_OFF && clock_now_ms() < at)
			continue;
		serial_tail(&vm->serial, 12, tail, sizeof(tail));
		return err_set(err, -ETIMEDOUT,
			       "the image is not confirmed healthy; its last lines:\n%s", tail);
	}
	return 0;
}

/* Ask by the power button; a guest that does not listen to it has the plug pulled. */
static void switch_off(struct vm *vm)
{
	uint64_t at = clock_now_ms() + OFF_MS;

	if (vm_power_button(vm, NULL) == 0)
		while (vm->pid && clock_now_ms() < at && vm_pump(vm, -1, at, NULL) >= 0)
			;
	vm_power_cut(vm);
}

/* However it went off, the boot counts as one that ended in order. */
static int settle(const char *disk, struct err *err)
{
	_cleanup_offdisk_ struct offdisk *d = offdisk_open(disk, true, err);
	_cleanup_offstate_ struct offstate *s = d ? offdisk_state(d, err) : NULL;
	int r;

	if (!s)
		return -EIO;
	r = bs_end_boot(&s->bs, 0, BS_END_SHUT_DOWN);
	return r ? err_set(err, -EINVAL, "the first boot: %s", bs_error_text(r))
		 : offstate_store(s, err);
}

int prepare_confirmed(const struct vm_options *options, const char *directory, const char *path,
		      uint64_t slow, struct err *err)
{
	_cleanup_free_ char *log = path_join(directory, "prepare.log");
	_cleanup_free_ struct vm *vm = calloc(1, sizeof(*vm));
	struct vm_options o = *options;
	int r;

	if (!log || !vm)
		return err_oom(err);
	o.mode = VM_DISK_COPY;
	o.work_parent = directory;
	(void)unlink(log);
	r = vm_prepare(vm, &o, err);
	if (r == 0)
		r = vm_log_to(vm, log, err);
	if (r == 0)
		r = vm_power_on(vm, err);
	if (r == 0)
		r = wait_confirmed(vm, slow, err);
	if (r == 0)
		switch_off(vm);
	if (r == 0)
		r = settle(vm->disk, err);
	if (r == 0 && rename(vm->disk, path) < 0)
		r = err_errno(err, -errno, "%s", path);
	vm_done(vm);
	return r;
}

const char *prepare_lacks_watchdog(const char *path)
{
	_cleanup_offdisk_ struct offdisk *d = offdisk_open(path, false, NULL);
	_cleanup_slot_content_ struct slot_content c = SLOT_CONTENT_NONE;
	unsigned set;

	if (!d || slot_content_read(d, 0, &c, NULL) < 0)
		return NULL;
	if (watchdog_from_cmdline(c.cmdline, strlen(c.cmdline), &set) == CMDLINE_OK)
		return NULL;
	return "the image's kernel has no driver for one: nothing would end a hang";
}

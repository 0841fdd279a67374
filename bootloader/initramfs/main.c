/*
 * /init of the initramfs: the table of steps and the one way out when a step
 * fails. See boot.h.
 */
#include <stdlib.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bootloader/initramfs/boot.h"
#include "bootloader/initramfs/console.h"
#include "bootloader/initramfs/guard.h"
#include "bootloader/initramfs/tool.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/log.h"

/* How long a step may take; whoever reads the console waits as long. */
#define SOON_S 60
#define COPYING_S 1800 /* the first content of /var, to a slow card */
#define REPAIRING_S (2 * TOOL_LONGEST_S) /* a check of the largest file system, and enlarging it */

struct step {
	const char *name;
	int (*run)(struct boot *b, struct err *err);
	enum bs_reason reason; /* when it fails */
	bool hopeless; /* a verification: the same slot cannot do better next time */
	unsigned int longest_s;
};

static const struct step steps[] = {
	{ "mounts", step_mounts, BS_REASON_OTHER, false, SOON_S },
	{ "cmdline", step_cmdline, BS_REASON_CMDLINE, true, SOON_S },
	{ "modules", step_modules, BS_REASON_MODULES, false, SOON_S },
	{ "disk", step_disk, BS_REASON_NO_DEVICE, false, SOON_S },
	{ "watchdog", step_watchdog, BS_REASON_MODULES, false, SOON_S },
	{ "signature", step_signature, BS_REASON_SIGNATURE, true, SOON_S },
	{ "verity", step_verity, BS_REASON_VERITY, false, SOON_S },
	{ "root", step_root, BS_REASON_ROOT_MOUNT, false, SOON_S },
	{ "config", step_config, BS_REASON_OTHER, false, SOON_S },
	{ "grow", step_grow, BS_REASON_STATE, false, COPYING_S },
	{ "state", step_state, BS_REASON_STATE, false, REPAIRING_S },
	{ "var", step_var, BS_REASON_STATE, false, COPYING_S },
	{ "etc", step_etc, BS_REASON_STATE, false, SOON_S },
	{ "persist", step_persist, BS_REASON_STATE, false, COPYING_S },
	{ "handover", step_handover, BS_REASON_OTHER, false, SOON_S },
};

_Static_assert(ARRAY_SIZE(steps) <= BOOT_STEPS_MAX, "marks have room");

static struct boot boot = { .disk = { .fd = -1 }, .watchdog = { .fd = -1 } };
static struct err why;

static _Noreturn void fail(const char *step, enum bs_reason reason, bool hopeless)
{
	console_line("%s: %s", step, why.text);
	guard_allow(SOON_S); /* recording and syncing may hang, too */
	record_failure(&boot.record, reason, hopeless);
	console_line("reboot");
	sync();
	reboot(RB_AUTOBOOT);
	_exit(1); /* the kernel panics, and with panic=-1 it reboots */
}

static void run(const struct step *step)
{
	guard_allow(step->longest_s);
	watchdog_feed(&boot.watchdog);
	if (step->run(&boot, &why))
		fail(step->name, step->reason, step->hopeless);
	console_line("%s: ok", step->name);
	boot.marks[boot.n_marks++] = (struct boot_mark){
		.step = step->name,
		.end_ms = console_now_ms(),
	};
}

int main(void)
{
	if (getpid() != 1) {
		log_error("this is the first program of a booting machine, and nothing else");
		return 2;
	}
	umask(022);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		run(&steps[i]);
	console_line("switch root");
	switch_root(&why);
	fail("switch root", BS_REASON_SWITCH_ROOT, false);
}

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
#include "bootloader/initramfs/explain.h"
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
	struct verdict usual; /* when it fails without saying more: see verdict.h */
	unsigned int longest_s;
};

/* The modules first: without them there is neither a disk nor a place to leave words in. */
static const struct step steps[] = {
	{ "mounts", step_mounts, { BS_REASON_OTHER, MAY_PASS }, SOON_S },
	{ "modules", step_modules, { BS_REASON_MODULES, MAY_PASS }, SOON_S },
	{ "cmdline", step_cmdline, { BS_REASON_CMDLINE, HOPELESS }, SOON_S },
	{ "disk", step_disk, { BS_REASON_NO_DEVICE, MAY_PASS }, SOON_S },
	{ "watchdog", step_watchdog, { BS_REASON_MODULES, MAY_PASS }, SOON_S },
	{ "explain", step_explain, { BS_REASON_OTHER, MAY_PASS }, SOON_S },
	{ "signature", step_signature, { BS_REASON_SIGNATURE, HOPELESS }, SOON_S },
	{ "verity", step_verity, { BS_REASON_VERITY, MAY_PASS }, SOON_S },
	{ "root", step_root, { BS_REASON_ROOT_MOUNT, MAY_PASS }, SOON_S },
	{ "config", step_config, { BS_REASON_OTHER, HOPELESS }, SOON_S },
	{ "grow", step_grow, { BS_REASON_STATE, MAY_PASS }, COPYING_S },
	{ "state", step_state, { BS_REASON_STATE, MAY_PASS }, REPAIRING_S },
	{ "var", step_var, { BS_REASON_STATE, MAY_PASS }, COPYING_S },
	{ "etc", step_etc, { BS_REASON_STATE, MAY_PASS }, SOON_S },
	{ "persist", step_persist, { BS_REASON_STATE, MAY_PASS }, COPYING_S },
	{ "seal", step_seal, { BS_REASON_VERITY, MAY_PASS }, SOON_S },
	{ "handover", step_handover, { BS_REASON_OTHER, MAY_PASS }, SOON_S },
};

static const struct step last_step = { "switch root", switch_root,
				       { BS_REASON_SWITCH_ROOT, MAY_PASS }, SOON_S };

_Static_assert(ARRAY_SIZE(steps) <= BOOT_STEPS_MAX, "marks have room");

static struct boot boot = { .disk = { .fd = -1 }, .watchdog = { .fd = -1 } };
static struct err why;

/*
 * Everything that matters was flushed where it was written. A boot that cannot write down why it
 * failed ends by ending PID 1: with panic=-1 that reboots, too, and the lines above become
 * the kernel's last words, in which the next boot finds the reason. A boot that was not counted
 * has nothing to say to the next one.
 */
static _Noreturn void fail(const struct step *step, int r)
{
	struct verdict v = verdict_of(step->usual, boot.said, r, boot_root_damaged());
	bool uncounted;

	console_line("%s: %s", step->name, why.text);
	console_line(VERDICT_LINE "%s: %s; %s", bs_reason_name(v.reason), bs_reason_text(v.reason),
		     verdict_advice(v.reason));
	guard_allow(SOON_S); /* recording may hang, too */
	watchdog_feed(&boot.watchdog);
	if (!boot.record.open)
		boot_find_record(&boot);
	uncounted = boot.record.open && !boot.record.writable;
	if (record_failure(&boot.record, v.reason, v.hopeless) || uncounted) {
		console_line("reboot");
		reboot(RB_AUTOBOOT);
	}
	explain_make_room();
	_exit(EXIT_FAILURE);
}

static void run(const struct step *step)
{
	int r;

	guard_allow(step->longest_s);
	watchdog_feed(&boot.watchdog);
	r = step->run(&boot, &why);
	if (r)
		fail(step, r);
	console_line("%s: ok", step->name);
	boot.marks[boot.n_marks++] = (struct boot_mark){
		.step = step->name,
		.end_ms = console_now_ms(),
	};
}

int main(void)
{
	int r;

	if (getpid() != 1) {
		log_error("this is the first program of a booting machine, and nothing else");
		return 2;
	}
	umask(022);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		run(&steps[i]);
	console_line("switch root");
	console_settle();
	r = switch_root(&boot, &why);
	fail(&last_step, r);
}

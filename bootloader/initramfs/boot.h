/*
 * One boot, from the kernel's first program to the real one.
 *
 * Early init is a table of steps (main.c). Each step gets the struct below,
 * fills in what it found out, and answers 0 or a negative errno with a
 * sentence. The first step that fails ends the boot: the reason and the tail of
 * the kernel log are recorded, the machine reboots, and the selector counts.
 * No step has a way around it, and there is no shell.
 */
#ifndef BOOTLOADER_INITRAMFS_BOOT_H
#define BOOTLOADER_INITRAMFS_BOOT_H

#include <stdbool.h>
#include <stdint.h>

#include "bootloader/initramfs/conf.h"
#include "bootloader/initramfs/degraded.h"
#include "bootloader/initramfs/params.h"
#include "bootloader/initramfs/rawdisk.h"
#include "bootloader/initramfs/record.h"
#include "bootloader/initramfs/verdict.h"
#include "bootloader/initramfs/watchdog.h"

struct err;

/* Where the verified root is put together. */
#define BOOT_SYSROOT "/sysroot"
#define BOOT_STATE_DIR BOOT_SYSROOT "/state"
#define BOOT_RUN "/run/kiln"

/* The root's device-mapper device. */
#define BOOT_ROOT_NAME "root"

#define BOOT_STEPS_MAX 24

struct boot_mark {
	const char *step;
	uint64_t end_ms; /* CLOCK_BOOTTIME */
};

struct boot {
	struct params params; /* from the signed command line */
	bool has_params; /* they could be read */
	struct rawdisk disk; /* the disk we were booted from */
	unsigned int slot; /* whose root hash the command line names */
	struct record record; /* boot state; closed until the disk is found */
	char root_device[32]; /* /dev/dm-N, after the verity step */
	struct conf conf; /* from the verified root */
	struct watchdog watchdog;
	struct verdict said; /* by the step that failed; NONE: the table in main.c says it */
	struct degraded degraded; /* what works until the next reboot only */
	unsigned int n_marks;
	struct boot_mark marks[BOOT_STEPS_MAX]; /* finished steps, for /run/kiln/timeline */
};

/* Say what a failure means, and return @r: `return boot_blame(b, ..., err_set(...))`. */
static inline int boot_blame(struct boot *b, enum bs_reason reason, bool hopeless, int r)
{
	b->said = (struct verdict){ reason, hopeless };
	return r;
}

/* The steps, in order of the table in main.c; each file says what its step does. */
int step_mounts(struct boot *b, struct err *err);
int step_cmdline(struct boot *b, struct err *err);
int step_modules(struct boot *b, struct err *err);
int step_disk(struct boot *b, struct err *err);
int step_watchdog(struct boot *b, struct err *err);
int step_explain(struct boot *b, struct err *err);
int step_signature(struct boot *b, struct err *err);
int step_verity(struct boot *b, struct err *err);
int step_root(struct boot *b, struct err *err);
int step_config(struct boot *b, struct err *err);
int step_grow(struct boot *b, struct err *err);
int step_state(struct boot *b, struct err *err);
int step_var(struct boot *b, struct err *err);
int step_etc(struct boot *b, struct err *err);
int step_persist(struct boot *b, struct err *err);
int step_seal(struct boot *b, struct err *err);
int step_handover(struct boot *b, struct err *err);

/*
 * A partition of our slot by its label, as rawdisk_partition(). A missing one is
 * BS_REASON_NO_PARTITION and will be missing next time.
 */
int boot_slot_partition(struct boot *b, const char *label, struct gpt_partition *ret,
			char ret_node[RAWDISK_NAME_MAX], struct err *err);

/* Did dm-verity meet a block of the root that is damaged? False also when it cannot be told. */
bool boot_root_damaged(void);

/*
 * For a boot that fails before the disk was found: wait a moment for the boot state of the disk
 * the selector was started from, so that the failure can be recorded.
 */
void boot_find_record(struct boot *b);

/* Leave for /sbin/init of the real root. Returns only when that failed. */
int switch_root(struct boot *b, struct err *err);

#endif

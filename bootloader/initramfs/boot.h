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
#include "bootloader/initramfs/params.h"
#include "bootloader/initramfs/rawdisk.h"
#include "bootloader/initramfs/record.h"
#include "bootloader/initramfs/watchdog.h"

struct err;

/* Where the verified root is put together. */
#define BOOT_SYSROOT "/sysroot"
#define BOOT_STATE_DIR BOOT_SYSROOT "/state"

#define BOOT_STEPS_MAX 24

struct boot_mark {
	const char *step;
	uint64_t end_ms; /* CLOCK_BOOTTIME */
};

struct boot {
	struct params params; /* from the signed command line */
	struct rawdisk disk; /* the disk we were booted from */
	unsigned int slot; /* whose root hash the command line names */
	struct record record; /* boot state; closed until the disk is found */
	char root_device[32]; /* /dev/dm-N, after the verity step */
	struct conf conf; /* from the verified root */
	struct watchdog watchdog;
	unsigned int n_marks;
	struct boot_mark marks[BOOT_STEPS_MAX]; /* finished steps, for /run/kiln/timeline */
};

/* The steps, in order of the table in main.c; each file says what its step does. */
int step_mounts(struct boot *b, struct err *err);
int step_cmdline(struct boot *b, struct err *err);
int step_modules(struct boot *b, struct err *err);
int step_disk(struct boot *b, struct err *err);
int step_watchdog(struct boot *b, struct err *err);
int step_signature(struct boot *b, struct err *err);
int step_verity(struct boot *b, struct err *err);
int step_root(struct boot *b, struct err *err);
int step_config(struct boot *b, struct err *err);
int step_grow(struct boot *b, struct err *err);
int step_state(struct boot *b, struct err *err);
int step_var(struct boot *b, struct err *err);
int step_etc(struct boot *b, struct err *err);
int step_persist(struct boot *b, struct err *err);
int step_handover(struct boot *b, struct err *err);

/* Leave for /sbin/init of the real root. Returns only when that failed. */
int switch_root(struct err *err);

#endif

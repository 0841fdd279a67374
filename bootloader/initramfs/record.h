/*
 * What this boot leaves behind for the next one: how far it got and why it
 * stopped (boot state), and the tail of the kernel log (flight recorder).
 */
#ifndef BOOTLOADER_INITRAMFS_RECORD_H
#define BOOTLOADER_INITRAMFS_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "bootloader/initramfs/rawdisk.h"
#include "lib/core/bootstate.h"

struct record {
	bool open; /* the partition is known */
	bool writable; /* the selector counted this boot here: we may add to it */
	struct rawdisk_window window;
	struct disk_ops ops;
	struct bs_disk disk;
	struct bs bs;
};

/*
 * Load the boot state behind @window (the boot-state partition). 0, or bs_load()'s answer. @rec
 * must stay where it is.
 */
int record_open(struct record *rec, const struct rawdisk_window *window);

/* This boot got as far as @stage. Does nothing unless writable. */
void record_stage(struct record *rec, enum bs_stage stage);

/*
 * This boot failed. @hopeless: trying the same slot again is pointless (a verification
 * failed). Also saves the kernel log. Does nothing unless writable.
 */
void record_failure(struct record *rec, enum bs_reason reason, bool hopeless);

/* The promise across a power cut that the state partition is being formatted (BS_PROMISE_*). */
int record_format_begin(struct record *rec);
int record_format_end(struct record *rec);
bool record_format_pending(struct record *rec);

#endif

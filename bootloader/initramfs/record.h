/*
 * What this boot leaves behind for the next one: how far it got and why it
 * stopped (boot state), and the tail of the kernel log (flight recorder).
 */
#ifndef BOOTLOADER_INITRAMFS_RECORD_H
#define BOOTLOADER_INITRAMFS_RECORD_H

#include <stdbool.h>
#include <stddef.h>
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

/* Forget it again: the disk it was on is another one's. */
void record_close(struct record *rec);

/* This boot got as far as @stage. Does nothing unless writable. */
void record_stage(struct record *rec, enum bs_stage stage);

/*
 * This boot failed. @hopeless: trying the same slot again is pointless (a verification
 * failed). Also saves the kernel log. False, and nothing was done or not all of it,
 * unless it could be stored.
 */
bool record_failure(struct record *rec, enum bs_reason reason, bool hopeless);

/*
 * Why the boot before this one ended, found out by this one: @reason, with @len bytes of @text for
 * its entry in the flight recorder (0: leave that alone). BS_REASON_NONE keeps the reason it has.
 * Only a boot that left no word is given a reason; one that counted as a success gets the entry,
 * and one that left its own word nothing. False when nothing was stored; also when this very
 * text was told of an earlier boot, because it could not be removed from where it came from.
 */
bool record_explain(struct record *rec, enum bs_reason reason, const char *text, size_t len);

enum record_promise {
	RECORD_PROMISE_NONE,
	RECORD_PROMISE_FORMATTING, /* a format was begun */
	RECORD_PROMISE_RESET, /* a factory reset was asked for */
};

/* The promise across a power cut about the state partition (BS_PROMISE_*); NONE when unreadable. */
enum record_promise record_promise(struct record *rec);

/* Make it, or take it back with RECORD_PROMISE_NONE; durable when 0 is returned. */
int record_set_promise(struct record *rec, enum record_promise promise);

#endif

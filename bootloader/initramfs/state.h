/*
 * The state partition: what it holds, and what may be done about it. Both slots share it, so a
 * boot never fails over it: falling back would not help. It comes up degraded instead.
 */
#ifndef BOOTLOADER_INITRAMFS_STATE_H
#define BOOTLOADER_INITRAMFS_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "bootloader/initramfs/record.h"

/* How much of the start must be zero for a partition to count as blank. */
#define STATE_BLANK_BYTES (8u << 20)

enum state_content {
	STATE_BLANK, /* as a fresh image leaves it */
	STATE_EXT4, /* whole or not: it says it is one */
	STATE_HEADLESS, /* an ext4 whose first superblock is gone; a spare one is there */
	STATE_LUKS,
	STATE_OTHER,
};

/*
 * What does the partition behind @fd, @size_bytes long, hold? Blank means that its first
 * STATE_BLANK_BYTES are zero and no spare ext4 superblock is behind. 0 or a negative errno;
 * *@ret only on success.
 */
int state_look(int fd, uint64_t size_bytes, enum state_content *ret);

enum state_plan {
	STATE_CHECK, /* check it, mount it */
	STATE_FORMAT, /* make a file system */
	STATE_RESET, /* the same, and discard what was there */
	STATE_LEAVE, /* write nothing to it */
};

/*
 * What is to be done with @content. Only what is blank is formatted, or what a promise in the boot
 * state names: nothing else can be lost there.
 */
enum state_plan state_plan(enum state_content content, enum record_promise promise,
			   bool read_only);

/* What state_superblock() reads of an ext4 file system with 4096-byte blocks. */
struct state_super {
	uint64_t blocks;
};

/* Read the superblock. -EBADMSG when there is no ext4 with 4096-byte blocks. */
int state_superblock(int fd, struct state_super *ret);

#endif

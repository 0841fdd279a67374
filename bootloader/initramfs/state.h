/*
 * The state partition: when it may be formatted, and what an ext4 superblock
 * says about it.
 */
#ifndef BOOTLOADER_INITRAMFS_STATE_H
#define BOOTLOADER_INITRAMFS_STATE_H

#include <stdbool.h>
#include <stdint.h>

struct err;

/* How much of the start must be zero for a partition to count as blank. */
#define STATE_BLANK_BYTES (8u << 20)

/*
 * Is the partition behind @fd, @size_bytes long, blank as a fresh image leaves it: its first
 * STATE_BLANK_BYTES zero, and no spare ext4 superblock (a file system whose head was wiped)
 * behind? 0 or a negative errno; *@ret_blank only on success.
 */
int state_is_blank(int fd, uint64_t size_bytes, bool *ret_blank);

/* What state_superblock() reads of an ext4 file system with 4096-byte blocks. */
struct state_super {
	uint64_t blocks;
};

/* Read the superblock. -EBADMSG when there is no ext4 with 4096-byte blocks. */
int state_superblock(int fd, struct state_super *ret);

#endif

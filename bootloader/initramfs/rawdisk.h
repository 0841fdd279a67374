/*
 * Disks and partitions by number, from the partition table this program reads
 * and checks itself, not from what udev or a label says.
 */
#ifndef BOOTLOADER_INITRAMFS_RAWDISK_H
#define BOOTLOADER_INITRAMFS_RAWDISK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/core/disk.h"
#include "lib/core/gpt.h"

struct err;

#define RAWDISK_NAME_MAX 32

struct rawdisk {
	int fd; /* of the whole disk; -1: none */
	bool read_only;
	char name[RAWDISK_NAME_MAX]; /* "vda" */
	struct gpt gpt;
};

#define RAWDISK_NONE ((struct rawdisk){ .fd = -1 })

/*
 * Open /dev/@name and read its partition table. 0; a negative errno; GPT errors come as
 * -EBADMSG. @err says why not; *@ret only on success.
 */
int rawdisk_open(const char *name, struct rawdisk *ret, struct err *err);
void rawdisk_close(struct rawdisk *d);

/* "vda5" or "nvme0n1p5" for partition index @idx (from 0). */
void rawdisk_partition_name(const char *disk, unsigned int idx, char out[RAWDISK_NAME_MAX]);

/*
 * Find the partition called @label and make sure the kernel has it where the table says,
 * adding it if the kernel does not know it (it does not look at a backup table). 0;
 * -ENOENT; -ESTALE when the kernel knows another place; *@ret_node is the name in /dev.
 */
int rawdisk_partition(struct rawdisk *d, const char *label, struct gpt_partition *ret,
		      char ret_node[RAWDISK_NAME_MAX], struct err *err);

/* Tell the kernel that partition @p of @d has the size the table now says. */
int rawdisk_resize(struct rawdisk *d, const struct gpt_partition *p, struct err *err);

/* A window of an open file or device as core wants it. */
struct rawdisk_window {
	int fd;
	uint64_t offset_bytes, size_bytes;
	bool read_only;
};

/* Callbacks on @w, which must outlive them. Flush is fdatasync(2). */
struct disk_ops rawdisk_ops(struct rawdisk_window *w);

#endif

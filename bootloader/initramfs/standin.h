/*
 * What stands in for the state partition until the next reboot, when it cannot be used as it
 * should: its content read-only under an overlay in memory, or memory alone.
 */
#ifndef BOOTLOADER_INITRAMFS_STANDIN_H
#define BOOTLOADER_INITRAMFS_STANDIN_H

#include <stdbool.h>
#include <stdint.h>

#include "bootloader/initramfs/rawdisk.h"
#include "bootloader/initramfs/state.h"

struct boot;
struct err;

/* Where the partition is found, read-only, while an overlay stands in for it. */
#define STANDIN_FOUND "/run/kiln/state-as-found"

struct standin {
	char device[RAWDISK_NAME_MAX + 8]; /* "/dev/vda11"; empty when there is no partition */
	uint64_t size_bytes;
	enum state_content content;
	bool read_only;
	const char *repair; /* what a person can do; a format with one %s for the device, or NULL */
};

/*
 * Mount the stand-in on /state and note it in @b->degraded, for the reason in @err. Fails only when
 * memory cannot be mounted either.
 */
int standin_mount(struct boot *b, const struct standin *s, struct err *err);

/*
 * A directory in memory for single paths that the state partition cannot keep; an fd the caller
 * closes. Every call gives the same one.
 */
int standin_directory(struct err *err);

#endif

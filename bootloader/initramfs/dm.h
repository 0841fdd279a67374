/*
 * One device-mapper device by raw ioctl: there is no static libdevmapper, and
 * a handful of ioctls need none.
 */
#ifndef BOOTLOADER_INITRAMFS_DM_H
#define BOOTLOADER_INITRAMFS_DM_H

#include <stddef.h>
#include <stdint.h>

struct err;

#define DM_PARAMS_MAX 1200u

/* A read-only mapping of one target over the whole device. */
struct dm_map {
	const char *name; /* in /dev/mapper, e.g. "root" */
	const char *uuid; /* "CRYPT-VERITY-..." tells systemd whose it is */
	const char *target; /* "verity" */
	const char *params;
	uint64_t sectors; /* of 512 bytes */
};

/*
 * Create, load and activate @map; the device is /dev/dm-N with N in *@ret_minor. On failure no
 * device stays behind. 0 or a negative errno with the failing ioctl named; -ENODEV when the kernel
 * has no device-mapper or no such target.
 */
int dm_create(const struct dm_map *map, unsigned int *ret_minor, struct err *err);

/* Put the table of @map in the place of the one the active device @map->name has. */
int dm_replace(const struct dm_map *map, struct err *err);

enum dm_what {
	DM_WHAT_STATUS, /* what the target has to say: "V" or "C" of a verity one */
	DM_WHAT_TABLE, /* its parameters, as the kernel understood them */
};

/* What the only target of the device @name says, NUL-terminated in @ret. */
int dm_ask(const char *name, enum dm_what what, char ret[DM_PARAMS_MAX], struct err *err);

#endif

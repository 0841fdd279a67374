/*
 * Who uses a disk: what is mounted of it, swaps, holders (device-mapper, RAID), as
 * the kernel tells in /proc and /sys.
 */
#ifndef INSTALL_TARGET_USE_H
#define INSTALL_TARGET_USE_H

#include <stddef.h>
#include <sys/types.h>

#include "install/target.h"

struct err;

/*
 * Refuse the disk @rdev (named @path for people) when it, a partition of it, or what
 * lies upon one is in use; when it is a partition itself. 0, TARGET_REFUSED, or a negative
 * errno.
 */
int target_check_use(const struct target_world *world, const char *path, dev_t rdev,
		     struct err *err);

/* Refuse a file that a loop device shows as a disk. */
int target_check_loops(const struct target_world *world, const char *path, struct err *err);

/*
 * Where something of device @dev, or of the device node @node (may be NULL), is mounted
 * according to the mountinfo @text: the mount point in @ret_where, cut to @size. True if
 * it is.
 */
bool target_find_mount(const char *text, dev_t dev, const char *node, char *ret_where, size_t size);

#endif

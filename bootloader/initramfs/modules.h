/*
 * Loading the kernel modules the build chose, in the order it computed.
 */
#ifndef BOOTLOADER_INITRAMFS_MODULES_H
#define BOOTLOADER_INITRAMFS_MODULES_H

#include <stddef.h>

struct err;

#define MODULES_LIST_MAX_BYTES 65536u
#define MODULES_MAX 512u
#define MODULE_PATH_MAX 512u

/*
 * Call @load for each path of the list @text: one per line, below /lib/modules or
 * /usr/lib/modules, ending in ".ko". Stops at the first non-zero answer and returns it;
 * -EINVAL with the line number for anything that is no such path.
 */
int modules_list_each(const char *text, size_t len,
		      int (*load)(void *ctx, const char *path, struct err *err), void *ctx,
		      struct err *err);

#endif

/*
 * Device paths: how the firmware names what it loaded a program from.
 *
 * A path is bytes of the firmware's; the walk ends after a bounded number of
 * nodes, and at a node too short to be one.
 */
#ifndef BOOTLOADER_EFI_DEVICE_PATH_H
#define BOOTLOADER_EFI_DEVICE_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "bootloader/efi/uefi.h"
#include "lib/core/guid.h"

/* The device path installed on @handle; NULL when it has none. */
const EFI_DEVICE_PATH *device_path_of(EFI_HANDLE handle);

/*
 * The first HD() node of @path and how many bytes stand before it; NULL when there is none or
 * the path is malformed.
 */
const EFI_DEVICE_PATH *device_path_partition(const EFI_DEVICE_PATH *path, size_t *ret_prefix);

/* The GPT unique GUID in the HD() node @node; false when the disk has no GPT. */
bool device_path_partition_guid(const EFI_DEVICE_PATH *node, struct guid *ret);

/* Is @path exactly the first @prefix_len bytes of @prefix, then the end? */
bool device_path_is_prefix(const EFI_DEVICE_PATH *path, const EFI_DEVICE_PATH *prefix,
			   size_t prefix_len);

#endif

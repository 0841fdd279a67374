/* See device_path.h. */
#include "bootloader/efi/device_path.h"

#include "bootloader/efi/firmware.h"
#include "lib/core/bytes.h"
#include "lib/core/platform.h"

#define NODES_MAX 64u

static size_t node_bytes(const EFI_DEVICE_PATH *node)
{
	return le16_load(node->length);
}

const EFI_DEVICE_PATH *device_path_of(EFI_HANDLE handle)
{
	EFI_GUID guid = EFI_GUID_DEVICE_PATH;
	void *path = NULL;

	if (EFI_ERROR(fw->boot->handle_protocol(handle, &guid, &path)))
		return NULL;
	return path;
}

const EFI_DEVICE_PATH *device_path_partition(const EFI_DEVICE_PATH *path, size_t *ret_prefix)
{
	const EFI_DEVICE_PATH *at = path;

	for (unsigned int i = 0; i < NODES_MAX && at->type != EFI_PATH_END; i++) {
		if (node_bytes(at) < sizeof(*at))
			return NULL;
		if (at->type == EFI_PATH_MEDIA && at->subtype == EFI_PATH_MEDIA_HARD_DRIVE &&
		    node_bytes(at) >= EFI_HD_BYTES) {
			*ret_prefix = (size_t)((const uint8_t *)at - (const uint8_t *)path);
			return at;
		}
		at = (const void *)((const uint8_t *)at + node_bytes(at));
	}
	return NULL;
}

bool device_path_partition_guid(const EFI_DEVICE_PATH *node, struct guid *ret)
{
	const uint8_t *bytes = (const uint8_t *)node;

	if (bytes[EFI_HD_SIGNATURE_TYPE] != EFI_HD_SIGNATURE_IS_GUID)
		return false;
	memcpy(ret->bytes, bytes + EFI_HD_SIGNATURE, GUID_BYTES);
	return true;
}

bool device_path_is_prefix(const EFI_DEVICE_PATH *path, const EFI_DEVICE_PATH *prefix,
			   size_t prefix_len)
{
	size_t len = 0;
	const EFI_DEVICE_PATH *at = path;

	for (unsigned int i = 0; i < NODES_MAX && at->type != EFI_PATH_END; i++) {
		if (node_bytes(at) < sizeof(*at))
			return false;
		len += node_bytes(at);
		if (len > prefix_len)
			return false;
		at = (const void *)((const uint8_t *)at + node_bytes(at));
	}
	return at->type == EFI_PATH_END && len == prefix_len && !memcmp(path, prefix, len);
}

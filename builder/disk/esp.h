/*
 * The EFI system partition: FAT32 holding /EFI/BOOT/BOOTX64.EFI and nothing
 * else, made as a file with mtools. It is written once, here; updates never
 * touch it.
 */
#ifndef BUILDER_DISK_ESP_H
#define BUILDER_DISK_ESP_H

#include <stdint.h>

struct err;

/* FAT32 needs at least 65525 clusters; with 512-byte clusters and two FATs that is this much. */
#define ESP_MIN_BYTES (34ull << 20)

/*
 * Make a FAT32 image of @size_bytes in the new file @path with @program as the removable-
 * media boot program. @volume_id is the 32-bit serial, @epoch_s all its times. 0 or a
 * negative errno; -ENOENT names a missing tool.
 */
int esp_make(const char *path, uint64_t size_bytes, const char *program, uint32_t volume_id,
	     uint64_t epoch_s, struct err *err);

#endif

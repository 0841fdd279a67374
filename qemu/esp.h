/* Files on the ESP of a machine that is switched off, through mtools. */
#ifndef QEMU_ESP_H
#define QEMU_ESP_H

#include <stddef.h>

struct err;

/*
 * Write @len bytes at @data to the file @path ("/EFI/x") of the raw @disk's ESP, making its
 * directories. @work is a directory for a temporary file. 0 or a negative errno.
 */
int esp_put(const char *disk, const char *work, const char *path, const void *data, size_t len,
	    struct err *err);

#endif

/*
 * What of this boot works until the next reboot only, because the state partition
 * could not be used as it should: lines of /run/kiln/degraded, which is there only then.
 */
#ifndef BOOTLOADER_INITRAMFS_DEGRADED_H
#define BOOTLOADER_INITRAMFS_DEGRADED_H

#include <stddef.h>

#define DEGRADED_BYTES 4096u

struct degraded {
	char text[DEGRADED_BYTES]; /* lines, each ending in a newline; NUL-terminated */
	size_t len;
	unsigned int dropped; /* lines that did not fit */
};

/*
 * Add one line and show it on the console: what is degraded, why, what a person can do. Newlines
 * inside become "; ".
 */
void degraded_add(struct degraded *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif

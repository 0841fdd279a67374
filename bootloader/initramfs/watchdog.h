/* The hardware watchdog, across switch_root. */
#ifndef BOOTLOADER_INITRAMFS_WATCHDOG_H
#define BOOTLOADER_INITRAMFS_WATCHDOG_H

#include <linux/watchdog.h>
#include <sys/ioctl.h>

#include "bootloader/initramfs/boot.h"

/* The machine is getting on: to be called at least every half minute while early init works. */
static inline void watchdog_pet(const struct boot *b)
{
	if (b->watchdog_fd >= 0)
		ioctl(b->watchdog_fd, WDIOC_KEEPALIVE, 0);
}

/*
 * Leave the running watchdog @fd (-1: none) to systemd in /sysroot, or stop it when there is no
 * systemd to feed it. Closes @fd.
 */
void watchdog_hand_on(int fd);

#endif

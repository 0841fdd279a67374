/* The hardware watchdog, across switch_root. */
#ifndef BOOTLOADER_INITRAMFS_WATCHDOG_H
#define BOOTLOADER_INITRAMFS_WATCHDOG_H

/*
 * Leave the running watchdog @fd (-1: none) to systemd in /sysroot, or stop it when there is no
 * systemd to feed it. Closes @fd.
 */
void watchdog_hand_on(int fd);

#endif

/* What the verified root must have before anything else is done with it. */
#ifndef BOOTLOADER_INITRAMFS_ROOT_H
#define BOOTLOADER_INITRAMFS_ROOT_H

struct err;

/* The first program of the real root. */
#define ROOT_INIT "/sbin/init"

/*
 * Is ROOT_INIT there in @root (an open directory), a program, and readable? Its links are followed
 * inside @root. 0 or a negative errno: -ENOENT, -EACCES and -ENOEXEC are the image's fault.
 */
int root_check_init(int root, struct err *err);

#endif

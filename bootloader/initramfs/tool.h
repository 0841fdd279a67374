/*
 * Programs of the verified root (mke2fs, e2fsck): the initramfs carries none.
 */
#ifndef BOOTLOADER_INITRAMFS_TOOL_H
#define BOOTLOADER_INITRAMFS_TOOL_H

struct err;

/*
 * Run @argv[0], an absolute path inside /sysroot, with /sysroot as its root and an empty
 * environment; its output goes to the kernel log. Returns its exit status (0 to 255), or a
 * negative errno with @err set when it is missing or died of a signal.
 */
int tool_run(char *const *argv, struct err *err);

#endif

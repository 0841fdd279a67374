/*
 * Programs of the verified root (mke2fs, e2fsck): the initramfs carries none.
 */
#ifndef BOOTLOADER_INITRAMFS_TOOL_H
#define BOOTLOADER_INITRAMFS_TOOL_H

struct boot;
struct err;

/*
 * Run @argv[0], an absolute path inside /sysroot, with /sysroot as its root and an empty
 * environment; its output goes to the kernel log. It may take its time: the watchdog is
 * fed. Returns its exit status (0 to 255), or a negative errno with @err set: -ENOEXEC when it
 * cannot be run, -ENOMEM when there was no memory for it or the kernel killed it for that, -ECHILD
 * when it died of another signal.
 */
int tool_run(const struct boot *b, char *const *argv, struct err *err);

#endif

/*
 * Programs of the verified root (mke2fs, e2fsck): the initramfs carries none.
 */
#ifndef BOOTLOADER_INITRAMFS_TOOL_H
#define BOOTLOADER_INITRAMFS_TOOL_H

#include <stdbool.h>
#include <stdint.h>

struct err;

/* A tool that used no processor time for so long hangs; and no tool may take longer than this. */
#define TOOL_IDLE_MS 120000u
#define TOOL_LONGEST_S (4u * 3600u)

/* What is known of a tool's getting on; all zero at its start. */
struct tool_progress {
	uint64_t cpu_ticks;
	uint64_t idle_ms, total_ms;
};

/* @ms more passed, and it has used @cpu_ticks in all. False when it is to be given up. */
bool tool_gets_on(struct tool_progress *p, uint64_t cpu_ticks, uint64_t ms);

/* Processor time in @stat, the text of /proc/PID/stat; 0 when it makes no sense. */
uint64_t tool_cpu_ticks(const char *stat);

/*
 * Run @argv[0], an absolute path inside /sysroot, with /sysroot as its root and an empty
 * environment; its output goes to the kernel log. Returns its exit status (0 to 255), or a
 * negative errno with @err set: -ENOEXEC when it cannot be run, -ENOMEM when there was no memory
 * for it or the kernel killed it for that, -ECHILD when it died of another signal, -ETIMEDOUT when
 * it did not get on and was given up.
 */
int tool_run(char *const *argv, struct err *err);

#endif

/*
 * Lines for whoever watches the boot: "kiln-init: ..." in the kernel log, and
 * on the console even when the command line says `quiet`.
 */
#ifndef BOOTLOADER_INITRAMFS_CONSOLE_H
#define BOOTLOADER_INITRAMFS_CONSOLE_H

#include <stdint.h>

#define CONSOLE_PREFIX "kiln-init: "

/* Longest line in bytes; longer ones are cut. */
#define CONSOLE_LINE_MAX 900

/* Print one line; newlines inside become "; ". Needs /dev and /proc to be mounted. */
void console_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Wait until the console has sent what was printed: what the kernel says next would get between.
 * Not for long, as a console may be stopped.
 */
void console_settle(void);

/* Milliseconds since the kernel started its clock. */
uint64_t console_now_ms(void);

#endif

/*
 * A second process that watches the first one: early init itself may hang (on a disk that
 * never answers, in a tool, by a mistake of its own), with the kernel well alive. It
 * feeds the watchdog as long as the step at work is within its time, and reboots
 * the machine when it is not, where there is a watchdog and where there is none.
 */
#ifndef BOOTLOADER_INITRAMFS_GUARD_H
#define BOOTLOADER_INITRAMFS_GUARD_H

#include <stdint.h>

struct err;
struct watchdog;

/* The guard feeds that often, and wakes that often to look. */
#define GUARD_TICK_MS 1000

/*
 * Start it, with @w to feed. 0 or a negative errno, -EPERM if we are not the machine's first
 * program. Until the first guard_allow() the step has a minute.
 */
int guard_start(const struct watchdog *w, struct err *err);

/* From now on there are @seconds. Does nothing while no guard runs. */
void guard_allow(unsigned int seconds);

/* Stop it, and wait until it is gone. */
void guard_stop(void);

#endif

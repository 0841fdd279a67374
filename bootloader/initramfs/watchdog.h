/*
 * The hardware watchdog while early init works, and across switch_root.
 *
 * The selector armed one before it started the kernel (lib/core/watchdog.h). It is taken
 * over as soon as its driver is there, fed as early init gets on, and left running for
 * the system manager: from power-on to the end no hang goes unnoticed.
 */
#ifndef BOOTLOADER_INITRAMFS_WATCHDOG_H
#define BOOTLOADER_INITRAMFS_WATCHDOG_H

#include <stdbool.h>

#include "lib/core/watchdog.h"

struct boot;

struct watchdog {
	int fd; /* -1: none taken over yet */
	unsigned int number; /* of /dev/watchdogN */
	enum watchdog_kind kind; /* WATCHDOG_KINDS: one the selector does not know */
	bool caused_reset; /* the last reset of the machine came from a watchdog */
};

/* Where the kernel shows its watchdogs. */
#define WATCHDOG_CLASS "/sys/class/watchdog"

/* One look at the kernel's watchdogs. */
struct watchdog_found {
	unsigned int kinds; /* bits 1 << kind that have a driver */
	bool any, unnamed; /* there is one at all; there is one whose name cannot be told */
	unsigned int best; /* N of the one to take: the selector's first choice, else the lowest */
	enum watchdog_kind kind; /* of that one */
};

/* Look through @class (WATCHDOG_CLASS). Finds nothing when it does not exist. */
void watchdog_look(const char *class, struct watchdog_found *ret);

/*
 * Take a watchdog over if there is one and none was taken: a kind the selector arms, or with
 * @any_kind any other. To be called after each module: between the driver's start, which may stop
 * the timer, and this nothing is watched.
 */
void watchdog_take(struct watchdog *w, bool any_kind);

/* It lives. Does nothing when none was taken over. */
void watchdog_feed(const struct watchdog *w);

/*
 * Stop the guard (guard.h), and leave the watchdog running for systemd in /sysroot, together
 * with the setting that makes systemd feed it; or stop it when there is no systemd. The
 * descriptor is closed by execve(), not before.
 */
void watchdog_hand_on(struct watchdog *w);

#endif

/*
 * The hardware watchdog over the start of a kernel.
 *
 * The firmware's own watchdog ends with its boot services; from there to early
 * init nothing but hardware can end a hang. It is armed for kernels that are known
 * to feed it (lib/core/watchdog.h), and for no other. A newer selector takes it over, too.
 */
#ifndef BOOTLOADER_SELECTOR_WATCHDOG_H
#define BOOTLOADER_SELECTOR_WATCHDOG_H

/*
 * From StartImage to early init's first feeding. Measured: 3 to 9 s under emulation; a large
 * machine that probes hundreds of disks takes more than a minute. A good slot that is merely slow
 * must never be reset for it, and a hang is rare: it may cost three minutes.
 */
#define WATCHDOG_KERNEL_S 180u

/*
 * Look for this machine's watchdogs; say, and tell the running system, which one reset it last.
 * What a selector before this one found out and left running: bits 1 << enum watchdog_kind in
 * @caused_reset and @running. Returns those that caused the last reset.
 */
unsigned int watchdog_find(unsigned int caused_reset, unsigned int running);

/* The last reset ended no boot of a slot, and nobody needs to hear of it. */
void watchdog_forget(void);

/*
 * Arm any there is, or start its time anew, over a newer selector: after a crash of one the
 * firmware waits for ever, with its own watchdog off. Returns it as a bit, 0 when there is none.
 */
unsigned int watchdog_guard(void);

/*
 * Arm the first of @wanted that is there and not in @barred (it could not be fed; both as bits
 * 1 << enum watchdog_kind), for WATCHDOG_KERNEL_S. Says what was armed, or why nothing was, and
 * tells early init.
 */
void watchdog_arm(unsigned int wanted, unsigned int barred);

/* Stop what runs, when what was started came back. */
void watchdog_disarm(void);

#endif

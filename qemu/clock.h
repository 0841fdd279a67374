/*
 * Time as the lab needs it: a monotonic clock in milliseconds, deadlines on
 * it, and durations as people write them.
 */
#ifndef QEMU_CLOCK_H
#define QEMU_CLOCK_H

#include <stdint.h>

/* A deadline that never comes. */
#define CLOCK_NEVER UINT64_MAX

/* CLOCK_MONOTONIC in milliseconds. */
uint64_t clock_now_ms(void);

/* Milliseconds from now until @deadline_ms for poll(2): 0 when past, -1 for CLOCK_NEVER. */
int clock_left_ms(uint64_t deadline_ms);

/*
 * Parse "500ms", "60s", "5m" or "60" (seconds), above 0 and at most a day.
 * 0, or -EINVAL with *ret_ms untouched.
 */
int clock_duration(const char *text, uint64_t *ret_ms);

#endif

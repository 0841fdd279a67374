/*
 * Words that several writers of reports share.
 */
#ifndef QEMU_REPORT_TEXT_H
#define QEMU_REPORT_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "qemu/record.h"
#include "qemu/timeline.h"

/* @len bytes as hex digits. */
void report_hex(const uint8_t *bytes, size_t len, struct buf *out);

/* A time of the clock, seconds since 1970, as "2026-11-23T20:15:00Z". */
void report_time(int64_t seconds, struct buf *out);

/* A duration as people say it: "0.4 s", "125 s", "12 min 5 s", "1 h 2 min". */
void report_duration(uint64_t ms, struct buf *out);

/* How boot @idx went and ended, in a few words: "reset during early init". */
void report_boot_words(const struct timeline *t, unsigned idx, struct buf *out);

/*
 * What the machine recorded of one start, in the words of slotctl: slot, version, the
 * furthest stage, why it failed, how it ended: "a 1.0.0: verity, no-verdict".
 */
void report_start_words(const struct bs_boot *start, struct buf *out);

#endif

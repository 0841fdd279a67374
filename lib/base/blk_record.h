/*
 * A block device that remembers: a memory device which logs every write and
 * flush, so that a test can rebuild what a power cut at any moment may leave
 * behind, and which fails where it is told to.
 *
 * What a cut can leave: everything up to some flush, plus any subset of the
 * writes after it that were made before the cut, each whole or in part.
 */
#ifndef LIB_BASE_BLK_RECORD_H
#define LIB_BASE_BLK_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/blk.h"

/* One entry of the log. */
struct blk_event {
	bool flush; /* else a write */
	uint64_t offset_bytes;
	size_t len;
	uint8_t *data; /* owned by the device */
};

/* A zeroed recording device. -ENOMEM. Free with blk_free(). */
int blk_new_record(uint64_t size_bytes, struct blk **ret);

/* Its bytes as they are now. */
uint8_t *blk_record_bytes(struct blk *b);

/* Forget the log and make the present contents the starting point. */
void blk_record_restart(struct blk *b);

/* The log; valid until the next write. */
const struct blk_event *blk_record_events(const struct blk *b, size_t *ret_n);

/* Number of writes after the last flush among the first @n events. */
size_t blk_record_unflushed(const struct blk *b, size_t n);

/*
 * Rebuild into @out (of the device's size) what is there when the power goes
 * after the first @n events: all that was flushed, and of the k-th unflushed
 * write (k from 0) all its bytes where bit k of @kept is set, nothing where not.
 * The last unflushed write keeps only its first @torn_len bytes (SIZE_MAX: all).
 */
void blk_record_cut(const struct blk *b, size_t n, uint64_t kept, size_t torn_len, uint8_t *out);

/* What to fail. */
enum blk_fault { BLK_FAULT_NONE, BLK_FAULT_READ, BLK_FAULT_WRITE, BLK_FAULT_FLUSH };

/*
 * Fail the @nth (from 0) coming operation of that kind with -EIO; @sticky: and all
 * after it. A failed write leaves nothing. Replaces an earlier order.
 */
void blk_record_fail(struct blk *b, enum blk_fault fault, unsigned int nth, bool sticky);

#endif

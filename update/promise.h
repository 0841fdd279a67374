/*
 * The promise about the state partition that lies beside the boot state
 * (BS_PROMISE_*): slotctl makes and takes back the one of a factory reset, early
 * init keeps it.
 *
 * It is one text in one sector, so whatever a power cut leaves is the promise, or
 * none, and never another one.
 */
#ifndef UPDATE_PROMISE_H
#define UPDATE_PROMISE_H

#include "lib/core/disk.h"

enum promise {
	PROMISE_NONE, /* nothing, or nothing that anybody understands */
	PROMISE_RESET, /* a factory reset at the next boot */
	PROMISE_FORMATTING, /* early init was cut off while it formatted */
};

/* What stands in the boot-state partition behind @ops. 0 or a negative errno. */
int promise_read(const struct disk_ops *ops, enum promise *ret);

/*
 * Replace it by @want (PROMISE_RESET or PROMISE_NONE), flush, and read it back. 0;
 * BS_E_READBACK (a positive enum bs_error); or a negative errno.
 */
int promise_store(const struct disk_ops *ops, enum promise want);

#endif

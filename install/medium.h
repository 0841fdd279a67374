/*
 * A disk or file that is written at the speed of the device: large aligned writes
 * go around the page cache, the rest through it. One medium is one struct blk, so
 * that tests can put another one in its place.
 */
#ifndef INSTALL_MEDIUM_H
#define INSTALL_MEDIUM_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/blk.h"

struct err;

/*
 * Use @fd, open for reading and writing, which is the medium's from now on (also on
 * failure), with sectors of @sector_bytes. Freed with blk_free().
 */
int medium_new(int fd, uint32_t sector_bytes, struct blk **ret, struct err *err);

/* Tell the device that nothing on it is needed any more. -EOPNOTSUPP when it cannot. */
int medium_discard(struct blk *b);

/*
 * Open what @fd is open on once more, around the page cache and for reading, if @writable also for
 * writing: the same device, whatever its name means by now. The fd, or a negative errno.
 */
int medium_open_direct(int fd, bool writable);

/* Forget what the page cache holds of it, so that the next read is the medium's own. */
void medium_forget_cache(int fd);

#endif

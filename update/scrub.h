/*
 * Reading a whole root once, before it is confirmed for the first time.
 *
 * dm-verity looks at a block when somebody reads it: an image with a corrupt
 * block in a file that is rarely used would be confirmed, and fail when it is
 * needed. So every block of the slot is checked against the signed root hash.
 *
 * It is checked here, not by reading through dm-verity: that would restart the
 * machine at a corrupt block before anybody could write down why, and again at
 * each try that is left. The bytes and the root hash are the same.
 *
 * Another process does it, with low priority, around the page cache; whatever
 * becomes of it, the program that watches it can say so.
 */
#ifndef UPDATE_SCRUB_H
#define UPDATE_SCRUB_H

#include <stdint.h>
#include <sys/types.h>

#include "lib/core/verity_table.h"

struct err;
struct scrub_board;

enum scrub_state {
	SCRUB_RUNNING,
	SCRUB_DONE, /* every block is what was signed */
	SCRUB_CORRUPT, /* a block is not, or cannot be read */
	SCRUB_BROKEN, /* the check itself could not be made */
};

struct scrub {
	pid_t pid; /* 0: not running */
	struct scrub_board *board; /* shared with the process */
	uint64_t total_bytes;
	enum scrub_state verdict; /* once it is not SCRUB_RUNNING any more */
};

/*
 * Start to check the root of @slot on @disk (a path) against @params. 0 with @ret
 * to be given to scrub_stop(), or a negative errno.
 */
int scrub_start(const char *disk, unsigned slot, const struct verity_params *params,
		struct scrub *ret, struct err *err);

/* How it stands, without waiting; @err says why when it is corrupt or broken. */
enum scrub_state scrub_poll(struct scrub *s, struct err *err);

/* Everything else is ready: it need not be modest any more. */
void scrub_hurry(const struct scrub *s);

/* How much is done, 0 to 100. */
unsigned scrub_percent(const struct scrub *s);

/* End it if it still runs, and release what @s holds. */
void scrub_stop(struct scrub *s);

#endif

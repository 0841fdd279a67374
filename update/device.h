/*
 * The running device as slotctl sees it: what early init left in /run/kiln, and
 * the boot-state partition it names.
 *
 * The running slot is never guessed: early init wrote down which root hash it
 * verified, and the boot state must agree that this is the slot started last.
 */
#ifndef UPDATE_DEVICE_H
#define UPDATE_DEVICE_H

#include <stdbool.h>

#include "lib/core/bootstate.h"

struct err;

#define DEVICE_RUN_DIR "/run/kiln"

struct device {
	int fd; /* of the boot-state partition */
	bool writable;
	char disk_path[128]; /* "/dev/vda", for people */
	char state_path[128]; /* "/dev/vda2" */
	uint8_t root_hash[32]; /* of the verified root that runs */
	struct disk_ops ops; /* ctx is this struct: do not copy it */
	struct bs_disk disk;
	struct bs bs;
	bool counted; /* the boot state knows this boot; then running is set */
	unsigned running; /* slot, 0 or 1 */
};

/*
 * Read the notes in @run_dir (NULL: DEVICE_RUN_DIR), open the boot-state
 * partition (for writing when @write) under a lock that keeps other slotctls
 * out, and load the state. @dev is about 20 KiB: give it static storage.
 * Returns 0; -ENOENT when this is no kiln image; -EBADMSG when no copy of the
 * state is valid; or another errno. device_done() only after success.
 */
int device_open(struct device *dev, const char *run_dir, bool write, struct err *err);

/* Store the changed state; 0 or a negative errno. */
int device_store(struct device *dev, struct err *err);

/* Read the state again, as another program may have stored one. As device_open(). */
int device_reload(struct device *dev, struct err *err);

void device_done(struct device *dev);

#endif

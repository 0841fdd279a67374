/*
 * What a target is, before anything is written to it: a file or a disk, how large,
 * who uses it, and what would be lost.
 *
 *	r = target_look(&t, path, &where, err);       nothing is opened for writing
 *	...                                           a person reads and says yes
 *	r = target_open(&t, &fd, err);                exclusively; still the same disk?
 *
 * What is in use is refused, and nothing overrides that: there is no disk that
 * somebody uses and that may be overwritten all the same.
 */
#ifndef INSTALL_TARGET_H
#define INSTALL_TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/buf.h"

struct err;

/* A positive return: this is no target, or not now. */
enum { TARGET_REFUSED = 1 };

/* Where the kernel tells who uses what; tests have trees of their own. */
struct target_world {
	const char *proc; /* "/proc" */
	const char *sys; /* "/sys" */
	const char *run_dir; /* what early init noted: "/run/kiln" */
};

#define TARGET_WORLD_INIT ((struct target_world){ "/proc", "/sys", "/run/kiln" })

struct target_options {
	struct target_world world;
	uint64_t file_bytes; /* size of a file that is not there yet; 0: it must be there */
	uint32_t file_sector_bytes; /* of the disk a file stands for; 0: 512 */
};

struct target {
	const char *path; /* the caller's */
	bool exists; /* else a file of size_bytes is made */
	bool block_device;
	uint64_t size_bytes;
	uint32_t sector_bytes;
	char model[80]; /* "QEMU HARDDISK, usb"; "" when not known */
	bool blank; /* nothing was recognised on it */
	struct buf contents; /* what was: one line each, indented by two */
	/* Which one it was when it was looked at. */
	dev_t dev, rdev;
	ino_t ino;
	uint64_t disk_sequence; /* of the kernel: another disk in the same slot has another one */
};

#define TARGET_INIT ((struct target){ .contents = BUF_INIT })

/*
 * Look at @path. 0; TARGET_REFUSED with the reason in @err; or a negative errno. @ret is to
 * be given to target_done() in any case.
 */
int target_look(struct target *ret, const char *path, const struct target_options *o,
		struct err *err);

/*
 * Open it for writing with nobody else on it, and see that it is the one that was looked
 * at. A file that is not there is made. The caller closes *@ret_fd. As target_look().
 */
int target_open(const struct target *t, int *ret_fd, struct err *err);

/* Remove the file that target_open() made. Nothing else is ever removed. */
void target_unmake(const struct target *t);

/* Release what target_look() found. */
void target_done(struct target *t);

#endif

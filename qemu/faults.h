/*
 * Breaking a machine's disk while its power is off. Where things lie is found by
 * the same code that the selector and early init use.
 */
#ifndef QEMU_FAULTS_H
#define QEMU_FAULTS_H

#include "qemu/scenario.h"

struct err;

/* Where on the disk a step's spot begins: a block, or a sector of the partition table. */
struct fault_spot {
	uint64_t offset_bytes;
	unsigned flip_at; /* the byte in it that is worth flipping */
	uint64_t count; /* blocks in a row */
};

/* Find the spot that @step (STEP_CORRUPT, STEP_READ_ERROR) names. 0 or a negative errno. */
int faults_spot(const char *disk, const struct step *step, struct fault_spot *ret,
		struct err *err);

/* Do what @step (STEP_CORRUPT) says to the raw @disk. 0 or a negative errno, as all of these. */
int faults_corrupt(const char *disk, const struct step *step, struct err *err);

/* Take the partition @name out of both copies of the table, or leave it its first MiB only. */
int faults_drop_partition(const char *disk, const char *name, struct err *err);
int faults_shrink_partition(const char *disk, const char *name, struct err *err);

/* Zero the state partition. */
int faults_wipe_state(const char *disk, struct err *err);

/*
 * Fill the ext4 file system in the state partition with one file, by debugfs. @work is a directory
 * for scratch files.
 */
int faults_fill_state(const char *disk, const char *work, struct err *err);

#endif

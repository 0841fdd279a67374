/*
 * Reaching into a machine's disk while its power is off: to break it, to give
 * it a second slot, to read what it decided. Partitions are found by the same
 * code that the selector uses.
 */
#ifndef QEMU_FAULTS_H
#define QEMU_FAULTS_H

#include "qemu/scenario.h"

struct buf;
struct err;

/* Zero the state partition of the raw @disk. */
int faults_wipe_state(const char *disk, struct err *err);

/* Flip a bit in each of the blocks that @step (STEP_CORRUPT) names on the raw @disk. */
int faults_corrupt(const char *disk, const struct step *step, struct err *err);

/*
 * Copy the image in slot @from into the other slot, ready and good, second in
 * line, as an update and its confirmation would have left it; @from becomes
 * good, too, and first. 0 or a negative errno.
 */
int faults_clone(const char *disk, unsigned from, struct err *err);

/*
 * Write @len bytes at @data to the file @path ("/EFI/x") of the ESP, making its directories.
 * @work is a directory for a temporary file. 0 or a negative errno.
 */
int faults_put_esp(const char *disk, const char *work, const char *path, const void *data,
		   size_t len, struct err *err);

/* Append the UKI in @slot, as long as the boot state says it is, to @ret. */
int faults_read_uki(const char *disk, unsigned slot, struct buf *ret, struct err *err);

/*
 * What the boot state says of @slot: "good" for a ready slot that was confirmed,
 * else its status. *ret is static text.
 */
int faults_slot_state(const char *disk, unsigned slot, const char **ret, struct err *err);

/*
 * Why the newest boot of @slot that failed did so: bs_reason_name(), "none" when none in the
 * ring failed. *ret is static text.
 */
int faults_slot_reason(const char *disk, unsigned slot, const char **ret, struct err *err);

/*
 * What the flight recorder's newest entry of @slot says, its NUL bytes as blanks; the caller frees
 * *ret. -ENOENT when there is none.
 */
int faults_slot_log(const char *disk, unsigned slot, char **ret, struct err *err);

#endif

/*
 * Questions to a machine's disk while its power is off: what the boot state and
 * the flight recorder say of a slot.
 */
#ifndef QEMU_LOOKS_H
#define QEMU_LOOKS_H

struct buf;
struct err;

/*
 * What the boot state on the raw @disk says of @slot: "good" for a ready slot that was confirmed,
 * else its status. *ret is static text. 0 or a negative errno, as all of these.
 */
int look_slot_state(const char *disk, unsigned slot, const char **ret, struct err *err);

/*
 * Why the newest boot of @slot that failed did so: bs_reason_name(), "none" when none in the
 * ring failed. *ret is static text.
 */
int look_slot_reason(const char *disk, unsigned slot, const char **ret, struct err *err);

/*
 * What the flight recorder's newest entry of @slot says, its NUL bytes as blanks; the caller frees
 * *ret. -ENOENT when there is none.
 */
int look_slot_log(const char *disk, unsigned slot, char **ret, struct err *err);

/* Append the UKI in @slot, as long as the boot state says it is, to @ret. */
int look_slot_uki(const char *disk, unsigned slot, struct buf *ret, struct err *err);

#endif

/*
 * Changes of whole slots on a disk that is switched off, as somebody with a
 * build machine could have made them: the selector finds nothing wrong with them.
 */
#ifndef QEMU_SLOTS_H
#define QEMU_SLOTS_H

struct err;

/*
 * Copy the image in slot @from of the raw @disk into the other slot, ready and good, second in
 * line, as an update and its confirmation would have left it; @from becomes
 * good, too, and first. 0 or a negative errno.
 */
int slots_clone(const char *disk, unsigned from, struct err *err);

/*
 * Take the section @section of the UKI in @slot away by renaming it, and seal the slot again: a
 * UKI that was built wrongly. 0 or a negative errno.
 */
int slots_spoil_uki(const char *disk, unsigned slot, const char *section, struct err *err);

#endif

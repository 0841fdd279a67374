/* The last words of a boot that cannot write to its disk are left to the kernel: a panic's dump. */
#ifndef BOOTLOADER_INITRAMFS_EXPLAIN_H
#define BOOTLOADER_INITRAMFS_EXPLAIN_H

/* Three dumps or so; more is not needed, and the firmware's variable store is small. */
#define EXPLAIN_RECORDS_KEPT 32u

/* Remove the dumps in pstore if there are many: a boot that fails for ever must not fill it. */
void explain_make_room(void);

#endif

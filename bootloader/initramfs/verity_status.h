/* What the dm-verity target says of itself. */
#ifndef BOOTLOADER_INITRAMFS_VERITY_STATUS_H
#define BOOTLOADER_INITRAMFS_VERITY_STATUS_H

#include <stdbool.h>

/* True when the status ("V" or "C") says that some block did not verify. */
bool verity_status_damaged(const char *status);

/* True when the table @text is of the root hash @roothash (64 hex digits), and panics on damage. */
bool verity_table_panics(const char *text, const char *roothash);

#endif

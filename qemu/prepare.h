/*
 * What a run of scenarios needs to know of its image beforehand, and the disk that
 * many of them start from: the image after one healthy boot, shut down in order.
 */
#ifndef QEMU_PREPARE_H
#define QEMU_PREPARE_H

#include "qemu/vm.h"

struct err;

/*
 * Boot a copy of @options->image until slot a is confirmed, switch it off, and leave it as the raw
 * disk @path. @directory gets the boot's serial log, prepare.log. 0; -ETIMEDOUT when it is not
 * confirmed in time (@slow multiplies); or another negative errno.
 */
int prepare_confirmed(const struct vm_options *options, const char *directory, const char *path,
		      uint64_t slow, struct err *err);

/*
 * Why scenarios that need a hardware watchdog are skipped: the kernel of the raw image @path
 * cannot feed one. NULL when it can, or when the image cannot be looked into.
 */
const char *prepare_lacks_watchdog(const char *path);

#endif

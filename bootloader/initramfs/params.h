/*
 * What the signed command line says: which image this is and how its root is
 * verified. Nothing else tells early init what to mount.
 */
#ifndef BOOTLOADER_INITRAMFS_PARAMS_H
#define BOOTLOADER_INITRAMFS_PARAMS_H

#include <stddef.h>

#include "lib/core/verity_table.h"
#include "lib/core/version.h"

struct err;

struct params {
	char image[IMAGE_NAME_SIZE];
	char version[VERSION_TEXT_SIZE];
	char roothash[65]; /* 64 lowercase hex digits: also what the signature covers */
	struct verity_params verity;
};

/*
 * Parse @len bytes of a kernel command line. -EINVAL for a missing, doubled or malformed
 * kiln.image, kiln.version, kiln.roothash or kiln.verity; *@ret only on success.
 */
int params_parse(const char *line, size_t len, struct params *ret, struct err *err);

#endif

/* The kernel command line as early init reads it: what is accepted is whole and in bounds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bootloader/initramfs/params.h"
#include "lib/base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct err err;
	struct params p;

	err_init(&err);
	if (params_parse((const char *)data, len, &p, &err)) {
		if (!*err.text)
			abort();
		return 0;
	}
	if (strlen(p.roothash) != 64 || !version_valid(p.image, true) ||
	    !version_valid(p.version, true) || !p.verity.data_blocks ||
	    p.verity.data_blocks > VERITY_DATA_BLOCKS_MAX || p.verity.salt_bytes > VERITY_SALT_MAX)
		abort();
	return 0;
}

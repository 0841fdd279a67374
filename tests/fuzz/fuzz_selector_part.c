/* The version in a selector's SBAT section: whatever the bytes are, it is none or a sound one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "install/selector_part.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char version[VERSION_TEXT_SIZE];

	memset(version, 'x', sizeof(version));
	if (selector_part_version(data, len, version) ? !version_field_valid(version, sizeof(version)) :
							version[0] != 'x')
		abort();
	return 0;
}

/* Slot descriptors: with the seal repaired, what decodes encodes to the same bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/slotdesc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t record[SLOTDESC_BYTES], out[SLOTDESC_BYTES];
	struct slotdesc d;

	memset(record, 0, sizeof(record));
	memcpy(record, data, len < sizeof(record) ? len : sizeof(record));
	slotdesc_decode(record, UINT64_MAX, &d);
	memcpy(record, SLOTDESC_MAGIC, 8);
	sha256_bytes(record, SLOTDESC_O_SEAL, record + SLOTDESC_O_SEAL);
	if (slotdesc_decode(record, 1 << 26, &d))
		return 0;
	if (d.uki_bytes > (1 << 26) - SLOTDESC_BYTES)
		abort();
	if (slotdesc_encode(&d, out) || memcmp(out, record, sizeof(out)))
		abort();
	return 0;
}

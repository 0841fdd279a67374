/* Entries of the flight recorder: with the checksum repaired, what decodes encodes to the same bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/bytes.h"
#include "lib/core/crc32.h"
#include "lib/core/flight.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void repair(uint8_t *entry)
{
	uint32_t n = le32_load(entry + 24);

	memcpy(entry, "kilnlog\n", 8);
	memset(entry + 12, 0, 4);
	if (n <= FLIGHT_TEXT_MAX)
		le32_store(entry + 12, crc32_add(0, entry, FLIGHT_TEXT_OFFSET + n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t entry[FLIGHT_ENTRY_BYTES], out[FLIGHT_ENTRY_BYTES];
	const char *text;
	struct flight f, again;

	memset(entry, 0, sizeof(entry));
	memcpy(entry, data, len < sizeof(entry) ? len : sizeof(entry));
	flight_decode(entry, &f, &text);
	repair(entry);
	if (flight_decode(entry, &f, &text))
		return 0;
	if (f.text_bytes > FLIGHT_TEXT_MAX || (const uint8_t *)text + f.text_bytes > entry + sizeof(entry))
		abort();
	flight_encode(&f, text, f.text_bytes, out);
	if (flight_decode(out, &again, &text) || memcmp(&f, &again, sizeof(f)))
		abort();
	return 0;
}

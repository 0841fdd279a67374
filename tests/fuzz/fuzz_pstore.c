/*
 * Records in pstore, as many as the input holds: each one is a byte of time, two bytes of length
 * (little-endian), and the text. What is put together fits, and comes from the records.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bootloader/initramfs/pstore.h"
#include "lib/core/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define OUT_MAX 3000

static void try_name(const uint8_t *data, size_t len)
{
	char name[256];

	len = len < sizeof(name) ? len : sizeof(name) - 1;
	memcpy(name, data, len);
	name[len] = '\0';
	if (pstore_is_dump(name) && strncmp(name, "dmesg-", 6))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct pstore_record records[PSTORE_RECORDS_MAX];
	char out[OUT_MAX + 1];
	size_t n = 0, out_len = 0, total = 0;

	try_name(data, len);
	while (len > 3 && n < PSTORE_RECORDS_MAX) {
		size_t want = le16_load(data + 1);

		want = want < len - 3 ? want : len - 3;
		records[n++] = (struct pstore_record){
			.time_s = (data[0] & 0x80) ? INT64_MIN + data[0] : data[0],
			.data = (const char *)data + 3,
			.len = want,
		};
		total += want;
		data += 3 + want;
		len -= 3 + want;
	}
	out[OUT_MAX] = 77;
	if (pstore_newest(records, n, out, OUT_MAX, &out_len) == PSTORE_OTHER)
		return 0;
	if (out_len > OUT_MAX || out_len > total || out[OUT_MAX] != 77)
		abort();
	if (pstore_reason(out, out_len) >= BS_REASON_COUNT)
		abort();
	return 0;
}

/* Boot-state records: with the seal repaired, decoding is total and round-trips. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/bootstate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define CHECK(cond) do { \
	if (!(cond)) \
		abort(); \
} while (0)

/* Whatever it says, deciding and going on from it must not lose it. */
static void use_state(struct bs *bs)
{
	static uint8_t out[BS_RECORD_BYTES];
	unsigned int slot, mask = 0;
	struct bs again;
	uint64_t number;

	for (unsigned int i = 0; i <= BS_SLOTS; i++) {
		if (bs_choose(bs, mask, 0, &slot))
			break;
		CHECK(slot < BS_SLOTS && !(mask & 1u << slot));
		CHECK(bs->slot[slot].status == BS_READY);
		CHECK(bs_count_start(bs, slot) == BS_OK);
		bs_encode(bs, out);
		CHECK(bs_decode(out, &again) == BS_OK);
		CHECK(bs_mark_bad(bs, slot, BS_REASON_UKI_HASH) == BS_OK);
		mask |= 1u << slot;
	}
	CHECK(mask <= 3);
	bs_explain_previous(bs, BS_REASON_PANIC, &number);
	bs_end_boot(bs, bs->current, BS_END_SHUT_DOWN);
	bs_retry(bs, 0);
	bs_retry(bs, 1);
	bs_encode(bs, out);
	CHECK(bs_decode(out, &again) == BS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t record[BS_RECORD_BYTES], out[BS_RECORD_BYTES];
	struct bs bs;
	int r;

	memset(record, 0, sizeof(record));
	memcpy(record, data, len < sizeof(record) ? len : sizeof(record));
	bs_decode(record, &bs);
	memcpy(record, "kilnboot", 8);
	sha256_bytes(record, BS_RECORD_BYTES - SHA256_BYTES, record + BS_RECORD_BYTES - SHA256_BYTES);
	r = bs_decode(record, &bs);
	if (r) {
		CHECK(r == BS_E_NEWER || r == BS_E_FIELD);
		return 0;
	}
	bs_encode(&bs, out);
	CHECK(bs_decode(out, &bs) == BS_OK);
	use_state(&bs);
	return 0;
}

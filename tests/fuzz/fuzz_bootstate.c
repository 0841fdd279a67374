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

/* Newer selectors, started until none is left, and one installed. */
static void use_selectors(struct bs *bs)
{
	struct bs_selector_image image = { .bytes = 1, .version = "1" };
	static uint8_t out[BS_RECORD_BYTES];
	unsigned int area, mask = 0;
	struct bs again;

	bs_selector_close(bs);
	while (bs_selector_choose(bs, mask, &area)) {
		CHECK(area < BS_SELECTORS && !(mask & 1u << area));
		CHECK(bs_selector_count_start(bs, area) == BS_OK);
		bs_encode(bs, out);
		CHECK(bs_decode(out, &again) == BS_OK);
		CHECK(bs_selector_failed(bs, area, BS_SELECTOR_HASH) == BS_OK);
		mask |= 1u << area;
	}
	if (bs_selector_install_begin(bs, &image, true, &area) == BS_OK)
		CHECK(bs_selector_install_commit(bs, area, &image) == BS_OK);
	CHECK(bs_selector_choose(bs, 0, &area));
}

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
	use_selectors(&bs);
	use_state(&bs);
	return 0;
}

/* See flight.h. Numbers are little-endian; everything not named here is zero. */
#include "lib/core/flight.h"

#include "lib/core/bytes.h"
#include "lib/core/crc32.h"
#include "lib/core/platform.h"

#define FLIGHT_MAGIC "kilnlog\n"
#define FLIGHT_FORMAT 1

/* From the start of an entry. */
enum flight_offset {
	FLIGHT_O_MAGIC = 0, /* 8 bytes */
	FLIGHT_O_FORMAT = 8, /* u32 */
	FLIGHT_O_CRC32 = 12, /* u32, over the head with this field zero, then the text */
	FLIGHT_O_BOOT = 16, /* u64 */
	FLIGHT_O_TEXT_BYTES = 24, /* u32 */
	FLIGHT_O_SLOT = 28, /* u8 each */
	FLIGHT_O_STAGE = 29,
	FLIGHT_O_REASON = 30,
	FLIGHT_O_VERSION = 32,
	FLIGHT_O_UNUSED = 96,
};

_Static_assert(FLIGHT_ENTRIES * FLIGHT_ENTRY_BYTES == BS_FLIGHT_BYTES, "entries fill the recorder");
_Static_assert(FLIGHT_O_VERSION + VERSION_TEXT_SIZE == FLIGHT_O_UNUSED, "version fits");

static uint32_t checksum(const uint8_t *entry, uint32_t text_bytes)
{
	uint8_t head[FLIGHT_TEXT_OFFSET];
	uint32_t crc;

	memcpy(head, entry, sizeof(head));
	le32_store(head + FLIGHT_O_CRC32, 0);
	crc = crc32_add(0, head, sizeof(head));
	return crc32_add(crc, entry + FLIGHT_TEXT_OFFSET, text_bytes);
}

void flight_encode(const struct flight *f, const char *text, size_t len, uint8_t *entry)
{
	size_t skip = len > FLIGHT_TEXT_MAX ? len - FLIGHT_TEXT_MAX : 0;

	len -= skip;
	memset(entry, 0, FLIGHT_ENTRY_BYTES);
	memcpy(entry + FLIGHT_O_MAGIC, FLIGHT_MAGIC, 8);
	le32_store(entry + FLIGHT_O_FORMAT, FLIGHT_FORMAT);
	le64_store(entry + FLIGHT_O_BOOT, f->boot);
	le32_store(entry + FLIGHT_O_TEXT_BYTES, (uint32_t)len);
	entry[FLIGHT_O_SLOT] = f->slot;
	entry[FLIGHT_O_STAGE] = (uint8_t)f->stage;
	entry[FLIGHT_O_REASON] = (uint8_t)f->reason;
	memcpy(entry + FLIGHT_O_VERSION, f->version, VERSION_TEXT_SIZE);
	memcpy(entry + FLIGHT_TEXT_OFFSET, text + skip, len);
	le32_store(entry + FLIGHT_O_CRC32, checksum(entry, (uint32_t)len));
}

int flight_decode(const uint8_t *entry, struct flight *ret, const char **ret_text)
{
	struct flight f = { .text_bytes = le32_load(entry + FLIGHT_O_TEXT_BYTES) };

	if (memcmp(entry + FLIGHT_O_MAGIC, FLIGHT_MAGIC, 8))
		return FLIGHT_E_MAGIC;
	if (f.text_bytes > FLIGHT_TEXT_MAX)
		return FLIGHT_E_FIELD;
	if (le32_load(entry + FLIGHT_O_CRC32) != checksum(entry, f.text_bytes))
		return FLIGHT_E_CHECKSUM;
	if (le32_load(entry + FLIGHT_O_FORMAT) != FLIGHT_FORMAT)
		return FLIGHT_E_FORMAT;
	if (entry[FLIGHT_O_SLOT] >= BS_SLOTS || entry[FLIGHT_O_STAGE] >= BS_STAGE_COUNT ||
	    !version_field_valid_or_blank((const char *)entry + FLIGHT_O_VERSION,
					  VERSION_TEXT_SIZE))
		return FLIGHT_E_FIELD;
	f.boot = le64_load(entry + FLIGHT_O_BOOT);
	f.slot = entry[FLIGHT_O_SLOT];
	f.stage = (enum bs_stage)entry[FLIGHT_O_STAGE];
	f.reason = entry[FLIGHT_O_REASON] < BS_REASON_COUNT ?
			   (enum bs_reason)entry[FLIGHT_O_REASON] :
			   BS_REASON_OTHER;
	memcpy(f.version, entry + FLIGHT_O_VERSION, VERSION_TEXT_SIZE);
	*ret = f;
	*ret_text = (const char *)entry + FLIGHT_TEXT_OFFSET;
	return FLIGHT_OK;
}

bool flight_of_boot(const struct bs *bs, uint64_t number, struct flight *ret)
{
	for (unsigned int i = 0; number && i < BS_RING_MAX; i++) {
		const struct bs_boot *b = &bs->ring[i];

		if (b->number != number)
			continue;
		*ret = (struct flight){ .boot = number, .slot = b->slot, .stage = b->stage,
					.reason = b->reason };
		memcpy(ret->version, b->version, VERSION_TEXT_SIZE);
		return true;
	}
	return false;
}

/*
 * The boot-state record as bytes. Numbers are little-endian, texts NUL-padded,
 * everything not named here is zero.
 *
 * What never changes in any later format: the first 12 bytes, and that the seal
 * over the first 4064 bytes of a copy is its last 32 of 4096. So an old kiln can
 * tell a newer record from a broken one, and leaves it alone. Nor does what is said of
 * newer selectors, from BS_O_SELECTORS to BS_O_LATER.
 */
#include "lib/core/bootstate.h"

#include "lib/core/bytes.h"
#include "lib/core/platform.h"

#define BS_MAGIC "kilnboot"
#define BS_FORMAT 1

/* From the start of a record. */
enum bs_offset {
	BS_O_MAGIC = 0, /* 8 bytes */
	BS_O_FORMAT = 8, /* u32 */
	BS_O_FLAGS = 12, /* u32, BS_FLAG_* */
	BS_O_SEQUENCE = 16, /* u64 */
	BS_O_BOOTS = 24, /* u64 */
	BS_O_FLOOR = 32, /* u64 */
	BS_O_CURRENT = 40, /* u8: 0, 1, 0xff */
	BS_O_ONESHOT = 41, /* u8: 0, 1, 0xff */
	BS_O_UNUSED = 42,
	BS_O_SLOTS = 64, /* BS_SLOTS times SLOT_BYTES */
	BS_O_REFUSED = 576, /* BS_REFUSED_MAX times REFUSED_BYTES */
	BS_O_RING = 1408, /* BS_RING_MAX times RING_BYTES */
	BS_O_UNUSED_TAIL = 2688,
	BS_O_SELECTORS = 3584, /* SELECTORS_BYTES */
	BS_O_LATER = 3816, /* BS_LATER_BYTES */
	BS_O_SEAL = 4064, /* SHA-256 of everything before */
};

/* From the start of a slot. */
enum bs_slot_offset {
	SLOT_O_STATUS = 0, /* u8 each, up to the reason */
	SLOT_O_PRIORITY = 1,
	SLOT_O_TRIES_LEFT = 2,
	SLOT_O_TRIES_MAX = 3,
	SLOT_O_GOOD = 4,
	SLOT_O_UNCONFIRMED = 5,
	SLOT_O_STAGE = 6,
	SLOT_O_REASON = 7,
	SLOT_O_UKI_BYTES = 8, /* u64 */
	SLOT_O_EPOCH = 16, /* u64 */
	SLOT_O_UKI_SHA256 = 24,
	SLOT_O_ROOT_HASH = 56,
	SLOT_O_NAME = 88,
	SLOT_O_VERSION = 152,
	SLOT_O_RELAPSES = 216, /* u8 */
	SLOT_O_UNUSED = 217,
	SLOT_BYTES = 256,
};

/* From the start of a refused root hash, and of a boot in the ring. */
enum bs_list_offset {
	REFUSED_O_HASH = 0,
	REFUSED_O_REASON = 32, /* u8 */
	REFUSED_O_VERSION = 40,
	REFUSED_BYTES = 104,
	RING_O_NUMBER = 0, /* u64 */
	RING_O_SLOT = 8, /* u8 */
	RING_O_STAGE = 9, /* u8 */
	RING_O_REASON = 10, /* u8 */
	RING_O_END = 11, /* u8 */
	RING_O_VERSION = 16,
	RING_BYTES = 80,
};

/* From the start of what is said of selectors, and of one area in it. */
enum bs_selector_offset {
	SELECTORS_O_FIRST = 0, /* u8: 0, 1 */
	SELECTORS_O_THROUGH = 1, /* u8: the area plus one; 0: none */
	SELECTORS_O_STAGE = 2, /* u8 */
	SELECTORS_O_UNUSED = 3,
	SELECTORS_O_AREAS = 8, /* BS_SELECTORS times AREA_BYTES */
	SELECTORS_BYTES = 232,
	AREA_O_STATUS = 0, /* u8 each, up to the reason */
	AREA_O_TRIES_LEFT = 1,
	AREA_O_UNCONFIRMED = 2,
	AREA_O_REASON = 3,
	AREA_O_BYTES = 4, /* u32 */
	AREA_O_SHA256 = 8,
	AREA_O_VERSION = 40,
	AREA_O_UNUSED = 104,
	AREA_BYTES = 112,
};

#define BS_FLAG_REBUILT 1u
#define BS_FLAGS_KNOWN BS_FLAG_REBUILT

_Static_assert(BS_O_SLOTS + BS_SLOTS * SLOT_BYTES == BS_O_REFUSED, "slots fit");
_Static_assert(BS_O_REFUSED + BS_REFUSED_MAX * REFUSED_BYTES == BS_O_RING, "refused fit");
_Static_assert(BS_O_RING + BS_RING_MAX * RING_BYTES == BS_O_UNUSED_TAIL, "ring fits");
_Static_assert(BS_O_SEAL + SHA256_BYTES == BS_RECORD_BYTES, "seal is last");
_Static_assert(SLOT_O_NAME + IMAGE_NAME_SIZE == SLOT_O_VERSION, "name fits");
_Static_assert(SLOT_O_VERSION + VERSION_TEXT_SIZE == SLOT_O_RELAPSES, "version fits");
_Static_assert(REFUSED_O_VERSION + VERSION_TEXT_SIZE == REFUSED_BYTES, "refused version fits");
_Static_assert(RING_O_VERSION + VERSION_TEXT_SIZE == RING_BYTES, "version of a boot fits");
_Static_assert(BS_O_SELECTORS + SELECTORS_BYTES == BS_O_LATER, "selectors fit");
_Static_assert(BS_O_LATER + BS_LATER_BYTES == BS_O_SEAL, "what is kept fits");
_Static_assert(SELECTORS_O_AREAS + BS_SELECTORS * AREA_BYTES == SELECTORS_BYTES, "areas fit");
_Static_assert(AREA_O_VERSION + VERSION_TEXT_SIZE == AREA_O_UNUSED, "version of a selector fits");
_Static_assert(BS_SELECTOR_OFFSET(BS_SELECTORS) <= BS_FLIGHT_OFFSET, "areas before the recorder");
_Static_assert(BS_FLIGHT_OFFSET + BS_FLIGHT_BYTES <= BS_PROMISE_OFFSET, "recorder fits");
_Static_assert(BS_PROMISE_OFFSET + BS_PROMISE_BYTES <= BS_PARTITION_BYTES, "promise fits");
_Static_assert(BS_RECORD_BYTES <= BS_COPY_STRIDE_BYTES, "copies apart");

static void encode_slot(const struct bs_slot *s, uint8_t *out)
{
	out[SLOT_O_STATUS] = (uint8_t)s->status;
	out[SLOT_O_PRIORITY] = s->priority;
	out[SLOT_O_TRIES_LEFT] = s->tries_left;
	out[SLOT_O_TRIES_MAX] = s->tries_max;
	out[SLOT_O_GOOD] = s->good;
	out[SLOT_O_UNCONFIRMED] = s->unconfirmed;
	out[SLOT_O_STAGE] = (uint8_t)s->stage;
	out[SLOT_O_REASON] = (uint8_t)s->reason;
	le64_store(out + SLOT_O_UKI_BYTES, s->image.uki_bytes);
	le64_store(out + SLOT_O_EPOCH, s->image.epoch);
	memcpy(out + SLOT_O_UKI_SHA256, s->image.uki_sha256, SHA256_BYTES);
	memcpy(out + SLOT_O_ROOT_HASH, s->image.root_hash, 32);
	memcpy(out + SLOT_O_NAME, s->image.name, IMAGE_NAME_SIZE);
	memcpy(out + SLOT_O_VERSION, s->image.version, VERSION_TEXT_SIZE);
	out[SLOT_O_RELAPSES] = s->relapses;
}

static void encode_lists(const struct bs *bs, uint8_t *out)
{
	for (unsigned int i = 0; i < BS_REFUSED_MAX; i++) {
		uint8_t *to = out + BS_O_REFUSED + i * REFUSED_BYTES;

		memcpy(to + REFUSED_O_HASH, bs->refused[i].root_hash, 32);
		to[REFUSED_O_REASON] = (uint8_t)bs->refused[i].reason;
		memcpy(to + REFUSED_O_VERSION, bs->refused[i].version, VERSION_TEXT_SIZE);
	}
	for (unsigned int i = 0; i < BS_RING_MAX; i++) {
		uint8_t *to = out + BS_O_RING + i * RING_BYTES;

		le64_store(to + RING_O_NUMBER, bs->ring[i].number);
		to[RING_O_SLOT] = bs->ring[i].slot;
		to[RING_O_STAGE] = (uint8_t)bs->ring[i].stage;
		to[RING_O_REASON] = (uint8_t)bs->ring[i].reason;
		to[RING_O_END] = (uint8_t)bs->ring[i].end;
		memcpy(to + RING_O_VERSION, bs->ring[i].version, VERSION_TEXT_SIZE);
	}
}

static void encode_selectors(const struct bs_selectors *sel, uint8_t *out)
{
	out[SELECTORS_O_FIRST] = sel->first;
	out[SELECTORS_O_THROUGH] = sel->through < BS_SELECTORS ? sel->through + 1 : 0;
	out[SELECTORS_O_STAGE] = (uint8_t)sel->stage;
	for (unsigned int i = 0; i < BS_SELECTORS; i++) {
		const struct bs_selector *s = &sel->area[i];
		uint8_t *to = out + SELECTORS_O_AREAS + i * AREA_BYTES;

		to[AREA_O_STATUS] = (uint8_t)s->status;
		to[AREA_O_TRIES_LEFT] = s->tries_left;
		to[AREA_O_UNCONFIRMED] = s->unconfirmed;
		to[AREA_O_REASON] = (uint8_t)s->reason;
		le32_store(to + AREA_O_BYTES, s->image.bytes);
		memcpy(to + AREA_O_SHA256, s->image.sha256, SHA256_BYTES);
		memcpy(to + AREA_O_VERSION, s->image.version, VERSION_TEXT_SIZE);
	}
}

void bs_encode(const struct bs *bs, uint8_t out[BS_RECORD_BYTES])
{
	memset(out, 0, BS_RECORD_BYTES);
	memcpy(out + BS_O_MAGIC, BS_MAGIC, 8);
	le32_store(out + BS_O_FORMAT, BS_FORMAT);
	le32_store(out + BS_O_FLAGS, bs->rebuilt ? BS_FLAG_REBUILT : 0);
	le64_store(out + BS_O_SEQUENCE, bs->sequence);
	le64_store(out + BS_O_BOOTS, bs->boots);
	le64_store(out + BS_O_FLOOR, bs->floor);
	out[BS_O_CURRENT] = bs->current;
	out[BS_O_ONESHOT] = bs->oneshot;
	for (unsigned int i = 0; i < BS_SLOTS; i++)
		encode_slot(&bs->slot[i], out + BS_O_SLOTS + i * SLOT_BYTES);
	encode_lists(bs, out);
	encode_selectors(&bs->selectors, out + BS_O_SELECTORS);
	memcpy(out + BS_O_LATER, bs->later, BS_LATER_BYTES);
	sha256_bytes(out, BS_O_SEAL, out + BS_O_SEAL);
}

/* A reason appended by a later kiln is still a reason. */
static enum bs_reason decode_reason(uint8_t byte)
{
	return byte < BS_REASON_COUNT ? (enum bs_reason)byte : BS_REASON_OTHER;
}

/* What a slot's fields must be to each other, whoever wrote them. */
static bool slot_sensible(const struct bs_slot *s)
{
	if (s->priority > 15 || s->tries_max > BS_TRIES_MAX || s->tries_left > s->tries_max)
		return false;
	if (s->status == BS_READY && !s->tries_max)
		return false;
	if (s->good && s->status != BS_READY)
		return false;
	return s->status == BS_EMPTY || slotdesc_valid(&s->image);
}

static bool decode_slot(const uint8_t *data, struct bs_slot *s)
{
	if (data[SLOT_O_STATUS] >= BS_STATUS_COUNT || data[SLOT_O_STAGE] >= BS_STAGE_COUNT ||
	    data[SLOT_O_GOOD] > 1)
		return false;
	s->status = (enum bs_status)data[SLOT_O_STATUS];
	s->priority = data[SLOT_O_PRIORITY];
	s->tries_left = data[SLOT_O_TRIES_LEFT];
	s->tries_max = data[SLOT_O_TRIES_MAX];
	s->good = data[SLOT_O_GOOD];
	s->unconfirmed = data[SLOT_O_UNCONFIRMED];
	s->stage = (enum bs_stage)data[SLOT_O_STAGE];
	s->reason = decode_reason(data[SLOT_O_REASON]);
	s->image.uki_bytes = le64_load(data + SLOT_O_UKI_BYTES);
	s->image.epoch = le64_load(data + SLOT_O_EPOCH);
	memcpy(s->image.uki_sha256, data + SLOT_O_UKI_SHA256, SHA256_BYTES);
	memcpy(s->image.root_hash, data + SLOT_O_ROOT_HASH, 32);
	memcpy(s->image.name, data + SLOT_O_NAME, IMAGE_NAME_SIZE);
	memcpy(s->image.version, data + SLOT_O_VERSION, VERSION_TEXT_SIZE);
	s->relapses = data[SLOT_O_RELAPSES];
	return slot_sensible(s);
}

static bool decode_version(const uint8_t *data, char ret[VERSION_TEXT_SIZE])
{
	memcpy(ret, data, VERSION_TEXT_SIZE);
	return version_field_valid_or_blank(ret, VERSION_TEXT_SIZE);
}

static bool decode_lists(const uint8_t *data, struct bs *bs)
{
	for (unsigned int i = 0; i < BS_REFUSED_MAX; i++) {
		const uint8_t *from = data + BS_O_REFUSED + i * REFUSED_BYTES;

		memcpy(bs->refused[i].root_hash, from + REFUSED_O_HASH, 32);
		bs->refused[i].reason = decode_reason(from[REFUSED_O_REASON]);
		if (!decode_version(from + REFUSED_O_VERSION, bs->refused[i].version))
			return false;
	}
	for (unsigned int i = 0; i < BS_RING_MAX; i++) {
		const uint8_t *from = data + BS_O_RING + i * RING_BYTES;

		if (from[RING_O_SLOT] >= BS_SLOTS || from[RING_O_STAGE] >= BS_STAGE_COUNT ||
		    from[RING_O_END] >= BS_END_COUNT ||
		    !decode_version(from + RING_O_VERSION, bs->ring[i].version))
			return false;
		bs->ring[i].number = le64_load(from + RING_O_NUMBER);
		bs->ring[i].slot = from[RING_O_SLOT];
		bs->ring[i].stage = (enum bs_stage)from[RING_O_STAGE];
		bs->ring[i].reason = decode_reason(from[RING_O_REASON]);
		bs->ring[i].end = (enum bs_end)from[RING_O_END];
	}
	return true;
}

static bool decode_area(const uint8_t *from, struct bs_selector *s)
{
	if (from[AREA_O_STATUS] == BS_SELECTOR_EMPTY)
		return bytes_are_zero(from, AREA_O_UNUSED);
	s->status = (enum bs_selector_status)from[AREA_O_STATUS];
	s->tries_left = from[AREA_O_TRIES_LEFT];
	s->unconfirmed = from[AREA_O_UNCONFIRMED];
	s->reason = from[AREA_O_REASON] < BS_SELECTOR_REASON_COUNT ?
			    (enum bs_selector_reason)from[AREA_O_REASON] : BS_SELECTOR_OTHER;
	s->image.bytes = le32_load(from + AREA_O_BYTES);
	memcpy(s->image.sha256, from + AREA_O_SHA256, SHA256_BYTES);
	memcpy(s->image.version, from + AREA_O_VERSION, VERSION_TEXT_SIZE);
	return s->status < BS_SELECTOR_STATUS_COUNT && s->tries_left <= BS_TRIES_MAX &&
	       bs_selector_image_valid(&s->image);
}

static bool decode_selectors(const uint8_t *data, struct bs_selectors *sel)
{
	if (data[SELECTORS_O_FIRST] >= BS_SELECTORS || data[SELECTORS_O_THROUGH] > BS_SELECTORS ||
	    data[SELECTORS_O_STAGE] >= BS_STAGE_COUNT)
		return false;
	sel->first = data[SELECTORS_O_FIRST];
	sel->through = BS_SELECTOR_NONE;
	if (data[SELECTORS_O_THROUGH])
		sel->through = data[SELECTORS_O_THROUGH] - 1;
	sel->stage = (enum bs_stage)data[SELECTORS_O_STAGE];
	for (unsigned int i = 0; i < BS_SELECTORS; i++)
		if (!decode_area(data + SELECTORS_O_AREAS + i * AREA_BYTES, &sel->area[i]))
			return false;
	return true;
}

static bool selectors_have_unknown_parts(const uint8_t *data)
{
	if (!bytes_are_zero(data + SELECTORS_O_UNUSED, SELECTORS_O_AREAS - SELECTORS_O_UNUSED))
		return true;
	for (unsigned int i = 0; i < BS_SELECTORS; i++)
		if (!bytes_are_zero(data + SELECTORS_O_AREAS + i * AREA_BYTES + AREA_O_UNUSED,
				    AREA_BYTES - AREA_O_UNUSED))
			return true;
	return false;
}

/* Something is stored where this format has nothing: a later kiln knows what it is. */
static bool has_unknown_parts(const uint8_t *data)
{
	return le32_load(data + BS_O_FORMAT) != BS_FORMAT ||
	       (le32_load(data + BS_O_FLAGS) & ~BS_FLAGS_KNOWN) ||
	       !bytes_are_zero(data + BS_O_UNUSED, BS_O_SLOTS - BS_O_UNUSED) ||
	       !bytes_are_zero(data + BS_O_UNUSED_TAIL, BS_O_SELECTORS - BS_O_UNUSED_TAIL) ||
	       selectors_have_unknown_parts(data + BS_O_SELECTORS);
}

static bool slot_number_valid(uint8_t slot)
{
	return slot < BS_SLOTS || slot == BS_SLOT_NONE;
}

int bs_decode(const uint8_t data[BS_RECORD_BYTES], struct bs *ret)
{
	uint8_t seal[SHA256_BYTES];
	struct bs bs;

	if (memcmp(data + BS_O_MAGIC, BS_MAGIC, 8))
		return BS_E_MAGIC;
	sha256_bytes(data, BS_O_SEAL, seal);
	if (memcmp(data + BS_O_SEAL, seal, SHA256_BYTES))
		return BS_E_SEAL;
	if (has_unknown_parts(data))
		return BS_E_NEWER;

	memset(&bs, 0, sizeof(bs));
	bs.rebuilt = le32_load(data + BS_O_FLAGS) & BS_FLAG_REBUILT;
	bs.sequence = le64_load(data + BS_O_SEQUENCE);
	bs.boots = le64_load(data + BS_O_BOOTS);
	bs.floor = le64_load(data + BS_O_FLOOR);
	bs.current = data[BS_O_CURRENT];
	bs.oneshot = data[BS_O_ONESHOT];
	if (!slot_number_valid(bs.current) || !slot_number_valid(bs.oneshot))
		return BS_E_FIELD;
	for (unsigned int i = 0; i < BS_SLOTS; i++)
		if (!decode_slot(data + BS_O_SLOTS + i * SLOT_BYTES, &bs.slot[i]))
			return BS_E_FIELD;
	if (!decode_lists(data, &bs) || !decode_selectors(data + BS_O_SELECTORS, &bs.selectors))
		return BS_E_FIELD;
	memcpy(bs.later, data + BS_O_LATER, BS_LATER_BYTES);
	*ret = bs;
	return BS_OK;
}

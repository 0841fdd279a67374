/* See slotdesc.h. */
#include "lib/core/slotdesc.h"

#include "lib/core/bytes.h"
#include "lib/core/platform.h"

_Static_assert(SLOTDESC_O_NAME + IMAGE_NAME_SIZE == SLOTDESC_O_VERSION, "name overlaps");
_Static_assert(SLOTDESC_O_VERSION + VERSION_TEXT_SIZE == SLOTDESC_O_UNUSED, "version overlaps");
_Static_assert(SLOTDESC_O_SEAL + SHA256_BYTES == SLOTDESC_BYTES, "seal is last");

bool slotdesc_valid(const struct slotdesc *d)
{
	return d->uki_bytes && version_field_valid(d->name, sizeof(d->name)) &&
	       version_field_valid(d->version, sizeof(d->version));
}

int slotdesc_encode(const struct slotdesc *d, uint8_t out[SLOTDESC_BYTES])
{
	if (!slotdesc_valid(d))
		return SLOTDESC_E_FIELD;
	memset(out, 0, SLOTDESC_BYTES);
	memcpy(out + SLOTDESC_O_MAGIC, SLOTDESC_MAGIC, 8);
	le32_store(out + SLOTDESC_O_FORMAT, SLOTDESC_FORMAT);
	le64_store(out + SLOTDESC_O_UKI_BYTES, d->uki_bytes);
	le64_store(out + SLOTDESC_O_EPOCH, d->epoch);
	memcpy(out + SLOTDESC_O_UKI_SHA256, d->uki_sha256, SHA256_BYTES);
	memcpy(out + SLOTDESC_O_ROOT_HASH, d->root_hash, 32);
	memcpy(out + SLOTDESC_O_NAME, d->name, IMAGE_NAME_SIZE);
	memcpy(out + SLOTDESC_O_VERSION, d->version, VERSION_TEXT_SIZE);
	sha256_bytes(out, SLOTDESC_O_SEAL, out + SLOTDESC_O_SEAL);
	return SLOTDESC_OK;
}

int slotdesc_decode(const uint8_t data[SLOTDESC_BYTES], uint64_t partition_bytes,
		    struct slotdesc *ret)
{
	uint8_t seal[SHA256_BYTES];
	struct slotdesc d;

	if (memcmp(data + SLOTDESC_O_MAGIC, SLOTDESC_MAGIC, 8))
		return SLOTDESC_E_MAGIC;
	sha256_bytes(data, SLOTDESC_O_SEAL, seal);
	if (memcmp(data + SLOTDESC_O_SEAL, seal, SHA256_BYTES))
		return SLOTDESC_E_SEAL;
	if (le32_load(data + SLOTDESC_O_FORMAT) != SLOTDESC_FORMAT ||
	    !bytes_are_zero(data + SLOTDESC_O_RESERVED, 4) ||
	    !bytes_are_zero(data + SLOTDESC_O_UNUSED, SLOTDESC_O_SEAL - SLOTDESC_O_UNUSED))
		return SLOTDESC_E_FORMAT;
	d.uki_bytes = le64_load(data + SLOTDESC_O_UKI_BYTES);
	d.epoch = le64_load(data + SLOTDESC_O_EPOCH);
	memcpy(d.uki_sha256, data + SLOTDESC_O_UKI_SHA256, SHA256_BYTES);
	memcpy(d.root_hash, data + SLOTDESC_O_ROOT_HASH, 32);
	memcpy(d.name, data + SLOTDESC_O_NAME, IMAGE_NAME_SIZE);
	memcpy(d.version, data + SLOTDESC_O_VERSION, VERSION_TEXT_SIZE);
	if (!slotdesc_valid(&d))
		return SLOTDESC_E_FIELD;
	if (partition_bytes < SLOTDESC_BYTES || d.uki_bytes > partition_bytes - SLOTDESC_BYTES)
		return SLOTDESC_E_UKI_BYTES;
	*ret = d;
	return SLOTDESC_OK;
}

const char *slotdesc_error_text(int error)
{
	switch ((enum slotdesc_error)error) {
	case SLOTDESC_OK:
		return "no error";
	case SLOTDESC_E_MAGIC:
		return "no slot descriptor";
	case SLOTDESC_E_SEAL:
		return "the slot descriptor is damaged";
	case SLOTDESC_E_FORMAT:
		return "the slot descriptor was written by a newer kiln";
	case SLOTDESC_E_FIELD:
		return "the slot descriptor makes no sense";
	case SLOTDESC_E_UKI_BYTES:
		return "the slot descriptor names a UKI larger than its partition";
	}
	return "unknown error";
}

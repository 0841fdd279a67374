/*
 * The slot descriptor: the last 4096 bytes of a boot partition.
 *
 * It says what was written into a slot, so that the boot state can be rebuilt
 * knowingly when both of its copies are lost. It is written after the UKI and
 * before the boot state names the slot ready. It proves nothing by itself: the
 * selector still hashes the UKI against it, and early init still verifies the
 * root against the signed command line.
 */
#ifndef LIB_CORE_SLOTDESC_H
#define LIB_CORE_SLOTDESC_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/core/sha256.h"
#include "lib/core/version.h"

#define SLOTDESC_BYTES 4096
#define SLOTDESC_MAGIC "kilnslot"
#define SLOTDESC_FORMAT 1

/* Byte offsets; numbers are little-endian, texts NUL-padded, the rest zero. */
enum slotdesc_offset {
	SLOTDESC_O_MAGIC = 0, /* 8 bytes */
	SLOTDESC_O_FORMAT = 8, /* u32 */
	SLOTDESC_O_RESERVED = 12, /* u32, zero */
	SLOTDESC_O_UKI_BYTES = 16, /* u64 */
	SLOTDESC_O_EPOCH = 24, /* u64 */
	SLOTDESC_O_UKI_SHA256 = 32, /* 32 bytes */
	SLOTDESC_O_ROOT_HASH = 64, /* 32 bytes */
	SLOTDESC_O_NAME = 96, /* IMAGE_NAME_SIZE */
	SLOTDESC_O_VERSION = 160, /* VERSION_TEXT_SIZE */
	SLOTDESC_O_UNUSED = 224, /* zero up to the seal */
	SLOTDESC_O_SEAL = 4064, /* SHA-256 of everything before */
};

enum slotdesc_error {
	SLOTDESC_OK = 0,
	SLOTDESC_E_MAGIC, /* no descriptor here */
	SLOTDESC_E_SEAL, /* torn or damaged */
	SLOTDESC_E_FORMAT, /* written by a newer kiln */
	SLOTDESC_E_FIELD, /* sealed, but a field makes no sense */
	SLOTDESC_E_UKI_BYTES, /* the UKI would not fit before the descriptor */
};

/* What a slot holds; also what the boot state remembers of it (struct bs_slot). */
struct slotdesc {
	uint64_t uki_bytes; /* from byte 0 of the boot partition */
	uint8_t uki_sha256[SHA256_BYTES];
	uint8_t root_hash[32];
	char name[IMAGE_NAME_SIZE];
	char version[VERSION_TEXT_SIZE];
	uint64_t epoch; /* compared with the rollback floor */
};

/*
 * True when @d may be stored: a UKI of some size, and a name and a version that
 * version_valid() takes (with '_') and that are zero after their NUL.
 */
bool slotdesc_valid(const struct slotdesc *d);

/*
 * Encode @d. @out is all of the partition's last 4096 bytes. Only
 * SLOTDESC_E_FIELD (a text without NUL, an empty version, uki_bytes 0) can fail,
 * and then @out is untouched.
 */
int slotdesc_encode(const struct slotdesc *d, uint8_t out[SLOTDESC_BYTES]);

/*
 * Decode the last 4096 bytes of a boot partition of @partition_bytes. An enum
 * slotdesc_error; @ret is written only on SLOTDESC_OK.
 */
int slotdesc_decode(const uint8_t data[SLOTDESC_BYTES], uint64_t partition_bytes,
		    struct slotdesc *ret);

/* A short sentence for an enum slotdesc_error. */
const char *slotdesc_error_text(int error);

#endif

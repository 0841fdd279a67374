/*
 * The disk image: a GPT with both slots' partitions, slot a filled, slot b
 * empty, boot state saying so, state blank. kiln-image(5) describes the bytes.
 *
 * Written to a sparse file without root, mounts or loop devices; every GUID is
 * derived from the image's name, version and root hash, so the same artefacts
 * give the same disk. The output appears by rename when it is complete.
 */
#ifndef BUILDER_DISK_DISK_H
#define BUILDER_DISK_DISK_H

#include <stdint.h>

struct err;

#define DISK_ALIGN_BYTES (1ull << 20)
#define DISK_ESP_BYTES (40ull << 20) /* smallest round size FAT32 allows with 512-byte clusters */
#define DISK_SIG_BYTES (16ull << 10) /* content of sig-X; the partition is one alignment unit */
#define DISK_SLOT_MAX_BYTES (1ull << 40)

struct disk_options {
	const char *name, *version; /* image */
	const char *selector; /* host path of the UEFI selector */
	const char *uki; /* host paths of the artefacts of slot a */
	const char *root; /* squashfs */
	const char *verity; /* superblock and hash tree */
	const char *verity_sig; /* verity signature JSON */
	uint8_t root_hash[32];

	/* What slot a holds (install/slotindex.h): encoded entries; 0: it gets no index. */
	const uint8_t *slot_entries;
	uint32_t n_slot_entries;

	uint64_t esp_bytes; /* 0: DISK_ESP_BYTES */
	uint64_t root_slot_bytes, boot_slot_bytes, state_bytes; /* rounded up to DISK_ALIGN_BYTES */
	unsigned tries; /* boots slot a may use to become good, 1...15 */
	uint64_t epoch_s; /* of the image; also the times inside the ESP */
	const char *output; /* raw disk to write */
};

/* Where one partition lies; filled by disk_plan() in GPT order, kiln-image(5). */
struct disk_part {
	const char *name;
	uint64_t offset_bytes, size_bytes;
};

#define DISK_N_PARTS 11

struct disk_layout {
	struct disk_part part[DISK_N_PARTS];
	uint64_t disk_bytes;
};

/* Place the partitions. Pure arithmetic. -EINVAL/-EOVERFLOW for sizes that make no disk. */
int disk_plan(const struct disk_options *o, struct disk_layout *ret, struct err *err);

/*
 * Bytes the verity partition of a root slot of @root_slot_bytes needs: superblock, tree,
 * rounded up to the alignment.
 */
uint64_t disk_verity_slot_bytes(uint64_t root_slot_bytes);

/*
 * Check that every artefact fits, then write o->output. Returns 0; -ENOSPC when an artefact
 * is larger than its partition (named, and by how much) or the file system is full; -ENOENT
 * for a missing input or tool; -EBADMSG when an artefact is not what its name says; or
 * another negative errno. On failure o->output is as before.
 */
int disk_build(const struct disk_options *o, struct err *err);

/*
 * Convert the raw disk @raw to a compressed qcow2 @output (by rename). -ENOENT when qemu-
 * img is missing.
 */
int disk_qcow2(const char *raw, const char *output, struct err *err);

#endif

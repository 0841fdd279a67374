/*
 * The parameters of a dm-verity root, and the only texts they travel in.
 *
 * The superblock on the hash partition is not authenticated and the kernel
 * accepts a shortened device with the same root hash, so every parameter comes
 * from the signed command line of the UKI:
 *
 *	kiln.roothash=<64 hex> kiln.verity=<data_blocks>,<hash_start_block>,<salt hex>
 *
 * The rest is fixed: format 1, SHA-256, 4096-byte data and hash blocks. A salt
 * of no bytes is written `-`.
 */
#ifndef LIB_CORE_VERITY_TABLE_H
#define LIB_CORE_VERITY_TABLE_H

#include <stddef.h>
#include <stdint.h>

#define VERITY_BLOCK_BYTES 4096
#define VERITY_HASH_BYTES 32
#define VERITY_FANOUT 128 /* hashes in one block */
#define VERITY_SALT_MAX 256 /* the kernel's own limit, in bytes */
#define VERITY_LEVELS_MAX 10
/* 16 TiB of data: beyond any slot, and every product below stays in 64 bits. */
#define VERITY_DATA_BLOCKS_MAX (UINT64_C(1) << 32)
#define VERITY_HASH_START_MAX (UINT64_C(1) << 40)

#define VERITY_PARAM_TEXT_SIZE 600 /* kiln.verity's value with the NUL */
#define VERITY_TABLE_TEXT_SIZE 1024 /* a dm-verity table with the NUL */
#define VERITY_DEVICE_TEXT_MAX 128 /* longest device name in a table */

enum verity_error {
	VERITY_OK = 0,
	VERITY_E_ROOT_HASH, /* not 64 hex digits */
	VERITY_E_SYNTAX, /* not three fields of the right kind */
	VERITY_E_DATA_BLOCKS, /* 0 or above VERITY_DATA_BLOCKS_MAX */
	VERITY_E_HASH_START, /* above VERITY_HASH_START_MAX */
	VERITY_E_SALT, /* odd, no hex, or above VERITY_SALT_MAX */
	VERITY_E_CMDLINE, /* a key is missing, doubled or malformed on the command line */
	VERITY_E_DATA_SIZE, /* data_blocks do not fit the data partition */
	VERITY_E_HASH_SIZE, /* the tree does not fit the hash partition */
	VERITY_E_DEVICE, /* a device name is empty, too long or has odd characters */
	VERITY_E_BUFFER, /* the caller's buffer is too small */
};

struct verity_params {
	uint8_t root_hash[VERITY_HASH_BYTES];
	uint64_t data_blocks; /* blocks of VERITY_BLOCK_BYTES */
	uint64_t hash_start_block; /* block of the hash device where the tree starts */
	uint32_t salt_bytes; /* 0 to VERITY_SALT_MAX */
	uint8_t salt[VERITY_SALT_MAX];
};

/*
 * What the mapping does with a block that fails verification. Never is it handed out: there is
 * no way to ask for ignore_corruption or check_at_most_once.
 */
enum verity_damage {
	VERITY_DAMAGE_EIO, /* the read fails; the device's status says so from then on */
	VERITY_DAMAGE_PANIC, /* the kernel panics, and its last words say why */
};

/* Shape of the hash tree over some data. */
struct verity_tree {
	unsigned int levels; /* 0 when one block of data is its own root */
	uint64_t level_blocks[VERITY_LEVELS_MAX]; /* [0] hashes the data, last is the top: 1 */
	uint64_t hash_blocks; /* sum of all levels */
};

/*
 * Parse both texts (NUL-terminated). An enum verity_error; @ret is written only
 * on VERITY_OK.
 */
int verity_params_parse(const char *root_hash, const char *verity, struct verity_params *ret);

/* The same from the keys of a whole command line of @len bytes; each key exactly once. */
int verity_params_from_cmdline(const char *line, size_t len, struct verity_params *ret);

/* Write the value of kiln.verity; VERITY_E_BUFFER, or an error of the ranges. */
int verity_params_format(const struct verity_params *p, char *ret_text, size_t size);

/* Shape of the tree over @data_blocks blocks; VERITY_E_DATA_BLOCKS. */
int verity_tree_shape(uint64_t data_blocks, struct verity_tree *ret);

/*
 * Do the data and the whole tree lie inside partitions of these sizes?
 * VERITY_E_DATA_SIZE, VERITY_E_HASH_SIZE.
 */
int verity_params_fit(const struct verity_params *p, uint64_t data_bytes, uint64_t hash_bytes);

/* Length of the mapped device in 512-byte sectors (the dm target's length). */
uint64_t verity_data_sectors(const struct verity_params *p);

/*
 * Write the dm-verity target's parameters:
 * `1 DATA HASH 4096 4096 N H sha256 ROOT SALT`, and ` 1 panic_on_corruption` if @damage says so.
 * @data_dev and @hash_dev are paths or MAJOR:MINOR. An enum verity_error.
 */
int verity_table_format(const struct verity_params *p, const char *data_dev, const char *hash_dev,
			enum verity_damage damage, char *ret_text, size_t size);

/* A short sentence for an enum verity_error. */
const char *verity_error_text(int error);

#endif

/*
 * What a disk says about itself, read as selector and early init read it:
 * partition table, boot state, slot descriptors and UKIs. Nothing is verified
 * beyond the UKI's hash, nothing is written.
 */
#ifndef BUILDER_DISK_INSPECT_H
#define BUILDER_DISK_INSPECT_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/core/bootstate.h"
#include "lib/core/gpt.h"
#include "lib/core/verity_table.h"

struct err;

struct disk_slot_facts {
	bool has_descriptor; /* the rest means something */
	struct slotdesc descriptor;
	bool uki_hash_right; /* the UKI's bytes are those the descriptor names */
	char *cmdline, *kernel; /* of the UKI; NULL when it cannot be parsed */
	unsigned watchdogs; /* the command line names these: bits 1 << enum watchdog_kind */
	bool has_verity; /* the command line holds verity parameters */
	struct verity_params verity;
};

struct disk_facts {
	uint64_t bytes;
	struct gpt gpt;
	int bs_error; /* BS_OK: bs is valid; else enum bs_error or a negative errno */
	struct bs bs;
	struct disk_slot_facts slot[BS_SLOTS];
};

/*
 * Read the disk or disk image @path into *@ret, to be released with disk_facts_free(). -EBADMSG
 * when there is no valid partition table or kiln's partitions are not in it; missing or damaged
 * state and slots are facts, not errors.
 */
int disk_inspect(const char *path, struct disk_facts **ret, struct err *err);

/*
 * The disk that @path means: itself or, if it is a folder, the only .raw file in it. The
 * caller frees *@ret. -EINVAL, -ENOENT when there is more than one or none.
 */
int disk_find(const char *path, char **ret, struct err *err);

/* NULL-safe; returns NULL. */
struct disk_facts *disk_facts_free(struct disk_facts *f);

#endif

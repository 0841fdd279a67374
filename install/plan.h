/*
 * What provisioning a target will do, before it does anything: its partition
 * table, what is copied where, and what must not be inherited from what was there.
 * Pure arithmetic on a source and the size of a target.
 *
 * Partitions lie at the same bytes as on the source, whatever the sector sizes. The
 * copied slot becomes slot a; slot b is empty; state is blank, and early init makes
 * it as large as the disk at the first boot.
 */
#ifndef INSTALL_PLAN_H
#define INSTALL_PLAN_H

#include <stdint.h>

#include "install/provision_source.h"
#include "lib/core/gpt.h"
#include "lib/core/guid.h"

struct err;

/* Smallest state partition for a copy of a running system, whose own has grown. */
#define PLAN_STATE_MIN_BYTES (64ull << 20)

/* A positive return of plan_make(): the target is not fit for the source. */
enum { PLAN_REFUSED = 1 };

/* What is copied, in the order it is. */
enum plan_part { PLAN_ESP, PLAN_UKI, PLAN_ROOT, PLAN_VERITY, PLAN_SIG, PLAN_PARTS };

struct plan_copy {
	const char *name; /* "ESP", for people */
	uint64_t from_bytes, to_bytes; /* offsets on source and target */
	uint64_t len_bytes;
};

struct plan_range {
	uint64_t offset_bytes, len_bytes;
};

#define PLAN_WIPES_MAX 20

/* About 20 KiB: on the heap or static. */
struct plan {
	struct gpt gpt;
	struct plan_copy copy[PLAN_PARTS];
	uint64_t copy_bytes; /* of all of them */
	/* The table of before: its two places; everything else is touched when they are gone. */
	struct plan_range tables[2];
	/* What selector, early init or a prober could take for something that lives. */
	struct plan_range wipe[PLAN_WIPES_MAX];
	unsigned n_wipes;
	struct plan_range boot_state, descriptor; /* on the target */
	uint64_t state_offset_bytes, state_bytes;
};

/* Bytes a target must have for @s. */
uint64_t plan_min_bytes(const struct provision_source *s);

/*
 * Plan for a target of @size_bytes and @sector_bytes. @seed makes the disk's GUIDs
 * its own: two disks with the same ones cannot be told apart by early init. 0;
 * PLAN_REFUSED with the reason; or a negative errno.
 */
int plan_make(const struct provision_source *s, uint64_t size_bytes, uint32_t sector_bytes,
	      const uint8_t seed[GUID_BYTES], struct plan *ret, struct err *err);

#endif

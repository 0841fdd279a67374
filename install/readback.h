/*
 * What was written, read from the medium again: every block of the root through the
 * hash tree to the signed root hash, and everything else compared with what was
 * meant. Nothing of what is judged comes from memory of the writing but digests.
 */
#ifndef INSTALL_READBACK_H
#define INSTALL_READBACK_H

#include <stddef.h>
#include <stdint.h>

#include "install/plan.h"
#include "install/provision_source.h"
#include "lib/base/digest.h"

struct blk;
struct err;
struct progress;

/* A positive return: the medium does not hold what was written to it. */
enum { READBACK_WRONG = 1 };

/* How zero runs are told from data, when copying and when reading back. */
#define READBACK_GRAIN_BYTES 65536u

/* Add one grain at @offset_bytes of its part to the part's digest: nothing when it is zero. */
void readback_digest_add(struct digest *d, uint64_t offset_bytes, const void *data, size_t len);

struct readback {
	const struct provision_source *source;
	const struct plan *plan;
	struct blk *disk;
	int fd; /* of the same medium, for the hash tree's threads */
	/*
	 * Of each part as it was read from the source, by readback_digest_add(). Not of root and
	 * hash tree: they are known by the root hash.
	 */
	const uint8_t (*sums)[DIGEST_BYTES];
	const char *trusted_pem; /* who must have signed the root hash; NULL: known otherwise */
	size_t trusted_len;
	struct progress *progress; /* in bytes of all parts; may be NULL */
	const volatile int *stop; /* may be NULL; -ECANCELED when it is not 0 */
};

/* Before anything says that there is a system: all parts of slot a, and the ESP. */
int readback_parts(const struct readback *rb, struct err *err);

/* What says that slot a can be started: its descriptor and the boot state. */
int readback_records(const struct readback *rb, struct err *err);

/* At the end: both copies of the partition table. */
int readback_tables(const struct readback *rb, struct err *err);

#endif

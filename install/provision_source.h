/*
 * Where a provisioned disk comes from: one slot of another disk, which is an image
 * file, a disk with an image on it, or the disk the running system came from.
 *
 * What is read here is foreign. It is put together as selector and early init
 * would, and refused where they would refuse it; whether it is signed is checked
 * on what was written (readback.h).
 */
#ifndef INSTALL_PROVISION_SOURCE_H
#define INSTALL_PROVISION_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/core/gpt.h"
#include "lib/core/slotdesc.h"
#include "lib/core/verity_table.h"
#include "verity/sigfile.h"

struct err;

/* A positive return: this cannot be provisioned from. */
enum { PROVISION_SOURCE_REFUSED = 1 };

/* About 30 KiB: on the heap. */
struct provision_source {
	int fd; /* owned; read only */
	uint64_t size_bytes;
	struct gpt gpt;
	bool running; /* the disk of the running system, with a state in use */
	unsigned slot; /* that is copied */
	unsigned tries; /* boots the copy may use to become good */
	struct slotdesc image;
	struct verity_params verity; /* of the UKI's command line */
	struct sigfile sig;
};

/*
 * Open @path and choose its slot: the one the selector would start next or, where
 * @running_root is not NULL, the one that holds this root hash (the disk is then the
 * running one). 0 with a source the caller frees; PROVISION_SOURCE_REFUSED with the reason; or a
 * negative errno.
 */
int provision_source_open(const char *path, const uint8_t *running_root,
			  struct provision_source **ret, struct err *err);

/* Where the partition @name lies, in bytes. @name is one of kiln's, so it is there. */
void provision_source_part(const struct provision_source *s, const char *name, uint64_t *ret_offset,
		 uint64_t *ret_bytes);

/* NULL-safe; returns NULL. */
struct provision_source *provision_source_free(struct provision_source *s);

static inline void provision_source_freep(struct provision_source **s)
{
	*s = provision_source_free(*s);
}
#define _cleanup_provision_source_ __attribute__((cleanup(provision_source_freep)))

#endif

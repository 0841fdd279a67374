/*
 * Where a provisioned disk comes from: one slot of another disk, which is an image
 * file, a disk with an image on it, or the disk the running system came from.
 *
 * What is read here is foreign. It is put together as selector and early init
 * would, and refused where they would refuse it; whether it is signed is checked
 * on what was written (readback.h).
 */
#ifndef INSTALL_SOURCE_H
#define INSTALL_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/core/gpt.h"
#include "lib/core/slotdesc.h"
#include "lib/core/verity_table.h"
#include "verity/sigfile.h"

struct err;

/* A positive return: this cannot be provisioned from. */
enum { SOURCE_REFUSED = 1 };

/* About 30 KiB: on the heap. */
struct source {
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
 * running one). 0 with a source the caller frees; SOURCE_REFUSED with the reason; or a
 * negative errno.
 */
int source_open(const char *path, const uint8_t *running_root, struct source **ret,
		struct err *err);

/* Where the partition @name lies, in bytes. @name is one of kiln's, so it is there. */
void source_part(const struct source *s, const char *name, uint64_t *ret_offset,
		 uint64_t *ret_bytes);

/* NULL-safe; returns NULL. */
struct source *source_free(struct source *s);

static inline void source_freep(struct source **s)
{
	*s = source_free(*s);
}
#define _cleanup_source_ __attribute__((cleanup(source_freep)))

#endif

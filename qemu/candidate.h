/*
 * A version for the other slot, made from the image a machine runs: healthy, or
 * misbehaving in one way.
 *
 * It is a real version: a root with a root hash of its own, a hash tree, a
 * signature by a key made for the occasion, and a UKI whose initramfs trusts that
 * key. Only the slot it goes into ever sees it; the slot under test keeps
 * the image as it was shipped.
 */
#ifndef QEMU_CANDIDATE_H
#define QEMU_CANDIDATE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/buf.h"
#include "lib/core/slotdesc.h"
#include "qemu/offdisk.h"
#include "verity/sigfile.h"

struct err;

struct root_edit;

/* What is wrong with a version; candidate_kinds.c has the list. */
struct candidate_kind {
	const char *name; /* as scenarios name it: "unit-fails" */
	const char *cmdline; /* words added to the command line; NULL: none */
	const struct root_edit *edits; /* changes of the root */
	size_t n_edits;
	const char *module; /* a line more in the initramfs's list of modules; NULL: none */
	bool init_exits; /* /init of the initramfs does nothing but exit */
	bool hangs; /* in place of the kernel a program that stops for ever */
	bool other_key; /* the initramfs keeps trusting the image's own keys only */
};

/* NULL when there is no kind of that name. */
const struct candidate_kind *candidate_kind(const char *name);

/* Names of all kinds, ending in NULL. */
const char *const *candidate_kind_names(void);

struct candidate_options {
	const struct candidate_kind *kind;
	const char *version; /* NULL: that of the image with "+KIND" behind it */
	uint64_t root_bytes; /* the root is filled up with zeroes to this; 0: as it is */
};

/* Everything a slot holds. */
struct candidate {
	struct slotdesc image;
	struct buf uki;
	int root_fd, verity_fd; /* -1: none yet */
	uint64_t root_bytes, verity_bytes;
	uint64_t root_start_bytes, verity_start_bytes; /* where they begin in their fd */
	uint8_t sig[SIGFILE_BYTES];
};

/*
 * Make a version from what slot @from of @d (the raw file @path) holds. @work is a directory
 * for scratch files, which may be removed afterwards. Returns 0; -ENOENT when
 * the kind needs what the image has not; -ENOSPC when it does not fit the slot; or another negative
 * errno. candidate_done() in any case.
 */
int candidate_make(struct offdisk *d, const char *path, unsigned from,
		   const struct candidate_options *options, const char *work,
		   struct candidate *ret, struct err *err);

/* Take what slot a of the raw disk image @path holds, unchanged. As candidate_make(). */
int candidate_from_image(const char *path, struct candidate *ret, struct err *err);

/*
 * Install @c in @slot of @d as slotctl does: the boot state says `writing`, the partitions are
 * written, the boot state says ready with @tries (0: as many as the other slot may have). An image
 * refused before is refused, unless @retry. 0 or a negative errno.
 */
int candidate_install(struct offdisk *d, unsigned slot, const struct candidate *c,
		      unsigned tries, bool retry, struct err *err);

#define CANDIDATE_NONE ((struct candidate){ .root_fd = -1, .verity_fd = -1 })
void candidate_done(struct candidate *c);
#define _cleanup_candidate_ __attribute__((cleanup(candidate_done)))

#endif

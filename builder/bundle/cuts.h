/*
 * Where a part is cut into chunks, so that two versions have many in common.
 *
 * In a squashfs what changes is a block: the cuts are the borders of its blocks, and of
 * the frames' blocks inside them, read from the structures themselves. A UKI has
 * sections, and in an initramfs, which is one stream, what did not change stands
 * elsewhere in the next version: there the content decides.
 */
#ifndef BUILDER_BUNDLE_CUTS_H
#define BUILDER_BUNDLE_CUTS_H

#include <stddef.h>
#include <stdint.h>

struct err;

/* Ends of chunks in one part. */
struct cuts {
	uint64_t *end; /* owned */
	size_t n, cap;
};

/* 0 or -ENOMEM. */
int cuts_add(struct cuts *c, uint64_t end);
void cuts_done(struct cuts *c);
#define _cleanup_cuts_ __attribute__((cleanup(cuts_done)))

/*
 * Bring the cuts of a part of @bytes in order: sorted, once each, none at 0 or outside, the
 * last one at @bytes, no chunk above @most. 0 or -ENOMEM.
 */
int cuts_finish(struct cuts *c, uint64_t bytes, uint32_t most);

/* Leave cuts out so that no chunk but the last is below @least, none above @most. */
void cuts_thin(struct cuts *c, uint32_t least, uint32_t most);

/* Cuts every @piece bytes. */
int cuts_plain(struct cuts *c, uint64_t bytes, uint32_t piece);

/*
 * Borders of data blocks, fragments and metadata blocks of the squashfs at @image, and of
 * the blocks in their zstd frames. -EBADMSG when it is not as builder/squash makes one.
 */
int cuts_squashfs(struct cuts *c, const uint8_t *image, uint64_t bytes, struct err *err);

/*
 * Cuts in [@start, @end) of @data where the 64 bytes before say so: about every 40 KiB,
 * at least every 256 KiB. 0 or -ENOMEM.
 */
int cuts_rolling(struct cuts *c, const uint8_t *data, uint64_t start, uint64_t end);

/* Borders of the sections of the PE file at @image, and cuts_rolling() inside them. */
int cuts_pe(struct cuts *c, const uint8_t *image, uint64_t bytes, struct err *err);

#endif

/*
 * Where a part is cut into chunks, so that two versions have many in common.
 *
 * A rolling hash over compressed data finds nothing that the packers have not
 * decided already: what changes is always a whole block of squashfs or a section of
 * the UKI. So the cuts are those borders, read from the structures themselves.
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
 * Borders of data blocks, fragments and metadata blocks of the squashfs at @image, which
 * is zstd-compressed as builder/squash makes it. -EBADMSG when it is not that.
 */
int cuts_squashfs(struct cuts *c, const uint8_t *image, uint64_t bytes, struct err *err);

/* Borders of the sections of the PE file at @image, and pieces of @piece bytes in them. */
int cuts_pe(struct cuts *c, const uint8_t *image, uint64_t bytes, uint32_t piece, struct err *err);

#endif

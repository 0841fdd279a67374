/* The SPDX 2.3 document of an image, from its package list. */
#ifndef BUILDER_PUBLISH_SBOM_H
#define BUILDER_PUBLISH_SBOM_H

#include "builder/publish/publish.h"

struct buf;

/* What the document says about the image itself. */
struct sbom_image {
	const char *name, *version, *arch, *root_hash;
	uint64_t epoch_s;
};

/*
 * Append the document to @out (check buf_ok()). @packages in the order they should appear.
 * Nothing in it depends on when or where it is made.
 */
void sbom_print(const struct sbom_image *image, const struct publish_package *packages, size_t n,
		struct buf *out);

#endif

/*
 * The front of a bundle, read from a source: head, signature, manifest, index.
 *
 *	bundle_read_manifest(source, trusted, &front)    verified; now it may be judged
 *	bundle_read_index(source, &front)                every chunk and its place
 */
#ifndef INSTALL_BUNDLE_READ_H
#define INSTALL_BUNDLE_READ_H

#include "install/bundle.h"

struct err;
struct source;

struct bundle_front {
	struct bundle_manifest manifest;
	struct bundle_offsets offsets;
	struct bundle_index index;
};

/*
 * Read up to the manifest and verify it; @front's index stays empty. 0; an enum
 * bundle_error; or a negative errno of the source. @ret is to be released by
 * bundle_front_done() on success only.
 */
int bundle_read_manifest(struct source *s, const char *trusted_pem, size_t trusted_len,
			 struct bundle_front *ret, struct err *err);

/* Read the index into @front. As bundle_read_manifest(); @front stays valid on failure. */
int bundle_read_index(struct source *s, struct bundle_front *front, struct err *err);

/* Release what @front holds; it may be all zero. */
void bundle_front_done(struct bundle_front *front);
#define _cleanup_bundle_front_ __attribute__((cleanup(bundle_front_done)))

#endif

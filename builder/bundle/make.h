/*
 * Making a bundle (install/bundle.h, kiln-bundle(5)) of the artefacts of one version.
 *
 * The same artefacts and the same key give the same bytes.
 */
#ifndef BUILDER_BUNDLE_MAKE_H
#define BUILDER_BUNDLE_MAKE_H

#include "install/bundle.h"

struct err;

struct make_options {
	/* Name to root hash, salt, UUID and tries are set by the caller; the rest is filled in. */
	struct bundle_manifest manifest;
	const char *part[BUNDLE_PARTS]; /* paths of the artefacts */
	const char *output; /* replaced by rename */
	/* Signs @content: CMS as DER in *ret_der, which the caller frees. */
	int (*sign)(void *arg, const void *content, size_t len, uint8_t **ret_der,
		    size_t *ret_der_len, struct err *err);
	void *arg;
};

/* What was made. */
struct made_bundle {
	struct bundle_manifest manifest;
	uint8_t *entries; /* owned; the encoded index */
	uint32_t n_chunks;
	uint32_t n_slot_chunks; /* the first ones, which a slot index holds */
	uint64_t file_bytes;
};

/*
 * Cut, hash, sign and write. 0 with @ret to be released by made_bundle_done(); -EBADMSG when
 * an artefact is not what it should be, -EFBIG when it is too large for a bundle, or another
 * negative errno.
 */
int bundle_make(const struct make_options *o, struct made_bundle *ret, struct err *err);

void made_bundle_done(struct made_bundle *m);

#endif

/*
 * A bundle as a file on the host: opened, checked, and its parts copied out.
 */
#ifndef BUILDER_BUNDLE_READ_H
#define BUILDER_BUNDLE_READ_H

#include <stdbool.h>

#include "install/bundle.h"

struct err;

struct bundle_file {
	int fd;
	uint64_t bytes; /* of the file */
	struct bundle_head head;
	struct bundle_offsets at;
	struct bundle_manifest manifest;
	struct bundle_index index;
};

#define BUNDLE_FILE_INIT ((struct bundle_file){ .fd = -1 })

/* True when the file at @path begins like a bundle, of whatever format. */
bool bundle_file_is(const char *path);

/*
 * Open @path. With @trusted_pem the signature is verified before anything is parsed; with
 * NULL it is not looked at, for showing what a bundle says of itself. The index is checked
 * against the manifest and the file's length against both. 0, an enum bundle_error, or a
 * negative errno. @ret is to be released by bundle_file_done() in any case.
 */
int bundle_file_open(const char *path, const char *trusted_pem, size_t trusted_len,
		     struct bundle_file *ret, struct err *err);

/* All that fills up pieces is zero, and each chunk has its hash. As bundle_file_open(). */
int bundle_file_check(const struct bundle_file *f, struct err *err);

/*
 * Write the bytes of @part to @out from offset 0, and check them against the manifest. As
 * bundle_file_open().
 */
int bundle_file_extract(const struct bundle_file *f, enum bundle_part part, int out,
			struct err *err);

/* What an update to @to fetches on a machine that runs @from, and what it has already. */
struct bundle_delta {
	uint64_t fetched_bytes; /* head to index, and chunks */
	/* Of that, the chunks, by the part that needs them first. */
	uint64_t part_bytes[BUNDLE_CARRIED];
	uint64_t reused_bytes; /* chunks of the running slot */
};

/* 0 or -ENOMEM. */
int bundle_delta(const struct bundle_file *from, const struct bundle_file *to,
		 struct bundle_delta *ret);

void bundle_file_done(struct bundle_file *f);
#define _cleanup_bundle_file_ __attribute__((cleanup(bundle_file_done)))

#endif

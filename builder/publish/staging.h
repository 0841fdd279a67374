/* The staging directory of publish.h from inside: its state and the files in it. */
#ifndef BUILDER_PUBLISH_STAGING_H
#define BUILDER_PUBLISH_STAGING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/digest.h"

struct err;

#define PUBLISH_FILES_MAX 32
#define STAGED_SUMS "SHA256SUMS"

struct staged_file {
	char *name;
	uint64_t bytes;
	int64_t mtime_ns; /* with bytes: is it still the file that was hashed */
	char sha256[DIGEST_HEX_SIZE];
};

struct staged_list {
	struct staged_file item[PUBLISH_FILES_MAX];
	size_t n;
};

struct publish {
	char *out_dir, *stem, *name, *version, *arch;
	char *final; /* OUT/STEM */
	char *staging; /* OUT/.STEM.new */
	char *aside; /* OUT/.STEM.old: only where directories cannot be exchanged */
	int staging_fd; /* holds the lock */
	bool committed;
	size_t n_paths;
	char *suffix[PUBLISH_FILES_MAX], *path[PUBLISH_FILES_MAX];
	struct staged_list hashed; /* by staged_read(): no file is hashed twice */
};

/*
 * The regular files of the staging directory by name, SHA256SUMS left out, hashed
 * two at a time into p->hashed. Anything else there is -EBADMSG.
 */
int staged_hash(struct publish *p, struct err *err);
void staged_done(struct staged_list *l);

/* Write SHA256SUMS over the files there: lines of sha256sum(1), sorted by name. */
int staged_sums(struct publish *p, struct err *err);

#endif

/*
 * The content-addressed store: every downloaded file under its SHA-256.
 *
 *	DIR/sha256/ab/abcdef...     whole files, read-only, never changed
 *	DIR/partial/abcdef....part  downloads that stopped half-way
 *	DIR/latest/ARCHIVE.SUITE    the hash of the newest InRelease seen
 *
 * The invariant: a name below sha256/ appears by rename or link only after the
 * bytes were hashed, so whatever is there is whole. Any number of kilns may
 * share one store: a partial download is written by one of them (flock), the
 * others fetch into an unnamed file.
 */
#ifndef BUILDER_RESOLVE_STORE_H
#define BUILDER_RESOLVE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/digest.h"

struct err;

struct store {
	char *dir; /* absolute or as given; exists */
};

/*
 * $KILN_CACHE, $XDG_CACHE_HOME/kiln or ~/.cache/kiln: where kiln keeps what can be had
 * again. Owned; NULL: out of memory.
 */
char *store_cache_dir(void);

/* Open the store of the cache folder @cache_dir (NULL: store_cache_dir()), making its folders. */
int store_open(const char *cache_dir, struct store **ret, struct err *err);
/* NULL-safe; returns NULL. */
struct store *store_free(struct store *s);

/* Where the file with this hash lies or would lie; owned, NULL when out of memory. */
char *store_path(const struct store *s, const char *sha256);

/* True when the store holds @sha256 with @size_bytes (0: any). The bytes are not hashed again. */
bool store_has(const struct store *s, const char *sha256, uint64_t size_bytes);

/*
 * True when the store holds @sha256 with @size_bytes and its bytes still have that hash.
 * What the disk changed is removed, so that it is fetched anew.
 */
bool store_intact(const struct store *s, const char *sha256, uint64_t size_bytes);

/* Keep @len bytes of @data; @ret_sha256 (may be NULL) takes their hash. */
int store_put(const struct store *s, const void *data, size_t len, char ret_sha256[DIGEST_HEX_SIZE],
	      struct err *err);

/*
 * Read the file @sha256 and check its hash again: -ENOENT when it is missing,
 * -EBADMSG when the disk changed it (the file is then removed, to be fetched anew).
 */
int store_read(const struct store *s, const char *sha256, size_t max_bytes, char **ret_data,
	       size_t *ret_len, struct err *err);

/* A download in progress. fd is positioned nowhere in particular: use pwrite. */
struct store_part {
	int fd; /* -1 when closed */
	char *path; /* NULL: an unnamed file */
	char sha256[DIGEST_HEX_SIZE];
};

#define STORE_PART_INIT ((struct store_part){ .fd = -1 })

/* Begin or continue the download of @sha256; what an earlier run got is in the file. */
int store_part_open(const struct store *s, const char *sha256, struct store_part *ret,
		    struct err *err);

/*
 * Hash the part and let it appear in the store. -EBADMSG when the hash or the size
 * differ: the part is then emptied, and may be filled again.
 */
int store_part_commit(const struct store *s, struct store_part *p, uint64_t size_bytes,
		      struct err *err);

/* Close; an unfinished named part stays for the next run. A no-op after a commit. */
void store_part_close(struct store_part *p);

#endif

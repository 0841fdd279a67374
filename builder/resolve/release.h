/*
 * Release files: the signed list of an archive's indexes.
 *
 * An InRelease file is a Release text with an OpenPGP clear signature around it.
 * release_verify() hands it to gpgv and returns what gpgv says it verified; only
 * those bytes may be given to release_parse().
 */
#ifndef BUILDER_RESOLVE_RELEASE_H
#define BUILDER_RESOLVE_RELEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/digest.h"

struct err;

#define RELEASE_MAX_BYTES (4u << 20)
#define RELEASE_FILES_MAX 65536
#define RELEASE_KEYRING "/usr/share/keyrings/debian-archive-keyring.gpg"

struct release_file {
	const char *path; /* relative to the Release; points into text, not NUL-terminated */
	size_t path_len;
	char sha256[DIGEST_HEX_SIZE];
	uint64_t size_bytes;
};

struct release {
	char *text; /* owned copy of what was parsed */
	char *suite, *codename; /* "" when absent */
	char *components, *architectures; /* blank-separated words */
	uint64_t date, valid_until; /* seconds since the epoch; valid_until 0: for ever */
	bool by_hash; /* Acquire-By-Hash */
	struct release_file *files; /* the SHA256 section */
	size_t n_files;
};

/*
 * The shape gpgv must be given: exactly one clear-signed message and nothing
 * outside of it. 0 or -EBADMSG with @err saying what is wrong.
 */
int release_check_armor(const char *text, size_t len, struct err *err);

/*
 * Verify the InRelease bytes @data with gpgv against @keyring (NULL: $KILN_KEYRING,
 * else RELEASE_KEYRING). 0 with the owned verified text; -EBADMSG when no good
 * signature by a known key is there; -ENOENT when gpgv or the keyring is missing.
 */
int release_verify(const char *data, size_t len, const char *keyring, char **ret_text,
		   size_t *ret_len, struct err *err);

/* Parse a verified Release text. -EBADMSG with "@name:line: what" for anything malformed. */
int release_parse(const char *text, size_t len, const char *name, struct release **ret,
		  struct err *err);

/* NULL-safe; returns NULL. */
struct release *release_free(struct release *r);

/* The row of @path in the SHA256 section, or NULL. */
const struct release_file *release_find(const struct release *r, const char *path);

/* True when @word is one of the blank-separated words of @list. */
bool release_lists(const char *list, const char *word);

/* "Sat, 11 Jul 2026 10:16:37 UTC" as seconds since the epoch. 0 or -EINVAL. */
int release_date(const char *text, size_t len, uint64_t *ret);

#endif

/*
 * What a tree holds: one entry per path, sorted, with everything that would be
 * seen from inside a running image. Two trees are the same exactly when their
 * manifests are the same text; the packed image is compared with its tree in
 * this form, and two builds of one lock too.
 *
 * Walking needs read access to every file: call manifest_walk() inside
 * sandbox_run(), write the text there, and read it back outside.
 */
#ifndef BUILDER_ROOTFS_MANIFEST_H
#define BUILDER_ROOTFS_MANIFEST_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/digest.h"

struct buf;
struct err;

/* security.capability is 20 or 24 bytes; anything longer is refused. */
#define MANIFEST_CAPS_MAX_BYTES 24

struct manifest_entry {
	char *path; /* relative to the root; "" is the root itself */
	char type; /* 'f' file, 'd' directory, 'l' link, 'c' 'b' device, 'p' fifo, 's' socket */
	uint32_t mode; /* permission bits with setuid, setgid, sticky: 07777 */
	uint32_t uid, gid;
	uint64_t size_bytes; /* of a file; 0 for the rest */
	int64_t mtime_s;
	uint8_t sha256[DIGEST_BYTES]; /* of a file's content; zero for the rest */
	char *link; /* target of a link; NULL for the rest */
	uint32_t rdev_major, rdev_minor; /* of a device */
	uint8_t caps[MANIFEST_CAPS_MAX_BYTES]; /* security.capability in its on-disk form */
	size_t caps_len; /* 0: no file capabilities */
};

struct manifest {
	struct manifest_entry *entry; /* sorted by path, bytewise */
	size_t n;
};

/* Walk the directory @root. Returns 0 and fills @ret, or a negative errno. */
int manifest_walk(const char *root, struct manifest *ret, struct err *err);

/* Release what @m holds; it may be all zero. */
void manifest_done(struct manifest *m);

/*
 * One line per entry, fields separated by one space, text escaped as \xHH:
 *	TYPE MODE UID GID MTIME SIZE SHA256|- RDEV|- CAPS|- /PATH [-> LINK]
 */
void manifest_print(const struct manifest *m, struct buf *out);

/* Read manifest_print()'s text back. Returns 0, or -EINVAL naming the line. */
int manifest_parse(const char *text, struct manifest *ret, struct err *err);

/*
 * Compare, and describe up to @max_lines differences in @out, one line each:
 * "-/path missing", "+/path extra", "/path mode 0755 -> 0644". Modification
 * times are compared too. Returns the number of entries that differ.
 */
size_t manifest_compare(const struct manifest *a, const struct manifest *b, size_t max_lines,
			struct buf *out);

/* The entry of @path (without a leading slash), or NULL. */
const struct manifest_entry *manifest_find(const struct manifest *m, const char *path);

/*
 * Which package owns each path, by the dpkg database of a tree
 * (var/lib/dpkg/info/NAME.list), with the merged /usr taken into account.
 */
struct owners;

/* Read the database of the tree @root. Returns 0 and an owned *ret, or a negative errno. */
int owners_load(const char *root, struct owners **ret, struct err *err);

/* The package that owns @path (without a leading slash), or NULL. Lives as long as @o. */
const char *owners_find(const struct owners *o, const char *path);

/* NULL-safe; returns NULL. */
struct owners *owners_free(struct owners *o);

#endif

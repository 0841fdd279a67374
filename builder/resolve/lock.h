/*
 * recipe.lock: exactly which packages an image is made of.
 *
 * The lock lies beside its recipe (demo.yaml -> demo.lock), is committed with
 * it, and names every byte that goes into the tree: one package per line,
 * sorted, so that two locks diff well. It never names a mirror: paths are
 * relative to one, and a tag says which archive (main, security) they belong
 * to. It reads:
 *
 *	kiln-lock 1
 *	recipe demo
 *	suite bookworm
 *	architecture amd64
 *	timestamp 1784023142
 *	request <sha256 of what the recipe asked for>
 *	release main bookworm <sha256 of InRelease> <its date>
 *	package NAME VERSION ARCH BY ARCHIVE SIZE SHA256 PATH
 *	user NAME UID GID
 *	group NAME GID
 *
 * in this order, single spaces between the words, # starts a comment line.
 * BY is the package that first asked for this one; "@recipe", "@kernel" and
 * "@base" (Essential) are the roots of those chains.
 */
#ifndef BUILDER_RESOLVE_LOCK_H
#define BUILDER_RESOLVE_LOCK_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/digest.h"

struct buf;
struct err;

#define LOCK_FILE_MAX_BYTES (16u << 20)
#define LOCK_ROWS_MAX 65536
#define LOCK_WORD_MAX 512
#define LOCK_PACKAGE_MAX_BYTES (4ull << 30)

/* An InRelease file that vouched for packages of this lock. */
struct lock_release {
	char *archive; /* "main" or "security" */
	char *suite; /* as in its URL: bookworm, bookworm-updates, bookworm-security */
	char sha256[DIGEST_HEX_SIZE]; /* of the InRelease bytes, kept in the store */
	uint64_t date; /* its Date, seconds since the epoch */
};

struct lock_package {
	char *name;
	char *version; /* Debian version with epoch */
	char *arch; /* amd64 or all */
	char *by; /* who asked first: a package of this lock, "@recipe", "@kernel" or "@base" */
	char *archive; /* which mirror @path is relative to: "main" or "security" */
	char *path; /* pool/main/... */
	uint64_t size_bytes;
	char sha256[DIGEST_HEX_SIZE];
};

/* IDs that package scripts were given the first time, so that they stay. Filled by rootfs. */
struct lock_user {
	char *name;
	uint32_t uid, gid;
};

struct lock_group {
	char *name;
	uint32_t gid;
};

struct lock {
	char *recipe; /* the recipe's name */
	char *suite;
	char *architecture;
	uint64_t timestamp; /* newest release date: SOURCE_DATE_EPOCH of every build */
	char request[DIGEST_HEX_SIZE]; /* lock_request() of the recipe this was made for */
	struct lock_release *releases;
	size_t n_releases;
	struct lock_package *packages; /* sorted by name, each name once */
	size_t n_packages;
	struct lock_user *users; /* sorted by name */
	size_t n_users;
	struct lock_group *groups; /* sorted by name */
	size_t n_groups;
};

/* An empty lock; NULL when out of memory. */
struct lock *lock_new(void);
/* NULL-safe; returns NULL. */
struct lock *lock_free(struct lock *l);

/* Where the lock of @recipe_file lies: ".yaml" replaced by ".lock". Owned; NULL: out of memory. */
char *lock_path_for(const char *recipe_file);

/*
 * Parse @len bytes of @text; @name is the file's name for errors, which read
 * "name:line:col: what". 0 with an owned *ret, -EINVAL for anything wrong.
 */
int lock_parse(const char *text, size_t len, const char *name, struct lock **ret, struct err *err);

/* Read the lock file @path. -ENOENT (with @err set) when there is none. */
int lock_read(const char *path, struct lock **ret, struct err *err);

/* The lock as text, sorted whatever the order of the arrays; lock_parse() reads it back. */
void lock_print(const struct lock *l, struct buf *out);

/* Write the lock to @path so that it appears whole. Leaves an equal file untouched. */
int lock_write(const struct lock *l, const char *path, struct err *err);

/* The package called @name, or NULL. */
const struct lock_package *lock_find(const struct lock *l, const char *name);

/*
 * Remember the IDs of @name; an existing entry of that name is replaced. The caller writes
 * the lock afterwards. 0 or -ENOMEM.
 */
int lock_set_user(struct lock *l, const char *name, uint32_t uid, uint32_t gid);
int lock_set_group(struct lock *l, const char *name, uint32_t gid);

/*
 * What changes from @old (NULL: nothing) to @new, for people: one line per package.
 * Returns the number of lines.
 */
size_t lock_diff(const struct lock *old, const struct lock *new, struct buf *out);

#endif

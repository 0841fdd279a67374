/*
 * Paths: joining, making, removing, and opening names given by strangers.
 *
 * Anything named by a recipe, an archive or a peer is opened through
 * path_open_beneath() or path_open_in_root(), which use openat2(2) so that
 * "..", absolute names and symbolic links can never leave the given directory.
 */
#ifndef LIB_BASE_PATH_H
#define LIB_BASE_PATH_H

#include <stdint.h>
#include <sys/types.h>

struct err;

/* "a/b" from "a" and "b", one slash between; owned by the caller, NULL when out of memory. */
char *path_join(const char *dir, const char *name);

/* Last component of @path (points into it). */
const char *path_base(const char *path);

/* mkdir -p with mode 0755 (and the umask). 0 or a negative errno. */
int path_mkdirs(const char *path);

/* Remove @path and everything below it, never following links; missing is fine. */
int path_remove_tree(const char *path);

/* Like path_remove_tree() for @name inside the open directory @dirfd. */
int path_remove_tree_at(int dirfd, const char *name);

/*
 * Open @name below @dirfd: refuses "..", absolute names and links that lead
 * outside (-EXDEV) and magic links (-ELOOP). @flags as open(2); O_CLOEXEC is added.
 * Returns an fd or a negative errno.
 */
int path_open_beneath(int dirfd, const char *name, int flags, mode_t mode);

/*
 * Open @name with @dirfd as the root directory: absolute names and links are
 * resolved inside it and ".." stops at it. Returns an fd or a negative errno.
 */
int path_open_in_root(int dirfd, const char *name, int flags, mode_t mode);

#endif

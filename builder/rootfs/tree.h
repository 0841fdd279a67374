/*
 * Writing into a tree that is being made, without ever leaving it.
 *
 * Every path is relative to the tree and resolved with the tree as root
 * directory (openat2), so links planted by a package or script lead nowhere
 * else. A path that begins with bin, sbin, lib or lib64 means the one below
 * usr/. One struct tree belongs to one thread; several may work on one tree.
 */
#ifndef BUILDER_ROOTFS_TREE_H
#define BUILDER_ROOTFS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;
struct stat;

#define TREE_PATH_MAX 4096u

struct tree {
	int root; /* O_PATH */
	int parent; /* the last parent directory used; -1: none */
	char parent_path[TREE_PATH_MAX];
};

#define TREE_INIT ((struct tree){ .root = -1, .parent = -1 })

/* Owner and mode of something written. */
struct tree_attr {
	uint32_t mode, uid, gid;
	int64_t mtime_s; /* TREE_NOW: leave it */
};

#define TREE_NOW INT64_MIN

int tree_open(struct tree *t, const char *path, struct err *err);
void tree_close(struct tree *t);

/* "usr/bin/x" of "bin/x" or "/bin/x"; anything else without leading slashes. -ENAMETOOLONG. */
int tree_merged_path(const char *path, char out[TREE_PATH_MAX]);

/*
 * The directory that holds @path as an fd that @t keeps, and *ret_name the last
 * component (inside @path). Missing directories are made, 0755 root. Returns an
 * fd or a negative errno; -EINVAL when @path is the root.
 */
int tree_parent(struct tree *t, const char *path, const char **ret_name);

/* Make the directory @path with its parents; an existing one is left alone. */
int tree_mkdirs(struct tree *t, const char *path);

/* Set owner, mode and time of @path itself (a link is not followed). */
int tree_set_attr(struct tree *t, const char *path, const struct tree_attr *attr);

/* Create the new file @path for writing; -EEXIST when there is one. Returns an fd. */
int tree_create(struct tree *t, const char *path);

/* Set owner, mode and time of an open file: owner first, which would clear setuid. */
int tree_finish_fd(int fd, const struct tree_attr *attr);

/* Write a whole file, replacing what is there (a link is replaced, not followed). */
int tree_write(struct tree *t, const char *path, const void *data, size_t len,
	       const struct tree_attr *attr);

/* Append @text to the file @path, which keeps its owner and mode; made 0644 when missing. */
int tree_append(struct tree *t, const char *path, const char *text);

/* Make the link @path, replacing what is there unless it is a directory. */
int tree_symlink(struct tree *t, const char *target, const char *path);

/* Read the whole file @path; -ENOENT, -EFBIG. *ret_data is owned and NUL-terminated. */
int tree_read(struct tree *t, const char *path, size_t max_bytes, char **ret_data,
	      size_t *ret_len);

/* Remove @path and what is below it; missing is fine. */
int tree_remove(struct tree *t, const char *path);

/* Remove everything below the directory @path but not itself; missing is fine. */
int tree_empty(struct tree *t, const char *path);

/*
 * Call @visit for everything below the open directory @dirfd, which is closed: @name in the
 * directory @in with its lstat() result, the content of a directory before the directory
 * itself. Links are not followed. Stops at the first negative return and returns it; 0, or
 * another negative errno. @visit may remove or replace @name.
 */
typedef int (*tree_visit_fn)(void *arg, int in, const char *name, const struct stat *st);
int tree_walk(int dirfd, tree_visit_fn visit, void *arg);

/* True when @path exists (a dangling link does). */
bool tree_exists(struct tree *t, const char *path);

#endif

/*
 * A file that appears whole or not at all.
 *
 *	struct atomic_file f = ATOMIC_FILE_INIT;
 *	r = atomic_file_open(&f, path, 0644, err);
 *	... write to f.fd ...
 *	r = atomic_file_commit(&f, err);      (fsync, rename, fsync of the directory)
 *	atomic_file_abort(&f);                (always; a no-op after a commit)
 *
 * At every crash point @path holds either what it held before or all of the
 * new bytes. The temporary is "<dir>/.<name>.XXXXXX" and is removed on abort.
 */
#ifndef LIB_BASE_ATOMIC_FILE_H
#define LIB_BASE_ATOMIC_FILE_H

#include <stddef.h>
#include <sys/types.h>

struct err;

struct atomic_file {
	int fd;
	char *path;
	char *tmp;
};

#define ATOMIC_FILE_INIT ((struct atomic_file){ .fd = -1 })

/*
 * Start a new version of @path, to be written through f->fd; put it in place;
 * or drop it. The first two return 0 or a negative errno with @err set.
 */
int atomic_file_open(struct atomic_file *f, const char *path, mode_t mode, struct err *err);
int atomic_file_commit(struct atomic_file *f, struct err *err);
void atomic_file_abort(struct atomic_file *f);

/* Open, write @len bytes, commit. */
int atomic_file_write(const char *path, const void *data, size_t len, mode_t mode, struct err *err);

/* fsync the directory that holds @path, so that a rename into it is durable. */
int atomic_sync_parent(const char *path);

#endif

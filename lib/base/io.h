/*
 * Whole-buffer I/O: every call here either moves all the bytes or fails.
 * Short reads and writes, EINTR and EAGAIN on regular files are handled inside.
 * All return 0 or a negative errno; fds stay the caller's.
 */
#ifndef LIB_BASE_IO_H
#define LIB_BASE_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

/*
 * Every program begins with this: of the descriptors 0, 1 and 2 those that whoever started it left
 * closed become ones that can neither be read nor written. Else the next file that is opened, a
 * disk perhaps, is the standard output, and what is printed is written to it. 0 or a negative
 * errno.
 */
int io_keep_standard(void);

/* Write all @len bytes of @data to @fd (at @offset_bytes for the p variant). */
int io_write_all(int fd, const void *data, size_t len);
int io_pwrite_all(int fd, const void *data, size_t len, uint64_t offset_bytes);

/* Read exactly @len bytes; -ENODATA when the file ends before. */
int io_read_all(int fd, void *data, size_t len);
int io_pread_all(int fd, void *data, size_t len, uint64_t offset_bytes);

/*
 * Read the whole file @path into a fresh buffer, NUL-terminated after
 * *ret_len bytes. -EFBIG when it is longer than @max_bytes. @ret_len may be NULL.
 */
int io_read_file(const char *path, size_t max_bytes, char **ret_data, size_t *ret_len,
		 struct err *err);

/* Size of the regular file or block device behind @fd in bytes. */
int io_size(int fd, uint64_t *ret_bytes);

/* Copy @len bytes from @in (at @in_off) to @out (at @out_off). */
int io_copy_range(int in, uint64_t in_off, int out, uint64_t out_off, uint64_t len);

/*
 * The same, but what is a hole in @in is not written at all: for a fresh @out, where
 * unwritten bytes are zero, so that a sparse file stays sparse.
 */
int io_copy_sparse(int in, uint64_t in_off, int out, uint64_t out_off, uint64_t len);

#endif

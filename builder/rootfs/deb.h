/*
 * Reading a .deb: an ar archive of debian-binary, control.tar and data.tar.
 *
 *	deb_open(&deb, fd, name, err);
 *	deb_control(deb, &control, err);        (small: into memory)
 *	deb_data(deb, fn, arg, err);            (streamed, one callback per entry)
 *	deb_close(deb);
 *
 * A .deb comes from a stranger even when its hash is right. The container is
 * parsed here and anything deb(5) does not allow is refused; libarchive only
 * decodes the two tars, with the one decompressor the member's name announces.
 * Paths are handed out normalised ("usr/bin/env", never "..", never absolute).
 */
#ifndef BUILDER_ROOTFS_DEB_H
#define BUILDER_ROOTFS_DEB_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

/* Limits: several times what the largest package of the archive needs. */
#define DEB_CONTROL_FILE_MAX_BYTES (16u << 20)
#define DEB_CONTROL_MAX_BYTES (64u << 20)
#define DEB_CONTROL_FILES_MAX 128u
#define DEB_DATA_MAX_BYTES (32ull << 30)
#define DEB_ENTRIES_MAX 2000000u
#define DEB_PATH_MAX 4095u
#define DEB_ID_MAX 65533u

struct deb;

/* One file of control.tar. */
struct deb_control_file {
	char *name; /* "control", "postinst", ... */
	char *data; /* NUL-terminated after len bytes */
	size_t len;
	uint32_t mode; /* permission bits */
	int64_t mtime_s;
};

struct deb_control {
	struct deb_control_file *file;
	size_t n;
};

/* One entry of data.tar. Strings live until the callback returns. */
struct deb_entry {
	const char *path; /* normalised, relative; "" is the root itself */
	char type; /* 'f' file, 'd' directory, 'l' symbolic link, 'h' hard link */
	uint32_t mode; /* permission bits with setuid, setgid, sticky */
	uint32_t uid, gid;
	int64_t mtime_s;
	uint64_t size_bytes; /* of a file */
	const char *link; /* target of 'l' as written; of 'h' normalised like path */
};

/* The content of the entry at hand. */
struct deb_stream;

/*
 * The next piece of content in *ret_data (valid until the next call) with
 * *ret_len bytes; 0 bytes at the end. Returns 0 or -EBADMSG.
 */
int deb_stream_next(struct deb_stream *s, const void **ret_data, size_t *ret_len, struct err *err);

typedef int deb_entry_fn(void *arg, const struct deb_entry *entry, struct deb_stream *content,
			 struct err *err);

/*
 * Look at the container in @fd (kept by the caller, read with pread). @name is
 * for messages. Returns 0 and an owned *ret, -EBADMSG when it is no deb of
 * format 2.0 as deb(5) says, or another negative errno.
 */
int deb_open(struct deb **ret, int fd, const char *name, struct err *err);

/* NULL-safe; returns NULL. */
struct deb *deb_close(struct deb *d);

/* Read all of control.tar. Release with deb_control_done(). */
int deb_control(struct deb *d, struct deb_control *ret, struct err *err);

/* Release what @c holds; it may be all zero. */
void deb_control_done(struct deb_control *c);

/* The control file @name, or NULL. */
const struct deb_control_file *deb_control_find(const struct deb_control *c, const char *name);

/*
 * Call @fn for every entry of data.tar in order; stops at its first non-zero
 * return and returns that. Devices, fifos, sockets, ids above DEB_ID_MAX and
 * paths that leave the root are refused with -EBADMSG.
 */
int deb_data(struct deb *d, deb_entry_fn *fn, void *arg, struct err *err);

/*
 * The content of a single compressed file (a kernel module): @fd holds it as
 * gzip, xz, zstd or plain, told by @file_name's ending. Up to @max_bytes into an owned
 * buffer. Returns 0, -EFBIG, -EBADMSG or another negative errno.
 */
int deb_decode_file(int fd, const char *file_name, size_t max_bytes, char **ret_data,
		    size_t *ret_len, struct err *err);

/*
 * "a/b" of "./a//b/" or "/a/b" into @out (@out_size bytes). Returns 0, or
 * -EBADMSG when it has a ".." component or does not fit.
 */
int deb_normalise(const char *path, char *out, size_t out_size);

#endif

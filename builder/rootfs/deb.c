/* See deb.h. The only file that knows libarchive. */
#include "builder/rootfs/deb.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/rootfs/deb_ar.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"

#define DEB_READ_BYTES (256u << 10)

struct deb {
	int fd; /* the caller's */
	char *name;
	struct deb_members members;
};

/* A tar being decoded out of one member. */
struct tar {
	struct archive *a;
	const struct deb *deb;
	uint64_t at, end; /* what is left of the member, as file offsets */
	uint64_t produced; /* bytes of content so far */
	unsigned char *chunk;
};

struct deb_stream {
	struct tar *tar;
	uint64_t left; /* bytes of this entry still to come */
};

int deb_open(struct deb **ret, int fd, const char *name, struct err *err)
{
	struct deb *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return err_oom(err);
	d->fd = fd;
	d->name = strdup(name);
	if (!d->name) {
		free(d);
		return err_oom(err);
	}
	r = deb_ar_read(fd, &d->members, err);
	if (r < 0) {
		err_add(err, r, "%s", name);
		deb_close(d);
		return r;
	}
	*ret = d;
	return 0;
}

struct deb *deb_close(struct deb *d)
{
	if (d)
		free(d->name);
	free(d);
	return NULL;
}

/* ---- libarchive, as a decoder only ------------------------------------------------ */

static la_ssize_t tar_read(struct archive *a, void *arg, const void **ret)
{
	struct tar *t = arg;
	uint64_t n = t->end - t->at;
	int r;

	if (n > DEB_READ_BYTES)
		n = DEB_READ_BYTES;
	r = io_pread_all(t->deb->fd, t->chunk, n, t->at);
	if (r < 0) {
		archive_set_error(a, -r, "read error");
		return ARCHIVE_FATAL;
	}
	t->at += n;
	*ret = t->chunk;
	return (la_ssize_t)n;
}

static int add_filter(struct archive *a, enum deb_compression c)
{
	switch (c) {
	case DEB_PLAIN:
		return ARCHIVE_OK;
	case DEB_GZ:
		return archive_read_support_filter_gzip(a);
	case DEB_XZ:
		return archive_read_support_filter_xz(a);
	case DEB_ZST:
		return archive_read_support_filter_zstd(a);
	}
	return ARCHIVE_FATAL;
}

/* libarchive passes on what no filter recognises, and peels filters within filters. */
static bool filter_is(struct archive *a, enum deb_compression c)
{
	static const int code[] = { [DEB_PLAIN] = ARCHIVE_FILTER_NONE,
				    [DEB_GZ] = ARCHIVE_FILTER_GZIP,
				    [DEB_XZ] = ARCHIVE_FILTER_XZ,
				    [DEB_ZST] = ARCHIVE_FILTER_ZSTD };

	return archive_filter_count(a) == (c == DEB_PLAIN ? 1 : 2) &&
	       archive_filter_code(a, 0) == code[c];
}

static int tar_open(struct tar *t, const struct deb *d, const struct deb_member *m, struct err *err)
{
	*t = (struct tar){ .deb = d,
			   .at = m->offset_bytes,
			   .end = m->offset_bytes + m->size_bytes };
	t->chunk = malloc(DEB_READ_BYTES);
	t->a = archive_read_new();
	if (!t->chunk || !t->a)
		return err_oom(err);
	if (add_filter(t->a, m->compression) != ARCHIVE_OK ||
	    archive_read_support_format_tar(t->a) != ARCHIVE_OK ||
	    archive_read_open(t->a, t, NULL, tar_read, NULL) != ARCHIVE_OK)
		return err_set(err, -EBADMSG, "%s: %s: %s", d->name, m->name,
			       archive_error_string(t->a));
	if (!filter_is(t->a, m->compression))
		return err_set(err, -EBADMSG, "%s: %s is not compressed as its name says", d->name,
			       m->name);
	return 0;
}

static void tar_close(struct tar *t)
{
	if (t->a)
		archive_read_free(t->a);
	free(t->chunk);
}

/* The next entry: 0, 1 at the end, or -EBADMSG. Warnings are errors: a clean deb has none. */
static int tar_next(struct tar *t, const char *member, struct archive_entry **ret, struct err *err)
{
	int r = archive_read_next_header(t->a, ret);

	if (r == ARCHIVE_EOF)
		return 1;
	if (r != ARCHIVE_OK)
		return err_set(err, -EBADMSG, "%s: %s: %s", t->deb->name, member,
			       archive_error_string(t->a) ?: "broken");
	return 0;
}

int deb_stream_next(struct deb_stream *s, const void **ret_data, size_t *ret_len, struct err *err)
{
	const void *data;
	size_t len;
	la_int64_t offset;
	int r;

	if (s->left == 0) {
		*ret_len = 0;
		return 0;
	}
	r = archive_read_data_block(s->tar->a, &data, &len, &offset);
	if (r != ARCHIVE_OK || len == 0 || len > s->left)
		return err_set(err, -EBADMSG, "%s: %s", s->tar->deb->name,
			       r == ARCHIVE_EOF || r == ARCHIVE_OK ?
				       "a file is not as long as its header says" :
				       archive_error_string(s->tar->a));
	s->left -= len;
	s->tar->produced += len;
	if (s->tar->produced > DEB_DATA_MAX_BYTES)
		return err_set(err, -EBADMSG, "%s: unpacks to more than %llu GiB",
			       s->tar->deb->name, DEB_DATA_MAX_BYTES >> 30);
	*ret_data = data;
	*ret_len = len;
	return 0;
}

/* ---- paths ----------------------------------------------------------------------- */

int deb_normalise(const char *path, char *out, size_t out_size)
{
	size_t n = 0;

	while (*path) {
		size_t len;

		while (*path == '/')
			path++;
		len = strcspn(path, "/");
		if (len == 0)
			break;
		if (len == 2 && path[0] == '.' && path[1] == '.')
			return -EBADMSG;
		if (!(len == 1 && path[0] == '.')) {
			if (len > 255 || n + len + 2 > out_size)
				return -EBADMSG;
			if (n)
				out[n++] = '/';
			memcpy(out + n, path, len);
			n += len;
		}
		path += len;
	}
	if (n >= out_size)
		return -EBADMSG;
	out[n] = '\0';
	return 0;
}

/* ---- data.tar -------------------------------------------------------------------- */

static int entry_refuse(const struct tar *t, const char *path, const char *why, struct err *err)
{
	return err_set(err, -EBADMSG, "%s: data.tar: %.*s: %s", t->deb->name, 200, path, why);
}

static char entry_type(struct archive_entry *e)
{
	if (archive_entry_hardlink(e))
		return 'h';
	switch (archive_entry_filetype(e)) {
	case AE_IFREG:
		return 'f';
	case AE_IFDIR:
		return 'd';
	case AE_IFLNK:
		return 'l';
	}
	return 0;
}

/* Fill @ret from @e; @path and @link are buffers of DEB_PATH_MAX + 1. */
static int entry_read(struct tar *t, struct archive_entry *e, char *path, char *link,
		      struct deb_entry *ret, struct err *err)
{
	const char *raw = archive_entry_pathname(e), *target = NULL;
	la_int64_t uid = archive_entry_uid(e), gid = archive_entry_gid(e);

	if (!raw)
		return entry_refuse(t, "?", "an entry without a name", err);
	if (raw[0] == '/')
		return entry_refuse(t, raw, "an absolute path", err);
	if (deb_normalise(raw, path, DEB_PATH_MAX + 1) < 0)
		return entry_refuse(t, raw, "a path with '..' or too long", err);
	if (strchr(path, '\n'))
		return entry_refuse(t, raw, "a newline in a path", err);
	if (uid < 0 || gid < 0 || uid > DEB_ID_MAX || gid > DEB_ID_MAX)
		return entry_refuse(t, raw, "an owner outside 0..65533", err);
	*ret = (struct deb_entry){
		.path = path,
		.type = entry_type(e),
		.mode = archive_entry_perm(e) & 07777,
		.uid = (uint32_t)uid,
		.gid = (uint32_t)gid,
		.mtime_s = archive_entry_mtime(e),
		.size_bytes = 0,
	};
	if (!ret->type)
		return entry_refuse(t, raw, "a device, fifo or socket", err);
	if (!path[0] && ret->type != 'd')
		return entry_refuse(t, raw, "the root is not a directory", err);
	if (ret->type == 'l') {
		target = archive_entry_symlink(e);
		if (!target || !target[0] || strlen(target) > DEB_PATH_MAX)
			return entry_refuse(t, raw, "a link without a usable target", err);
		ret->link = target;
	}
	if (ret->type == 'h') {
		if (deb_normalise(archive_entry_hardlink(e), link, DEB_PATH_MAX + 1) < 0 ||
		    !link[0])
			return entry_refuse(t, raw, "a hard link that leaves the root", err);
		ret->link = link;
	}
	if (ret->type == 'f') {
		if (archive_entry_size(e) < 0)
			return entry_refuse(t, raw, "a negative size", err);
		ret->size_bytes = (uint64_t)archive_entry_size(e);
	}
	return 0;
}

/* libarchive names sparse files; dpkg-deb never makes them and we would misread them. */
static bool entry_is_sparse(struct archive_entry *e)
{
	return archive_entry_sparse_count(e) > 0;
}

static int data_entries(struct tar *t, deb_entry_fn *fn, void *arg, struct err *err)
{
	char path[DEB_PATH_MAX + 1], link[DEB_PATH_MAX + 1];
	struct archive_entry *e;
	struct deb_entry entry;
	uint32_t n = 0;
	int r;

	while ((r = tar_next(t, "data.tar", &e, err)) == 0) {
		struct deb_stream content = { .tar = t };

		if (++n > DEB_ENTRIES_MAX)
			return entry_refuse(t, "", "too many entries", err);
		r = entry_read(t, e, path, link, &entry, err);
		if (r < 0)
			return r;
		if (entry_is_sparse(e))
			return entry_refuse(t, path, "a sparse file", err);
		content.left = entry.size_bytes;
		r = fn(arg, &entry, &content, err);
		if (r != 0)
			return r;
	}
	return r < 0 ? r : 0;
}

int deb_data(struct deb *d, deb_entry_fn *fn, void *arg, struct err *err)
{
	struct tar t;
	int r = tar_open(&t, d, &d->members.data, err);

	if (r == 0)
		r = data_entries(&t, fn, arg, err);
	tar_close(&t);
	return r;
}

/* ---- control.tar ----------------------------------------------------------------- */

static int control_read(struct tar *t, struct archive_entry *e, struct deb_control_file *f,
			struct err *err)
{
	struct deb_stream s = { .tar = t, .left = f->len };
	const void *data;
	size_t len, at = 0;
	int r;

	f->mode = archive_entry_perm(e) & 0777;
	f->mtime_s = archive_entry_mtime(e);
	f->data = malloc(f->len + 1);
	if (!f->data)
		return err_oom(err);
	while ((r = deb_stream_next(&s, &data, &len, err)) == 0 && len) {
		memcpy(f->data + at, data, len);
		at += len;
	}
	f->data[at] = '\0';
	return r;
}

/* A control file is a plain name: "./control", nothing below, nothing else. */
static int control_add(struct tar *t, struct archive_entry *e, struct deb_control *c,
		       uint64_t *total, struct err *err)
{
	char name[DEB_PATH_MAX + 1];
	const char *raw = archive_entry_pathname(e);
	struct deb_control_file *f;
	la_int64_t size = archive_entry_size(e);

	if (!raw || raw[0] == '/' || deb_normalise(raw, name, sizeof(name)) < 0)
		return err_set(err, -EBADMSG, "%s: control.tar: a bad path", t->deb->name);
	if (!name[0] && entry_type(e) == 'd')
		return 0;
	if (entry_type(e) != 'f' || !name[0] || strchr(name, '/') || strchr(name, '\n') ||
	    deb_control_find(c, name))
		return err_set(err, -EBADMSG, "%s: control.tar: '%.100s' is not a plain file, or "
			       "is there twice", t->deb->name, name);
	if (size < 0 || (uint64_t)size > DEB_CONTROL_FILE_MAX_BYTES ||
	    (*total += (uint64_t)size) > DEB_CONTROL_MAX_BYTES || c->n >= DEB_CONTROL_FILES_MAX ||
	    entry_is_sparse(e))
		return err_set(err, -EBADMSG, "%s: control.tar: too large", t->deb->name);
	f = realloc(c->file, (c->n + 1) * sizeof(*f));
	if (!f)
		return err_oom(err);
	c->file = f;
	f = &c->file[c->n++];
	*f = (struct deb_control_file){ .name = strdup(name), .len = (size_t)size };
	return f->name ? control_read(t, e, f, err) : err_oom(err);
}

int deb_control(struct deb *d, struct deb_control *ret, struct err *err)
{
	struct deb_control c = { 0 };
	struct archive_entry *e;
	uint64_t total = 0;
	struct tar t;
	int r = tar_open(&t, d, &d->members.control, err);

	while (r == 0 && (r = tar_next(&t, "control.tar", &e, err)) == 0)
		r = control_add(&t, e, &c, &total, err);
	tar_close(&t);
	if (r == 1)
		r = deb_control_find(&c, "control") ?
			    0 :
			    err_set(err, -EBADMSG, "%s: control.tar has no control file", d->name);
	if (r < 0) {
		deb_control_done(&c);
		return r;
	}
	*ret = c;
	return 0;
}

void deb_control_done(struct deb_control *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->file[i].name);
		free(c->file[i].data);
	}
	free(c->file);
	*c = (struct deb_control){ 0 };
}

const struct deb_control_file *deb_control_find(const struct deb_control *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (!strcmp(c->file[i].name, name))
			return &c->file[i];
	return NULL;
}

/* ---- a single compressed file ------------------------------------------------------ */

static enum deb_compression compression_of(const char *name)
{
	size_t n = strlen(name);

	if (n > 3 && !strcmp(name + n - 3, ".gz"))
		return DEB_GZ;
	if (n > 3 && !strcmp(name + n - 3, ".xz"))
		return DEB_XZ;
	return n > 4 && !strcmp(name + n - 4, ".zst") ? DEB_ZST : DEB_PLAIN;
}

static int decode(struct archive *a, int fd, const char *name, size_t max_bytes, struct buf *out,
		  struct err *err)
{
	struct archive_entry *e;
	char chunk[16384];
	la_ssize_t n = 0;

	if (add_filter(a, compression_of(name)) != ARCHIVE_OK ||
	    archive_read_support_format_raw(a) != ARCHIVE_OK ||
	    archive_read_open_fd(a, fd, sizeof(chunk)) != ARCHIVE_OK ||
	    archive_read_next_header(a, &e) != ARCHIVE_OK)
		return err_set(err, -EBADMSG, "%s: %s", name, archive_error_string(a) ?: "empty");
	while ((n = archive_read_data(a, chunk, sizeof(chunk))) > 0) {
		if ((size_t)n > max_bytes - out->len)
			return err_set(err, -EFBIG, "%s: too large", name);
		buf_add(out, chunk, (size_t)n);
	}
	if (n < 0)
		return err_set(err, -EBADMSG, "%s: %s", name, archive_error_string(a));
	return buf_ok(out) ? 0 : err_oom(err);
}

int deb_decode_file(int fd, const char *file_name, size_t max_bytes, char **ret_data,
		    size_t *ret_len, struct err *err)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct archive *a = archive_read_new();
	int r;

	if (!a)
		return err_oom(err);
	r = decode(a, fd, file_name, max_bytes, &out, err);
	archive_read_free(a);
	if (r < 0)
		return r;
	*ret_len = out.len;
	*ret_data = buf_take(&out);
	return *ret_data ? 0 : err_oom(err);
}

/* See manifest.h. Text form in manifest_text.c. */
#include "builder/rootfs/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

#define MANIFEST_DEPTH_MAX 128
#define MANIFEST_ENTRIES_MAX 4000000u

struct walk {
	struct manifest m;
	size_t cap;
	char path[4096]; /* of the directory being walked */
};

static char entry_type(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return 'f';
	case S_IFDIR:
		return 'd';
	case S_IFLNK:
		return 'l';
	case S_IFCHR:
		return 'c';
	case S_IFBLK:
		return 'b';
	case S_IFIFO:
		return 'p';
	}
	return 's';
}

static int read_file(int fd, const struct stat *st, struct manifest_entry *e, struct err *err)
{
	uint64_t len;
	ssize_t n = fgetxattr(fd, "security.capability", e->caps, sizeof(e->caps));
	int r;

	if (n < 0 && errno != ENODATA && errno != EOPNOTSUPP)
		return err_errno(err, -errno, "cannot read the capabilities of /%s", e->path);
	e->caps_len = n > 0 ? (size_t)n : 0;
	r = digest_fd(fd, e->sha256, &len);
	if (r < 0)
		return err_errno(err, r, "cannot read /%s", e->path);
	if (len != (uint64_t)st->st_size)
		return err_set(err, -EAGAIN, "/%s changed while it was read", e->path);
	e->size_bytes = len;
	return 0;
}

static int read_special(int dirfd, const char *name, const struct stat *st,
			struct manifest_entry *e, struct err *err)
{
	char target[4096];
	_cleanup_close_ int fd = -1;
	ssize_t n;

	switch (e->type) {
	case 'l':
		n = readlinkat(dirfd, name, target, sizeof(target) - 1);
		if (n < 0)
			return err_errno(err, -errno, "cannot read the link /%s", e->path);
		target[n] = '\0';
		e->link = strdup(target);
		return e->link ? 0 : err_oom(err);
	case 'c':
	case 'b':
		e->rdev_major = major(st->st_rdev);
		e->rdev_minor = minor(st->st_rdev);
		return 0;
	case 'f':
		fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd < 0)
			return err_errno(err, -errno, "cannot open /%s", e->path);
		return read_file(fd, st, e, err);
	}
	return 0;
}

static int add(struct walk *w, int dirfd, const char *name, const struct stat *st, struct err *err)
{
	struct manifest_entry *e;
	struct statx sx;

	/* Not st->st_mtim: libraries that fake the clock shift what stat() says. */
	if (statx(dirfd, name, AT_SYMLINK_NOFOLLOW, STATX_MTIME, &sx) < 0)
		return err_errno(err, -errno, "cannot look at /%s", w->path);
	if (w->m.n == w->cap) {
		size_t cap = w->cap ? 2 * w->cap : 4096;

		e = cap > MANIFEST_ENTRIES_MAX ? NULL : realloc(w->m.entry, cap * sizeof(*e));
		if (!e)
			return err_oom(err);
		w->m.entry = e;
		w->cap = cap;
	}
	e = &w->m.entry[w->m.n++];
	*e = (struct manifest_entry){
		.path = strdup(w->path),
		.type = entry_type(st->st_mode),
		.mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime_s = sx.stx_mtime.tv_sec,
	};
	return e->path ? read_special(dirfd, name, st, e, err) : err_oom(err);
}

static int walk_dir(struct walk *w, int dirfd, int depth, struct err *err)
{
	size_t len = strlen(w->path);
	DIR *d = fdopendir(dirfd);
	struct dirent *de;
	int r = 0;

	if (!d || depth > MANIFEST_DEPTH_MAX) {
		d ? closedir(d) : close(dirfd);
		return d ? err_set(err, -ELOOP, "/%s: too deep", w->path) : err_oom(err);
	}
	while (r == 0 && (de = readdir(d))) {
		struct stat st;
		size_t n = strlen(de->d_name);

		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		if (len + n + 2 > sizeof(w->path)) {
			r = err_set(err, -ENAMETOOLONG, "/%s: too long a path", w->path);
			break;
		}
		if (len)
			w->path[len] = '/';
		memcpy(w->path + len + (len > 0), de->d_name, n + 1);
		if (fstatat(dirfd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			r = err_errno(err, -errno, "cannot look at /%s", w->path);
		else
			r = add(w, dirfd, de->d_name, &st, err);
		if (r == 0 && S_ISDIR(st.st_mode)) {
			int sub = openat(dirfd, de->d_name,
					 O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			r = sub < 0 ? err_errno(err, -errno, "cannot open /%s", w->path) :
				      walk_dir(w, sub, depth + 1, err);
		}
		w->path[len] = '\0';
	}
	closedir(d);
	return r;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct manifest_entry *)a)->path,
		      ((const struct manifest_entry *)b)->path);
}

int manifest_walk(const char *root, struct manifest *ret, struct err *err)
{
	struct walk *w = calloc(1, sizeof(*w));
	struct stat st;
	int r = 0, fd;

	if (!w)
		return err_oom(err);
	fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		r = err_errno(err, -errno, "cannot open %s", root);
	if (r == 0)
		r = add(w, fd, ".", &st, err);
	if (r == 0)
		r = walk_dir(w, TAKE_FD(fd), 0, err);
	if (fd >= 0)
		close(fd);
	if (r < 0) {
		manifest_done(&w->m);
	} else {
		qsort(w->m.entry, w->m.n, sizeof(*w->m.entry), by_path);
		*ret = w->m;
	}
	free(w);
	return r;
}

void manifest_done(struct manifest *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->entry[i].path);
		free(m->entry[i].link);
	}
	free(m->entry);
	*m = (struct manifest){ 0 };
}

const struct manifest_entry *manifest_find(const struct manifest *m, const char *path)
{
	const struct manifest_entry key = { .path = (char *)path };

	return m->n ? bsearch(&key, m->entry, m->n, sizeof(key), by_path) : NULL;
}

/* ---- comparing --------------------------------------------------------------------- */

static void difference(const struct manifest_entry *a, const struct manifest_entry *b,
		       struct buf *out)
{
	buf_addf(out, "/%s", a->path);
	if (a->type != b->type)
		buf_addf(out, " type %c -> %c", a->type, b->type);
	if (a->mode != b->mode)
		buf_addf(out, " mode %04o -> %04o", a->mode, b->mode);
	if (a->uid != b->uid || a->gid != b->gid)
		buf_addf(out, " owner %u:%u -> %u:%u", a->uid, a->gid, b->uid, b->gid);
	if (a->size_bytes != b->size_bytes)
		buf_addf(out, " size %llu -> %llu", (unsigned long long)a->size_bytes,
			 (unsigned long long)b->size_bytes);
	else if (memcmp(a->sha256, b->sha256, sizeof(a->sha256)))
		buf_adds(out, " content differs");
	if (strcmp(a->link ?: "", b->link ?: ""))
		buf_addf(out, " link '%s' -> '%s'", a->link ?: "", b->link ?: "");
	if (a->rdev_major != b->rdev_major || a->rdev_minor != b->rdev_minor)
		buf_addf(out, " device %u:%u -> %u:%u", a->rdev_major, a->rdev_minor,
			 b->rdev_major, b->rdev_minor);
	if (a->caps_len != b->caps_len || memcmp(a->caps, b->caps, a->caps_len))
		buf_adds(out, " capabilities differ");
	if (a->mtime_s != b->mtime_s)
		buf_addf(out, " mtime %lld -> %lld", (long long)a->mtime_s, (long long)b->mtime_s);
	buf_addc(out, '\n');
}

static bool same(const struct manifest_entry *a, const struct manifest_entry *b)
{
	return a->type == b->type && a->mode == b->mode && a->uid == b->uid && a->gid == b->gid &&
	       a->size_bytes == b->size_bytes && a->mtime_s == b->mtime_s &&
	       !memcmp(a->sha256, b->sha256, sizeof(a->sha256)) &&
	       !strcmp(a->link ?: "", b->link ?: "") && a->rdev_major == b->rdev_major &&
	       a->rdev_minor == b->rdev_minor && a->caps_len == b->caps_len &&
	       !memcmp(a->caps, b->caps, a->caps_len);
}

size_t manifest_compare(const struct manifest *a, const struct manifest *b, size_t max_lines,
			struct buf *out)
{
	size_t i = 0, k = 0, differ = 0;

	while (i < a->n || k < b->n) {
		int c = i == a->n ? 1 : k == b->n ? -1 : strcmp(a->entry[i].path, b->entry[k].path);

		if (c == 0 && same(&a->entry[i], &b->entry[k])) {
			i++;
			k++;
			continue;
		}
		if (differ++ < max_lines) {
			if (c < 0)
				buf_addf(out, "-/%s missing\n", a->entry[i].path);
			else if (c > 0)
				buf_addf(out, "+/%s extra\n", b->entry[k].path);
			else
				difference(&a->entry[i], &b->entry[k], out);
		}
		i += c <= 0;
		k += c >= 0;
	}
	return differ;
}

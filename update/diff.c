/* See diff.h. */
#include "update/diff.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/path.h"

#define ITEMS_MAX 100000u
#define NAMES_MAX 1000000u
#define DEPTH_MAX 64
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define CHUNK_BYTES 65536

struct walk {
	const struct kept *kept;
	struct diff diff;
	size_t room;
	char path[PATH_MAX]; /* of what is being compared */
	struct err *err;
};

/* One name in two directories; a directory that is not there has fd -1. */
struct pair {
	int image, live;
	const char *name;
};

static int failed(struct walk *w, int r)
{
	return err_errno(w->err, r, "cannot compare %s", w->path);
}

static int add(struct walk *w, struct diff_item item)
{
	if (w->diff.n == ITEMS_MAX)
		return err_set(w->err, -E2BIG, "more than %u differences", ITEMS_MAX);
	if (w->diff.n == w->room) {
		size_t room = w->room ? 2 * w->room : 64;
		struct diff_item *more = reallocarray(w->diff.item, room, sizeof(*more));

		if (!more)
			return err_oom(w->err);
		w->diff.item = more;
		w->room = room;
	}
	item.path = strdup(w->path);
	if (!item.path)
		return err_oom(w->err);
	item.kept = kept_has(w->kept, w->path);
	w->diff.item[w->diff.n++] = item;
	return 0;
}

/* ---- the names in a directory ---- */

struct names {
	char **name;
	size_t n, room;
};

static void names_done(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->name[i]);
	free(names->name);
}

static int names_add(struct names *names, const char *name)
{
	if (names->n == NAMES_MAX)
		return -E2BIG;
	if (names->n == names->room) {
		size_t room = names->room ? 2 * names->room : 64;
		char **more = reallocarray(names->name, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		names->name = more;
		names->room = room;
	}
	names->name[names->n] = strdup(name);
	if (!names->name[names->n])
		return -ENOMEM;
	names->n++;
	return 0;
}

static int names_read(struct names *names, int dir)
{
	int fd = openat(dir, ".", DIR_FLAGS), r = 0;
	_cleanup_closedir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	errno = 0;
	while (r == 0 && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = names_add(names, e->d_name);
		errno = 0;
	}
	return r ? r : -errno;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* ---- comparing ---- */

static ssize_t read_full(int fd, char *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(fd, data + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static int files_differ(const struct pair *p, bool *ret)
{
	_cleanup_close_ int image =
		openat(p->image, p->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	_cleanup_close_ int live =
		openat(p->live, p->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	static char a[CHUNK_BYTES], b[CHUNK_BYTES];
	ssize_t n, m;

	if (image < 0 || live < 0)
		return -errno;
	do {
		n = read_full(image, a, sizeof(a));
		m = read_full(live, b, sizeof(b));
		if (n < 0 || m < 0)
			return (int)(n < 0 ? n : m);
		*ret = n != m || memcmp(a, b, (size_t)n) != 0;
	} while (!*ret && n > 0);
	return 0;
}

static int links_differ(const struct pair *p, bool *ret)
{
	char a[PATH_MAX], b[PATH_MAX];
	ssize_t n = readlinkat(p->image, p->name, a, sizeof(a));
	ssize_t m = readlinkat(p->live, p->name, b, sizeof(b));

	if (n < 0 || m < 0)
		return -errno;
	*ret = n != m || memcmp(a, b, (size_t)n) != 0;
	return 0;
}

static int contents_differ(const struct pair *p, const struct stat *a, const struct stat *b,
			   bool *ret)
{
	if (S_ISREG(a->st_mode)) {
		*ret = a->st_size != b->st_size;
		return *ret ? 0 : files_differ(p, ret);
	}
	if (S_ISLNK(a->st_mode))
		return links_differ(p, ret);
	*ret = (S_ISCHR(a->st_mode) || S_ISBLK(a->st_mode)) && a->st_rdev != b->st_rdev;
	return 0;
}

static int compare(struct walk *w, const struct pair *p, unsigned depth);

/* Both are directories. */
static int compare_below(struct walk *w, const struct pair *p, unsigned depth)
{
	_cleanup_close_ int image = openat(p->image, p->name, DIR_FLAGS);
	_cleanup_close_ int live = openat(p->live, p->name, DIR_FLAGS);
	_cleanup_(names_done) struct names names = { 0 };
	size_t len = strlen(w->path);
	int r;

	if (image < 0 || live < 0)
		return failed(w, -errno);
	r = names_read(&names, image);
	r = r ?: names_read(&names, live);
	if (r)
		return failed(w, r);
	if (names.n)
		qsort(names.name, names.n, sizeof(*names.name), by_name);
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		if (i && strcmp(names.name[i], names.name[i - 1]) == 0)
			continue;
		if (len + 1 + strlen(names.name[i]) >= sizeof(w->path))
			return failed(w, -ENAMETOOLONG);
		w->path[len] = '/';
		memcpy(w->path + len + 1, names.name[i], strlen(names.name[i]) + 1);
		r = compare(w, &(struct pair){ image, live, names.name[i] }, depth + 1);
		w->path[len] = '\0';
	}
	return r;
}

/* False with *ret_r when it is not there for another reason than that. */
static bool look(int dir, const char *name, struct stat *ret, int *ret_r)
{
	*ret_r = 0;
	if (dir >= 0 && fstatat(dir, name, ret, AT_SYMLINK_NOFOLLOW) == 0)
		return true;
	if (dir >= 0 && errno != ENOENT)
		*ret_r = -errno;
	return false;
}

static int compare(struct walk *w, const struct pair *p, unsigned depth)
{
	struct stat a, b;
	int ra, rb;
	bool in_image = look(p->image, p->name, &a, &ra), in_live = look(p->live, p->name, &b, &rb);
	struct diff_item item = { .kind = DIFF_MODIFIED };
	int r = ra ? ra : rb;

	if (r == 0 && depth > DEPTH_MAX)
		r = -ELOOP;
	if (r)
		return failed(w, r);
	if (!in_image && !in_live)
		return 0;
	item.directory = S_ISDIR(in_live ? b.st_mode : a.st_mode);
	if (!in_image || !in_live) {
		item.kind = in_live ? DIFF_ADDED : DIFF_DELETED;
		return add(w, item);
	}
	if ((a.st_mode & S_IFMT) != (b.st_mode & S_IFMT)) {
		item.kind = DIFF_TYPE;
		return add(w, item);
	}
	r = contents_differ(p, &a, &b, &item.content);
	if (r)
		return failed(w, r);
	item.mode = (a.st_mode & 07777) != (b.st_mode & 07777) && !S_ISLNK(a.st_mode);
	item.owner = a.st_uid != b.st_uid || a.st_gid != b.st_gid;
	if (item.content || item.mode || item.owner)
		r = add(w, item);
	return r == 0 && item.directory ? compare_below(w, p, depth) : r;
}

/* Compare the absolute @path; links on the way to it are followed inside each root. */
static int compare_path(struct walk *w, int image, int live, const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	_cleanup_free_ char *dir = strndup(path, (size_t)(name - path));
	_cleanup_close_ int in_image = -1, in_live = -1;

	if (!dir || (size_t)snprintf(w->path, sizeof(w->path), "%s", path) >= sizeof(w->path))
		return dir ? failed(w, -ENAMETOOLONG) : err_oom(w->err);
	in_image = path_open_in_root(image, dir, O_RDONLY | O_DIRECTORY, 0);
	in_live = path_open_in_root(live, dir, O_RDONLY | O_DIRECTORY, 0);
	if ((in_image < 0 && in_image != -ENOENT) || (in_live < 0 && in_live != -ENOENT))
		return failed(w, in_image < 0 && in_image != -ENOENT ? in_image : in_live);
	return compare(w, &(struct pair){ in_image, in_live, name }, 0);
}

int diff_roots(int image, int live, const struct kept *kept, struct diff *ret, struct err *err)
{
	struct walk w = { .kept = kept, .err = err };
	const struct kept etc = { .n = 1, .path = (char *[]){ (char *)"/etc" } };
	int r = compare_path(&w, image, live, "/etc");

	for (size_t i = 0; r == 0 && i < kept->n; i++)
		if (!kept_has(&etc, kept->path[i]))
			r = compare_path(&w, image, live, kept->path[i]);
	if (r)
		diff_done(&w.diff);
	else
		*ret = w.diff;
	return r;
}

void diff_done(struct diff *diff)
{
	for (size_t i = 0; i < diff->n; i++)
		free(diff->item[i].path);
	free(diff->item);
	*diff = (struct diff){ 0 };
}

/* See lookup.h. */
#include "builder/recipe/lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/recipe/recipe.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"

#define LINK_MAX_BYTES 4096

/* Where the file behind @fd really is; NULL with errno. */
static char *fd_path(int fd)
{
	char name[64], target[LINK_MAX_BYTES];
	ssize_t n;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	n = readlink(name, target, sizeof(target));
	if (n < 0)
		return NULL;
	if (n == sizeof(target)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	return strndup(target, (size_t)n);
}

/* Open the file behind an O_PATH fd for reading. */
static int reopen(int fd)
{
	char name[64];
	int r;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	r = open(name, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	return r < 0 ? -errno : r;
}

static const char *refused_kind(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return NULL;
	case S_IFDIR:
		return "is a folder, not a file";
	case S_IFIFO:
		return "is a pipe, not a file";
	case S_IFSOCK:
		return "is a socket, not a file";
	default:
		return "is a device, not a file";
	}
}

/* Look beneath one folder. */
static int find_in(const char *dir, const char *name, int *ret_fd, char **ret_path,
		   const char **ret_why)
{
	_cleanup_close_ int dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (dirfd < 0)
		return -errno;
	fd = path_open_beneath(dirfd, name, O_PATH, 0);
	if (fd == -EXDEV) {
		*ret_why = "leaves the recipe's folder";
		return -EINVAL;
	}
	if (fd == -ELOOP) {
		*ret_why = "goes in circles of symbolic links";
		return -EINVAL;
	}
	if (fd == -ENOTDIR)
		return -ENOENT;
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	*ret_why = refused_kind(st.st_mode);
	if (*ret_why)
		return -EINVAL;
	*ret_path = fd_path(fd);
	if (!*ret_path)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int lookup_find(const struct source *src, const char *shipped_dir, const char *name, int *ret_fd,
		char **ret_path, const char **ret_why)
{
	int r = -ENOENT;

	if (name[0] == '/') {
		*ret_why = "is absolute; name a file below the recipe's folder";
		return -EINVAL;
	}
	if (src->dir)
		r = find_in(src->dir, name, ret_fd, ret_path, ret_why);
	if (r == -ENOENT && shipped_dir)
		r = find_in(shipped_dir, name, ret_fd, ret_path, ret_why);
	return r;
}

const char *lookup_reason(int rc)
{
	if (rc == -ENOENT)
		return "is not there, neither beside this recipe nor among kiln's own";
	return strerror(-rc);
}

static struct source *source_at(int fd, const char *path, char *name)
{
	struct source *s = calloc(1, sizeof(*s));
	const char *slash = strrchr(path, '/');
	struct stat st;

	if (!s || !name || fstat(fd, &st) < 0 || !slash) {
		free(s);
		free(name);
		return NULL;
	}
	s->name = name;
	s->dir = slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	return s->dir ? s : source_free(s);
}

struct source *lookup_source(int fd, const char *path, const char *name,
			     const struct source *includer)
{
	const char *slash = strrchr(includer->name, '/');
	int n = slash ? (int)(slash - includer->name + 1) : 0;
	size_t dir_len = includer->dir ? strlen(includer->dir) : 0;
	/* Beneath the includer it is named like it; from kiln's own folder by its path. */
	bool beside = includer->dir && !strncmp(path, includer->dir, dir_len) &&
		      path[dir_len] == '/';

	return source_at(fd, path, beside ? str_printf("%.*s%s", n, includer->name, name) :
					    strdup(path));
}

int lookup_top(const char *path, struct source **ret, int *ret_fd, struct err *err)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_CLOEXEC);
	_cleanup_free_ char *real = NULL;
	struct stat st;
	const char *why;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, -errno, "%s", path);
	why = refused_kind(st.st_mode);
	if (why)
		return err_set(err, -EINVAL, "%s: %s", path, why);
	real = fd_path(fd);
	if (!real)
		return err_errno(err, -errno, "%s", path);
	*ret = source_at(fd, real, strdup(path));
	if (!*ret)
		return err_oom(err);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int lookup_text(struct source *s, int fd)
{
	_cleanup_close_ int in = reopen(fd);
	uint64_t size;
	int r;

	if (in < 0)
		return in;
	r = io_size(in, &size);
	if (r < 0)
		return r;
	if (size > RECIPE_FILE_MAX_BYTES)
		return -EFBIG;
	s->data = malloc(size + 1);
	if (!s->data)
		return -ENOMEM;
	r = io_read_all(in, s->data, size);
	if (r < 0)
		return r;
	s->data[size] = '\0';
	s->len = size;
	return 0;
}

/* A PEM or PGP header that says private key, at the beginning of the line of @len bytes. */
static bool begins_private_key(const char *line, size_t len)
{
	static const char begin[] = "-----BEGIN ", word[] = "PRIVATE KEY";

	if (len < sizeof(begin) - 1 || memcmp(line, begin, sizeof(begin) - 1))
		return false;
	return memmem(line, len < 80 ? len : 80, word, sizeof(word) - 1);
}

bool lookup_text_private_key(const char *data, size_t len)
{
	const char *end = data + len;

	for (const char *p = data; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));

		while (p < end && (*p == ' ' || *p == '\t'))
			p++;
		if (begins_private_key(p, (size_t)((nl ? nl : end) - p)))
			return true;
		if (!nl)
			break;
		p = nl + 1;
	}
	return false;
}

int lookup_private_key(int fd)
{
	_cleanup_close_ int in = reopen(fd);
	uint64_t size;
	void *map;
	int r;

	if (in < 0)
		return in;
	r = io_size(in, &size);
	if (r < 0 || !size)
		return r;
	map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, in, 0);
	if (map == MAP_FAILED)
		return -errno;
	r = lookup_text_private_key(map, size);
	munmap(map, size);
	return r;
}

char *lookup_shipped(void)
{
	static const char *const places[] = { "recipes", "../lib/kiln/recipes" };
	char exe[LINK_MAX_BYTES];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n <= 0)
		return NULL;
	exe[n] = '\0';
	*strrchr(exe, '/') = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		_cleanup_free_ char *dir = path_join(exe, places[i]);
		char *real = dir ? realpath(dir, NULL) : NULL;

		if (real)
			return real;
	}
	return NULL;
}

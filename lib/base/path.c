/* See path.h. */
#include "lib/base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"

/* Deeper trees than this are not ours; the recursion stays within the stack. */
#define PATH_DEPTH_MAX 512

char *path_join(const char *dir, const char *name)
{
	size_t n = strlen(dir);

	while (*name == '/')
		name++;
	return str_printf("%s%s%s", dir, n && dir[n - 1] == '/' ? "" : "/", name);
}

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int path_mkdirs(const char *path)
{
	_cleanup_free_ char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	for (char *p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	if (mkdir(copy, 0755) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

static int remove_tree(int dirfd, const char *name, int depth)
{
	_cleanup_closedir_ DIR *d = NULL;
	int fd;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM && errno != ENOTEMPTY)
		return -errno;
	if (depth > PATH_DEPTH_MAX)
		return -ELOOP;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	d = fdopendir(fd);
	if (!d) {
		close(fd);
		return -ENOMEM;
	}
	for (;;) {
		struct dirent *e = readdir(d);
		int r;

		if (!e)
			break;
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		r = remove_tree(fd, e->d_name, depth + 1);
		if (r < 0)
			return r;
	}
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

int path_remove_tree_at(int dirfd, const char *name)
{
	return remove_tree(dirfd, name, 0);
}

int path_remove_tree(const char *path)
{
	return remove_tree(AT_FDCWD, path, 0);
}

static int open2(int dirfd, const char *name, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.mode = flags & (O_CREAT | __O_TMPFILE) ? mode : 0,
		.resolve = resolve | RESOLVE_NO_MAGICLINKS,
	};

	for (;;) {
		long fd = syscall(SYS_openat2, dirfd, name, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		/* The kernel asks for a retry when a rename raced with the lookup. */
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
}

int path_open_beneath(int dirfd, const char *name, int flags, mode_t mode)
{
	return open2(dirfd, name, flags, mode, RESOLVE_BENEATH);
}

int path_open_in_root(int dirfd, const char *name, int flags, mode_t mode)
{
	return open2(dirfd, name, flags, mode, RESOLVE_IN_ROOT);
}

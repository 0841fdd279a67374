/* See atomic_file.h: data is durable before the name points at it. */
#include "lib/base/atomic_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"

int atomic_file_open(struct atomic_file *f, const char *path, mode_t mode, struct err *err)
{
	const char *base = path_base(path);

	*f = ATOMIC_FILE_INIT;
	f->path = strdup(path);
	f->tmp = str_printf("%.*s.%s.XXXXXX", (int)(base - path), path, base);
	if (!f->path || !f->tmp) {
		atomic_file_abort(f);
		return err_oom(err);
	}
	f->fd = mkostemp(f->tmp, O_CLOEXEC);
	if (f->fd < 0) {
		int r = -errno;

		free(f->tmp);
		f->tmp = NULL;
		atomic_file_abort(f);
		return err_errno(err, r, "cannot create %s", path);
	}
	if (fchmod(f->fd, mode) < 0) {
		int r = -errno;

		atomic_file_abort(f);
		return err_errno(err, r, "cannot set the mode of %s", path);
	}
	return 0;
}

int atomic_sync_parent(const char *path)
{
	_cleanup_free_ char *copy = strdup(path);
	_cleanup_close_ int fd = -1;

	if (!copy)
		return -ENOMEM;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

int atomic_file_commit(struct atomic_file *f, struct err *err)
{
	int r;

	if (fsync(f->fd) < 0)
		return err_errno(err, -errno, "cannot flush %s", f->path);
	if (rename(f->tmp, f->path) < 0)
		return err_errno(err, -errno, "cannot rename onto %s", f->path);
	free(f->tmp);
	f->tmp = NULL;
	r = atomic_sync_parent(f->path);
	if (r < 0)
		return err_errno(err, r, "cannot flush the directory of %s", f->path);
	return 0;
}

void atomic_file_abort(struct atomic_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	if (f->tmp)
		unlink(f->tmp);
	free(f->tmp);
	free(f->path);
	*f = ATOMIC_FILE_INIT;
}

int atomic_file_write(const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
	struct atomic_file f = ATOMIC_FILE_INIT;
	int r = atomic_file_open(&f, path, mode, err);

	if (r < 0)
		return r;
	r = io_write_all(f.fd, data, len);
	if (r < 0)
		err_errno(err, r, "cannot write %s", path);
	else
		r = atomic_file_commit(&f, err);
	atomic_file_abort(&f);
	return r;
}

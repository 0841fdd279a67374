/*
 * See publish.h. The staging directory has a fixed name and is locked through its
 * own fd: a killed build leaves it unlocked, and the next one takes it over empty.
 */
#include "builder/publish/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/publish/staging.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "lib/core/version.h"

#define STEM_MAX 200 /* leaves room for ".manifest.json" in a file name of 255 */
#define OPEN_TRIES 8
#define BUSY_PAUSE_US 50000

/* A word that can stand in a file name and on a command line. */
static bool word_ok(const char *word)
{
	return version_valid(word, true) && word[0] != '-';
}

static int make_names(struct publish *p, const char *out_dir, const char *name,
		      const char *version, const char *arch, struct err *err)
{
	if (!word_ok(name) || !word_ok(version) || !word_ok(arch))
		return err_set(err, -EINVAL, "'%s', '%s', '%s' cannot name an artefact", name,
			       version, arch);
	p->out_dir = strdup(out_dir);
	p->stem = str_printf("%s_%s_%s", name, version, arch);
	p->name = strdup(name);
	p->version = strdup(version);
	p->arch = strdup(arch);
	if (!p->out_dir || !p->stem || !p->name || !p->version || !p->arch)
		return err_oom(err);
	if (strlen(p->stem) > STEM_MAX)
		return err_set(err, -EINVAL, "'%s' is too long for an artefact name", p->stem);
	p->final = str_printf("%s/%s", out_dir, p->stem);
	p->staging = str_printf("%s/.%s.new", out_dir, p->stem);
	p->aside = str_printf("%s/.%s.old", out_dir, p->stem);
	return p->final && p->staging && p->aside ? 0 : err_oom(err);
}

/*
 * Lock the staging directory. 1: try again; it was renamed or removed meanwhile, or is held by
 * another build or, for a moment, by one that sweeps.
 */
static int lock_staging(struct publish *p, struct err *err)
{
	_cleanup_close_ int fd = -1;
	struct stat held, named;

	if (mkdir(p->staging, 0755) < 0 && errno != EEXIST)
		return err_errno(err, -errno, "%s", p->staging);
	fd = open(p->staging, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 1 : err_errno(err, -errno, "%s", p->staging);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return err_errno(err, -errno, "%s", p->staging);
		usleep(BUSY_PAUSE_US);
		return 1;
	}
	if (fstat(fd, &held) < 0 || stat(p->staging, &named) < 0 || held.st_ino != named.st_ino)
		return 1;
	p->staging_fd = TAKE_FD(fd);
	return 0;
}

static int empty_staging(struct publish *p, struct err *err)
{
	_cleanup_close_ int copy = openat(p->staging_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;

	if (!d)
		return err_errno(err, -errno, "%s", p->staging);
	TAKE_FD(copy);
	while ((e = readdir(d))) {
		int r;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		r = path_remove_tree_at(p->staging_fd, e->d_name);
		if (r < 0)
			return err_errno(err, r, "%s/%s", p->staging, e->d_name);
	}
	return 0;
}

/* "NAME.new" of another image: remove it if no build holds it, that is, one was killed. */
static void sweep_one(int out_fd, const char *name)
{
	_cleanup_close_ int fd = openat(out_fd, name,
					O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat held, named;

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	/* Held while it is removed: a build that opens it meanwhile finds another inode. */
	if (fstat(fd, &held) == 0 && fstatat(out_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	    held.st_ino == named.st_ino)
		path_remove_tree_at(out_fd, name);
}

/* What killed builds of other versions left behind takes space that nobody would look for. */
static void sweep_stale(const struct publish *p)
{
	_cleanup_close_ int fd = open(p->out_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d)
		return;
	TAKE_FD(fd);
	while ((e = readdir(d))) {
		size_t len = strlen(e->d_name);

		if (len > 5 && e->d_name[0] == '.' && !strcmp(e->d_name + len - 4, ".new") &&
		    strcmp(e->d_name, path_base(p->staging)) != 0)
			sweep_one(dirfd(d), e->d_name);
	}
}

/* Where exchange is missing, a kill may have left the old set aside: put it back. */
static int recover_aside(struct publish *p, struct err *err)
{
	if (access(p->aside, F_OK) < 0)
		return 0;
	if (access(p->final, F_OK) == 0)
		path_remove_tree(p->aside);
	else if (rename(p->aside, p->final) < 0)
		return err_errno(err, -errno, "%s", p->aside);
	return 0;
}

int publish_open(struct publish **ret, const char *out_dir, const char *name, const char *version,
		 const char *arch, struct err *err)
{
	struct publish *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return err_oom(err);
	p->staging_fd = -1;
	r = make_names(p, out_dir, name, version, arch, err);
	if (r == 0) {
		r = path_mkdirs(out_dir);
		if (r < 0)
			err_errno(err, r, "%s", out_dir);
	}
	if (r == 0) {
		r = 1;
		for (unsigned i = 0; r == 1 && i < OPEN_TRIES; i++)
			r = lock_staging(p, err);
		if (r == 1)
			r = err_set(err, -EBUSY, "another build of %s is writing to %s", p->stem,
				    p->out_dir);
	}
	if (r == 0)
		r = empty_staging(p, err);
	if (r == 0)
		r = recover_aside(p, err);
	if (r < 0) {
		publish_free(p);
		return r;
	}
	sweep_stale(p);
	*ret = p;
	return 0;
}

const char *publish_stem(const struct publish *p)
{
	return p->stem;
}

const char *publish_path(struct publish *p, const char *suffix)
{
	for (size_t i = 0; i < p->n_paths; i++)
		if (!strcmp(p->suffix[i], suffix))
			return p->path[i];
	if (p->n_paths == PUBLISH_FILES_MAX)
		return NULL;
	p->suffix[p->n_paths] = strdup(suffix);
	p->path[p->n_paths] = str_printf("%s/%s.%s", p->staging, p->stem, suffix);
	if (!p->suffix[p->n_paths] || !p->path[p->n_paths]) {
		free(p->suffix[p->n_paths]);
		free(p->path[p->n_paths]);
		return NULL;
	}
	return p->path[p->n_paths++];
}

int publish_write(struct publish *p, const char *suffix, const void *data, size_t len,
		  struct err *err)
{
	const char *path = publish_path(p, suffix);
	_cleanup_close_ int fd = -1;
	int r;

	if (!path)
		return err_oom(err);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	r = fd < 0 ? -errno : io_write_all(fd, data, len);
	return r < 0 ? err_errno(err, r, "%s", path) : 0;
}

int publish_copy(struct publish *p, const char *suffix, const char *source, struct err *err)
{
	const char *path = publish_path(p, suffix);
	_cleanup_close_ int in = -1, out = -1;
	uint64_t bytes;
	int r;

	if (!path)
		return err_oom(err);
	in = open(source, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return err_errno(err, -errno, "%s", source);
	r = io_size(in, &bytes);
	if (r < 0)
		return err_errno(err, r, "%s", source);
	out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	r = out < 0 || ftruncate(out, (off_t)bytes) < 0 ? -errno :
							  io_copy_sparse(in, 0, out, 0, bytes);
	return r < 0 ? err_errno(err, r, "%s", path) : 0;
}

/* Everything a reader will see is on the disk before its name is. */
static int sync_staging(struct publish *p, struct err *err)
{
	const struct staged_list *files = &p->hashed;

	for (size_t i = 0; i < files->n; i++) {
		_cleanup_close_ int fd = openat(p->staging_fd, files->item[i].name,
						O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0 || fchmod(fd, 0644) < 0 || fsync(fd) < 0)
			return err_errno(err, -errno, "%s/%s", p->staging, files->item[i].name);
	}
	return fsync(p->staging_fd) < 0 ? err_errno(err, -errno, "%s", p->staging) : 0;
}

static int put_in_place(struct publish *p, struct err *err)
{
	if (renameat2(AT_FDCWD, p->staging, AT_FDCWD, p->final, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno == EEXIST || errno == ENOTEMPTY) {
		if (renameat2(AT_FDCWD, p->staging, AT_FDCWD, p->final, RENAME_EXCHANGE) == 0)
			return 0;
	}
	if (errno != EINVAL && errno != ENOSYS)
		return err_errno(err, -errno, "%s", p->final);
	/* A file system without exchange: step the old set aside; publish_open() steps it back. */
	if (rename(p->final, p->aside) < 0 && errno != ENOENT)
		return err_errno(err, -errno, "%s", p->final);
	if (rename(p->staging, p->final) < 0) {
		int r = -errno;

		rename(p->aside, p->final);
		return err_errno(err, r, "%s", p->final);
	}
	path_remove_tree(p->aside);
	return 0;
}

int publish_commit(struct publish *p, const char **ret_dir, struct err *err)
{
	_cleanup_close_ int out_fd = -1;
	int r;

	r = staged_sums(p, err);
	if (r == 0)
		r = sync_staging(p, err);
	if (r == 0)
		r = put_in_place(p, err);
	if (r < 0)
		return r;
	p->committed = true;
	out_fd = open(p->out_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (out_fd < 0 || fsync(out_fd) < 0)
		return err_errno(err, -errno, "%s", p->out_dir);
	/* After an exchange the old set has the staging name. */
	path_remove_tree(p->staging);
	if (ret_dir)
		*ret_dir = p->final;
	return 0;
}

struct publish *publish_free(struct publish *p)
{
	if (!p)
		return NULL;
	if (p->staging_fd >= 0) {
		if (!p->committed)
			path_remove_tree(p->staging);
		close(p->staging_fd);
	}
	for (size_t i = 0; i < p->n_paths; i++) {
		free(p->suffix[i]);
		free(p->path[i]);
	}
	staged_done(&p->hashed);
	free(p->out_dir);
	free(p->stem);
	free(p->name);
	free(p->version);
	free(p->arch);
	free(p->final);
	free(p->staging);
	free(p->aside);
	free(p);
	return NULL;
}

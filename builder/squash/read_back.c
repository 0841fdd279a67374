/*
 * squash_read_back() of squash.h: sqfs2tar decodes the image, libarchive reads
 * its tar, the entries become a manifest, two manifests are compared.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "builder/rootfs/manifest.h"
#include "builder/squash/squash.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"

#define READ_BYTES (256u << 10)
#define ENTRIES_MAX (4u << 20)
#define DIFFERENCES_SHOWN 5

extern char **environ;

struct reader {
	struct archive *archive;
	struct digest *digest;
	struct manifest got;
	size_t cap;
	char *block; /* READ_BYTES */
};

static void reader_done(struct reader *rd)
{
	if (rd->archive)
		archive_read_free(rd->archive);
	digest_free(rd->digest);
	manifest_done(&rd->got);
	free(rd->block);
}

/* Start sqfs2tar with its words in @errs_fd; *ret_fd is its tar. */
static int spawn_decoder(const char *image, int errs_fd, pid_t *ret_pid, int *ret_fd,
			 struct err *err)
{
	char *argv[] = { "sqfs2tar", "--root-becomes", ".", "--no-skip", (char *)image, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t pipe_signal;
	int p[2], r;

	if (pipe2(p, O_CLOEXEC) < 0)
		return err_errno(err, -errno, "sqfs2tar");
	fcntl(p[0], F_SETPIPE_SZ, 1 << 20);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, p[1], 1);
	posix_spawn_file_actions_adddup2(&actions, errs_fd, 2);
	/* A decoder we no longer listen to is to die of SIGPIPE, not to complain. */
	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigdefault(&attr, &pipe_signal);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	r = posix_spawnp(ret_pid, argv[0], &actions, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	close(p[1]);
	if (r) {
		close(p[0]);
		return r == ENOENT ? err_set(err, -ENOENT, "the program 'sqfs2tar' is not "
							   "installed: install the package "
							   "squashfs-tools-ng") :
				     err_errno(err, -r, "cannot run sqfs2tar");
	}
	*ret_fd = p[0];
	return 0;
}

/* 0; -EPIPE: it ended because nobody listened; -EBADMSG: it failed, in its own words. */
static int wait_decoder(pid_t pid, int errs_fd, struct err *err)
{
	char said[1000] = "";
	ssize_t n;
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(err, -errno, "sqfs2tar");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE)
		return err_set(err, -EPIPE, "sqfs2tar was cut short");
	n = pread(errs_fd, said, sizeof(said) - 1, 0);
	while (n > 0 && said[n - 1] == '\n')
		said[--n] = '\0';
	return err_set(err, -EBADMSG, "sqfs2tar failed: %s", n > 0 ? said : "it said nothing");
}

/* The name's bytes; libarchive has no locale form of a UTF-8 name when ours is "C". */
static const char *name_of(const char *locale_form, const char *utf8_form)
{
	return locale_form ? locale_form : utf8_form;
}

/* "./usr/bin" as "usr/bin", "." as "". */
static const char *plain_path(const char *path)
{
	if (path[0] == '.' && path[1] == '/')
		path += 2;
	return !strcmp(path, ".") ? "" : path;
}

static char type_of(struct archive_entry *e)
{
	switch (archive_entry_filetype(e)) {
	case AE_IFREG: return 'f';
	case AE_IFDIR: return 'd';
	case AE_IFLNK: return 'l';
	case AE_IFCHR: return 'c';
	case AE_IFBLK: return 'b';
	case AE_IFIFO: return 'p';
	case AE_IFSOCK: return 's';
	default: return '?';
	}
}

static int read_xattrs(struct archive_entry *e, struct manifest_entry *m, struct err *err)
{
	const char *name;
	const void *value;
	size_t len;

	archive_entry_xattr_reset(e);
	while (archive_entry_xattr_next(e, &name, &value, &len) == ARCHIVE_OK) {
		if (strcmp(name, "security.capability") != 0)
			return err_set(err, -EBADMSG,
				       "/%s carries the extended attribute %s, which this build "
				       "did not put there",
				       m->path, name);
		if (len > sizeof(m->caps))
			return err_set(err, -EBADMSG, "/%s: file capabilities of %zu bytes",
				       m->path, len);
		memcpy(m->caps, value, len);
		m->caps_len = len;
	}
	return 0;
}

static int hash_content(struct reader *rd, struct manifest_entry *m, struct err *err)
{
	uint64_t bytes = 0;
	la_ssize_t n;

	while ((n = archive_read_data(rd->archive, rd->block, READ_BYTES)) > 0) {
		digest_add(rd->digest, rd->block, (size_t)n);
		bytes += (uint64_t)n;
	}
	digest_take(rd->digest, m->sha256);
	if (n < 0 || bytes != m->size_bytes)
		return err_set(err, -EBADMSG, "/%s does not unpack: %s", m->path,
			       n < 0 ? archive_error_string(rd->archive) : "it is cut short");
	return 0;
}

static int read_entry(struct reader *rd, struct archive_entry *e, struct manifest_entry *m,
		      struct err *err)
{
	const char *path = name_of(archive_entry_pathname(e), archive_entry_pathname_utf8(e));
	const char *hardlink = name_of(archive_entry_hardlink(e), archive_entry_hardlink_utf8(e));
	const char *link = name_of(archive_entry_symlink(e), archive_entry_symlink_utf8(e));
	size_t len;
	int r;

	if (!path)
		return err_set(err, -EBADMSG, "an entry has no name");
	m->path = strdup(plain_path(path));
	if (!m->path)
		return err_oom(err);
	len = strlen(m->path);
	if (len && m->path[len - 1] == '/')
		m->path[len - 1] = '\0';
	if (hardlink || link) {
		m->type = hardlink ? 'h' : 'l';
		m->link = strdup(hardlink ? plain_path(hardlink) : link);
		if (!m->link)
			return err_oom(err);
		if (hardlink)
			return 0;
	} else {
		m->type = type_of(e);
	}
	m->mode = archive_entry_mode(e) & 07777;
	m->uid = (uint32_t)archive_entry_uid(e);
	m->gid = (uint32_t)archive_entry_gid(e);
	m->mtime_s = archive_entry_mtime(e);
	if (m->type == 'c' || m->type == 'b') {
		m->rdev_major = (uint32_t)archive_entry_rdevmajor(e);
		m->rdev_minor = (uint32_t)archive_entry_rdevminor(e);
	}
	r = read_xattrs(e, m, err);
	if (r < 0 || m->type != 'f')
		return r;
	m->size_bytes = (uint64_t)archive_entry_size(e);
	return hash_content(rd, m, err);
}

static int add_entry(struct reader *rd, struct archive_entry *e, struct err *err)
{
	struct manifest *got = &rd->got;

	if (got->n >= ENTRIES_MAX)
		return err_set(err, -EFBIG, "more than %u entries", ENTRIES_MAX);
	if (got->n == rd->cap) {
		size_t cap = rd->cap ? 2 * rd->cap : 4096;
		struct manifest_entry *more = realloc(got->entry, cap * sizeof(*more));

		if (!more)
			return err_oom(err);
		got->entry = more;
		rd->cap = cap;
	}
	memset(&got->entry[got->n], 0, sizeof(got->entry[0]));
	return read_entry(rd, e, &got->entry[got->n++], err);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct manifest_entry *)a)->path,
		      ((const struct manifest_entry *)b)->path);
}

/* A hard link is one more name of a file: it has all that the file has. */
static int resolve_hardlinks(struct manifest *got, struct err *err)
{
	qsort(got->entry, got->n, sizeof(*got->entry), by_path);
	for (size_t i = 0; i < got->n; i++) {
		struct manifest_entry *e = &got->entry[i];
		const struct manifest_entry *target;
		char *path = e->path;

		if (e->type != 'h')
			continue;
		target = manifest_find(got, e->link);
		if (!target || target->type == 'h' || target->link)
			return err_set(err, -EBADMSG, "/%s is a link to /%s, which is no file",
				       path, e->link);
		free(e->link);
		*e = *target;
		e->path = path;
	}
	return 0;
}

static int read_tar(struct reader *rd, int fd, struct err *err)
{
	struct archive_entry *e;
	int r;

	rd->archive = archive_read_new();
	rd->digest = digest_new();
	rd->block = malloc(READ_BYTES);
	if (!rd->archive || !rd->digest || !rd->block)
		return err_oom(err);
	archive_read_support_format_tar(rd->archive);
	if (archive_read_open_fd(rd->archive, fd, READ_BYTES) != ARCHIVE_OK)
		return err_set(err, -EBADMSG, "%s", archive_error_string(rd->archive));
	while ((r = archive_read_next_header(rd->archive, &e)) == ARCHIVE_OK ||
	       r == ARCHIVE_WARN) {
		r = add_entry(rd, e, err);
		if (r < 0)
			return r;
	}
	if (r != ARCHIVE_EOF)
		return err_set(err, -EBADMSG, "%s", archive_error_string(rd->archive));
	return resolve_hardlinks(&rd->got, err);
}

static int compare(const struct manifest *want, const struct manifest *got, struct err *err)
{
	_cleanup_buf_ struct buf lines = BUF_INIT;
	size_t n = manifest_compare(want, got, DIFFERENCES_SHOWN, &lines);

	if (!n)
		return 0;
	while (lines.len && lines.data[lines.len - 1] == '\n')
		lines.data[--lines.len] = '\0';
	return err_set(err, -EBADMSG, "the packed root differs from its tree in %zu %s:\n%s", n,
		       n == 1 ? "entry" : "entries", lines.data ? lines.data : "");
}

int squash_read_back(const char *image, const struct manifest *m, struct err *err)
{
	__attribute__((cleanup(reader_done))) struct reader rd = { 0 };
	_cleanup_close_ int errs_fd = memfd_create("sqfs2tar", MFD_CLOEXEC);
	_cleanup_close_ int fd = -1;
	struct err decoder;
	pid_t pid;
	int r, decoded;

	if (errs_fd < 0)
		return err_errno(err, -errno, "reading the squashfs back");
	r = spawn_decoder(image, errs_fd, &pid, &fd, err);
	if (r < 0)
		return r;
	r = read_tar(&rd, fd, err);
	close(TAKE_FD(fd));
	err_init(&decoder);
	decoded = wait_decoder(pid, errs_fd, &decoder);
	/* A decoder that failed leaves a broken tar: its own words are the cause. */
	if (decoded == -EBADMSG || (r == 0 && decoded < 0))
		r = err_set(err, -EBADMSG, "%s", decoder.text);
	if (r < 0)
		return err_add(err, r, "%s does not read back", image);
	return compare(m, &rd.got, err);
}

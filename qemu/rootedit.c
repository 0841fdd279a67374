/* See rootedit.h. The pseudo file's format is that of mksquashfs(1) 4.5. */
#include "qemu/rootedit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "lib/base/proc.h"

#define EDITS_MAX 16
#define HEAD_MAX (64u << 20) /* the list of paths in front of the data */
#define MARKER "\n# START OF DATA"
#define PSEUDO "root.pseudo"
#define ARGV_MAX (EDITS_MAX * 12 + 32)

/* The list of a pseudo file, to be changed in place. */
struct list {
	int fd;
	char *text; /* owned, NUL-terminated */
	size_t len;
};

static void list_done(struct list *l)
{
	if (l->fd >= 0)
		close(l->fd);
	free(l->text);
}

static int list_open(const char *path, struct list *ret, struct err *err)
{
	struct stat st;
	char *end;
	size_t want;

	ret->fd = open(path, O_RDWR | O_CLOEXEC);
	if (ret->fd < 0 || fstat(ret->fd, &st) < 0)
		return err_errno(err, -errno, "%s", path);
	want = st.st_size < HEAD_MAX ? (size_t)st.st_size : HEAD_MAX;
	ret->text = malloc(want + 1);
	if (!ret->text)
		return err_oom(err);
	if (io_pread_all(ret->fd, ret->text, want, 0) < 0)
		return err_set(err, -EIO, "cannot read %s", path);
	ret->text[want] = '\0';
	end = memmem(ret->text, want, MARKER, strlen(MARKER));
	if (!end)
		return err_set(err, -EBADMSG, "unsquashfs wrote no list this program understands");
	end[1] = '\0';
	ret->len = (size_t)(end + 1 - ret->text);
	return 0;
}

/* The line that defines @path, or NULL. */
static char *list_find(const struct list *l, const char *path, size_t path_len)
{
	for (char *at = l->text; at && *at;) {
		if (!strncmp(at, path, path_len) && at[path_len] == ' ')
			return at;
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	return NULL;
}

/* Make the line at @at a comment, in memory and in the file. */
static int list_drop(struct list *l, char *at, struct err *err)
{
	int r = io_pwrite_all(l->fd, "#", 1, (uint64_t)(at - l->text));

	*at = '#';
	return r < 0 ? err_errno(err, r, "the list of the tree") : 0;
}

/* Arguments of mksquashfs under construction; the owned ones are freed at the end. */
struct args {
	char *item[ARGV_MAX];
	char *owned[ARGV_MAX];
	size_t n, n_owned;
	bool oom;
};

static void args_done(struct args *a)
{
	for (size_t i = 0; i < a->n_owned; i++)
		free(a->owned[i]);
}

static void add(struct args *a, const char *word)
{
	if (a->n < ARGV_MAX - 1)
		a->item[a->n++] = (char *)word;
	else
		a->oom = true;
}

static void add_pseudo(struct args *a, char *definition)
{
	add(a, "-p");
	add(a, definition ? definition : "");
	a->oom |= !definition || a->n_owned == ARGV_MAX;
	if (a->n_owned < ARGV_MAX)
		a->owned[a->n_owned++] = definition;
}

/* Directories on the way to @path that the tree does not have. */
static void add_parents(struct args *a, struct list *l, const char *path)
{
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		size_t len = (size_t)(slash - path);
		char *made = NULL;

		if (list_find(l, path, len))
			continue;
		for (size_t i = 0; i < a->n_owned; i++)
			if (!strncmp(a->owned[i], path, len) && a->owned[i][len] == ' ')
				made = a->owned[i];
		if (!made)
			add_pseudo(a, str_printf("%.*s D 0 755 0 0", (int)len, path));
	}
}

static int write_content(const char *work, size_t idx, const char *content, struct err *err)
{
	_cleanup_free_ char *path = str_printf("%s/edit-%zu", work, idx);
	_cleanup_close_ int fd = -1;
	int r;

	if (!path)
		return err_oom(err);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, -errno, "%s", path);
	r = io_write_all(fd, content, strlen(content));
	return r < 0 ? err_errno(err, r, "%s", path) : 0;
}

static int apply(const struct root_edit *e, size_t idx, struct list *l, const char *work,
		 struct args *a, struct err *err)
{
	char *at = list_find(l, e->path, strlen(e->path));
	int r = 0;

	if (!at && !e->content && !e->link)
		return err_set(err, -ENOENT, "the root has no %s", e->path);
	if (at)
		r = list_drop(l, at, err);
	if (r < 0)
		return r;
	add_parents(a, l, e->path);
	if (e->link)
		add_pseudo(a, str_printf("%s S 0 777 0 0 %s", e->path, e->link));
	if (!e->content)
		return 0;
	/* mksquashfs runs the command in @work by a shell; both words of it are ours. */
	add_pseudo(a, str_printf("%s F 0 %o 0 0 cat edit-%zu", e->path,
				 e->mode ? e->mode : 0644, idx));
	return write_content(work, idx, e->content, err);
}

static int unpack(const char *file, uint64_t offset_bytes, const char *work, struct err *err)
{
	_cleanup_free_ char *offset = str_printf("%" PRIu64, offset_bytes);
	_cleanup_free_ char *whole = realpath(file, NULL);
	char *argv[] = { "unsquashfs", "-no-progress", "-quiet", "-offset", offset,
			 "-pf", (char *)PSEUDO, whole, NULL };
	_cleanup_buf_ struct buf said = BUF_INIT;
	struct proc_options o = { .output = &said, .cwd = work };
	int r;

	if (!offset || !whole)
		return err_errno(err, -errno, "%s", file);
	r = proc_run(argv, &o, err);
	return r > 0 ? -EIO : r;
}

static int pack(struct args *a, const char *work, const char *level, const char *output,
		uint64_t *ret_bytes, struct err *err)
{
	_cleanup_buf_ struct buf said = BUF_INIT;
	struct proc_options o = { .output = &said, .cwd = work };
	struct args all = *a;
	struct stat st;
	int r;

	add(&all, "-Xcompression-level");
	add(&all, level);
	if (all.oom)
		return err_oom(err);
	(void)unlink(output);
	r = proc_run(all.item, &o, err);
	if (r)
		return r > 0 ? -EIO : r;
	if (stat(output, &st) < 0)
		return err_errno(err, -errno, "%s", output);
	*ret_bytes = (uint64_t)st.st_size;
	return 0;
}

static int edit_and_pack(const struct root_edit *edits, size_t n, const char *work,
			 const char *output, uint64_t max_bytes, struct err *err)
{
	_cleanup_free_ char *pseudo = path_join(work, PSEUDO);
	_cleanup_(list_done) struct list l = { .fd = -1 };
	_cleanup_(args_done) struct args a = { .n = 0 };
	uint64_t bytes = 0;
	int r = pseudo ? list_open(pseudo, &l, err) : err_oom(err);

	add(&a, "mksquashfs");
	add(&a, "-");
	add(&a, output);
	add(&a, "-pf");
	add(&a, PSEUDO);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = apply(&edits[i], i, &l, work, &a, err);
	add(&a, "-mkfs-time");
	add(&a, "0");
	add(&a, "-noappend");
	add(&a, "-no-progress");
	add(&a, "-quiet");
	add(&a, "-b");
	add(&a, "256K");
	add(&a, "-comp");
	add(&a, "zstd");
	if (r == 0)
		r = pack(&a, work, "1", output, &bytes, err);
	if (r == 0 && bytes > max_bytes)
		r = pack(&a, work, "19", output, &bytes, err);
	if (r == 0 && bytes > max_bytes)
		r = err_set(err, -ENOSPC,
			    "the changed root takes %" PRIu64 " bytes, the slot has %" PRIu64,
			    bytes, max_bytes);
	return r;
}

int rootedit(const char *file, uint64_t offset_bytes, const struct root_edit *edits, size_t n,
	     const char *work, const char *output, uint64_t max_bytes, struct err *err)
{
	_cleanup_free_ char *pseudo = path_join(work, PSEUDO);
	int r;

	if (n > EDITS_MAX)
		return err_set(err, -E2BIG, "more than %d changes of the root", EDITS_MAX);
	r = pseudo ? unpack(file, offset_bytes, work, err) : err_oom(err);
	if (r == 0)
		r = edit_and_pack(edits, n, work, output, max_bytes, err);
	if (pseudo)
		(void)unlink(pseudo);
	return r;
}

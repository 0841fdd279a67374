/* See hooks.h. */
#include "update/hooks.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/path.h"
#include "lib/base/printable.h"
#include "update/run.h"

#define HOOKS_MAX 64

static const char *const usual_dirs[] = { "/etc/kiln/pre-update.d", "/usr/lib/kiln/pre-update.d",
					  NULL };

struct found {
	size_t n;
	char *path[HOOKS_MAX]; /* owned; by name */
};

static void found_done(struct found *h)
{
	for (size_t i = 0; i < h->n; i++)
		free(h->path[i]);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(path_base(*(char *const *)a), path_base(*(char *const *)b));
}

static bool has_name(const struct found *h, const char *name)
{
	for (size_t i = 0; i < h->n; i++)
		if (!strcmp(path_base(h->path[i]), name))
			return true;
	return false;
}

/* Files one cannot run are notes, or switched off; one of that name hides those that follow. */
static int collect(const char *dir, struct found *h, struct err *err)
{
	_cleanup_closedir_ DIR *d = opendir(dir);
	struct dirent *e;

	if (!d)
		return errno == ENOENT ? 0 : err_errno(err, -errno, "cannot look into %s", dir);
	while ((e = readdir(d))) {
		struct stat st;

		if (e->d_name[0] == '.' || has_name(h, e->d_name) ||
		    fstatat(dirfd(d), e->d_name, &st, 0) || !S_ISREG(st.st_mode))
			continue;
		if (h->n == HOOKS_MAX)
			return err_set(err, -E2BIG, "more than %d programs in %s", HOOKS_MAX, dir);
		h->path[h->n] = path_join(dir, e->d_name);
		if (!h->path[h->n])
			return err_oom(err);
		h->n++;
	}
	return 0;
}

static int run_one(const struct hooks *hooks, char *path, struct err *err)
{
	_cleanup_buf_ struct buf out = BUF_INIT, shown = BUF_INIT;
	char *argv[] = { path, NULL };
	const char *colon, *words;
	int r;

	if (access(path, X_OK))
		return 0;
	r = run_until_stopped(argv, run_now_ms() + hooks->deadline_ms, hooks->stop, &out);
	if (r == 0)
		return 0;
	while (out.len && out.data[out.len - 1] == '\n')
		out.len--;
	printable_add(&shown, out.data ? out.data : "", out.len, true);
	colon = shown.len ? ": " : "";
	words = shown.len ? shown.data : "";
	if (r == -EINTR)
		return err_set(err, r, "interrupted while %s ran", path);
	if (r == -ETIMEDOUT)
		return err_set(err, HOOKS_REFUSED, "%s did not end within %g s and was killed%s%s",
			       path, (double)hooks->deadline_ms / 1000, colon, words);
	if (r < 0)
		return err_errno(err, r, "cannot run %s", path);
	return err_set(err, HOOKS_REFUSED, "%s says no (exit status %d)%s%s", path, r, colon,
		       words);
}

static int set_environment(const struct hooks *hooks, struct err *err)
{
	const struct bundle_manifest *m = hooks->manifest;

	if (setenv("KILN_NAME", m->name, 1) || setenv("KILN_VERSION", m->version, 1) ||
	    setenv("KILN_SLOT", hooks->slot, 1) ||
	    setenv("KILN_RUNNING_VERSION", hooks->running_version, 1))
		return err_oom(err);
	return 0;
}

int hooks_run(const struct hooks *hooks, struct err *err)
{
	const char *const *dirs = hooks->dirs ? hooks->dirs : usual_dirs;
	struct found h = { 0 };
	int r = set_environment(hooks, err);

	for (size_t i = 0; r == 0 && dirs[i]; i++)
		r = collect(dirs[i], &h, err);
	if (h.n)
		qsort(h.path, h.n, sizeof(h.path[0]), by_name);
	for (size_t i = 0; r == 0 && i < h.n; i++)
		r = run_one(hooks, h.path[i], err);
	found_done(&h);
	return r;
}

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

struct hooks {
	size_t n;
	char *path[HOOKS_MAX]; /* owned; by name */
};

static void hooks_done(struct hooks *h)
{
	for (size_t i = 0; i < h->n; i++)
		free(h->path[i]);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(path_base(*(char *const *)a), path_base(*(char *const *)b));
}

static bool has_name(const struct hooks *h, const char *name)
{
	for (size_t i = 0; i < h->n; i++)
		if (!strcmp(path_base(h->path[i]), name))
			return true;
	return false;
}

/* Files one cannot run are notes, or switched off; one of that name hides those that follow. */
static int collect(const char *dir, struct hooks *h, struct err *err)
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

static int run_one(char *path, struct err *err)
{
	_cleanup_buf_ struct buf out = BUF_INIT, shown = BUF_INIT;
	char *argv[] = { path, NULL };
	int r;

	if (access(path, X_OK))
		return 0;
	r = run_until(argv, run_now_ms() + HOOKS_DEADLINE_S * 1000, &out);
	if (r == 0)
		return 0;
	while (out.len && out.data[out.len - 1] == '\n')
		out.len--;
	printable_add(&shown, out.data ? out.data : "", out.len, true);
	if (r == -ETIMEDOUT)
		return err_set(err, HOOKS_REFUSED, "%s did not end within %u s", path,
			       HOOKS_DEADLINE_S);
	if (r < 0)
		return err_errno(err, r, "cannot run %s", path);
	return err_set(err, HOOKS_REFUSED, "%s says no (exit status %d)%s%s", path, r,
		       shown.len ? ": " : "", shown.len ? shown.data : "");
}

static int set_environment(const struct bundle_manifest *m, const char *slot,
			   const char *running_version, struct err *err)
{
	if (setenv("KILN_NAME", m->name, 1) || setenv("KILN_VERSION", m->version, 1) ||
	    setenv("KILN_SLOT", slot, 1) || setenv("KILN_RUNNING_VERSION", running_version, 1))
		return err_oom(err);
	return 0;
}

int hooks_run(const char *const *dirs, const struct bundle_manifest *m, const char *slot,
	      const char *running_version, struct err *err)
{
	struct hooks h = { 0 };
	int r = set_environment(m, slot, running_version, err);

	dirs = dirs ? dirs : usual_dirs;
	for (size_t i = 0; r == 0 && dirs[i]; i++)
		r = collect(dirs[i], &h, err);
	if (h.n)
		qsort(h.path, h.n, sizeof(h.path[0]), by_name);
	for (size_t i = 0; r == 0 && i < h.n; i++)
		r = run_one(h.path[i], err);
	hooks_done(&h);
	return r;
}

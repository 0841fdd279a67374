/* See engine.h. */
#include "builder/rootfs/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/rootfs/cage.h"
#include "builder/rootfs/dpkgdb.h"
#include "builder/rootfs/order.h"
#include "builder/rootfs/package.h"
#include "builder/rootfs/rootfs.h"
#include "builder/rootfs/tree.h"
#include "builder/rootfs/unpack.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

#define POLICY_RC "usr/sbin/policy-rc.d"
#define CONTROL_DIR "var/lib/dpkg/tmp.ci"

static const struct tree_attr plain_file = { 0644, 0, 0, TREE_NOW };
static const struct tree_attr plain_program = { 0755, 0, 0, TREE_NOW };

/* Mount points and what maintainer scripts expect before anything is configured. */
static int prepare(struct tree *t, struct err *err)
{
	static const char *const dirs[] = { "dev", "proc", "sys", "run", "tmp", "etc", "var/log" };
	static const char deny[] = "#!/bin/sh\nexit 101\n";
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(dirs); i++)
		r = tree_mkdirs(t, dirs[i]);
	/* No service may start while its package is configured. */
	if (r == 0)
		r = tree_write(t, POLICY_RC, deny, strlen(deny), &plain_program);
	/* mawk's alternative is made when it is configured, which itself needs awk. */
	if (r == 0 && tree_exists(t, "usr/bin/mawk") && !tree_exists(t, "usr/bin/awk"))
		r = tree_symlink(t, "mawk", "usr/bin/awk");
	return r < 0 ? err_errno(err, r, "cannot prepare the tree") : 0;
}

static int clean_up(struct tree *t, struct err *err)
{
	int r = tree_remove(t, POLICY_RC);

	return r < 0 ? err_errno(err, r, "cannot remove /" POLICY_RC) : 0;
}

/* A failed script is the recipe's or the package's fault, not the world's. */
static int script_result(int r)
{
	return r > 0 ? -EINVAL : r;
}

/* A preinst finds its package's control files where dpkg puts them (debconf looks there). */
static int fill_control_dir(struct tree *t, const struct package *p, struct err *err)
{
	char path[512];
	int r = tree_remove(t, CONTROL_DIR);

	for (size_t i = 0; r == 0 && i < p->control.n; i++) {
		const struct deb_control_file *f = &p->control.file[i];
		const struct tree_attr attr = { f->mode, 0, 0, TREE_NOW };

		if (snprintf(path, sizeof(path), CONTROL_DIR "/%s", f->name) >= (int)sizeof(path))
			r = -ENAMETOOLONG;
		else
			r = tree_write(t, path, f->data, f->len, &attr);
	}
	return r < 0 ? err_errno(err, r, "cannot write /" CONTROL_DIR) : 0;
}

static int run_preinst(const struct cage *cage, struct tree *t, const struct package *p,
		       struct err *err)
{
	char what[300];
	char *env[] = { str_printf("DPKG_MAINTSCRIPT_PACKAGE=%s", p->name),
			str_printf("DPKG_MAINTSCRIPT_ARCH=%s", p->deb->arch),
			(char *)"DPKG_MAINTSCRIPT_NAME=preinst",
			(char *)"DPKG_ADMINDIR=/var/lib/dpkg",
			(char *)"DPKG_ROOT=", (char *)"DPKG_RUNNING_VERSION=1.21.22",
			(char *)"DPKG_MAINTSCRIPT_PACKAGE_REFCOUNT=1", NULL };
	char *argv[] = { (char *)"/" CONTROL_DIR "/preinst", (char *)"install", NULL };
	struct cage c = *cage;
	int r = fill_control_dir(t, p, err);

	snprintf(what, sizeof(what), "package %s: its preinst script", p->name);
	c.env = env;
	if (r == 0)
		r = env[0] && env[1] ? script_result(cage_run(&c, argv, what, err)) : err_oom(err);
	free(env[0]);
	free(env[1]);
	return r;
}

/* preinst scripts in installation order; base-passwd's makes /etc/passwd for the others. */
static int run_preinsts(const struct cage *cage, struct tree *t, const struct package *pkgs,
			size_t n, struct err *err)
{
	int r = 0;

	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; r == 0 && i < n; i++)
			if (!pkgs[i].diverts && package_control_text(&pkgs[i], "preinst") &&
			    (pass == 0) == !strcmp(pkgs[i].name, "base-passwd"))
				r = run_preinst(cage, t, &pkgs[i], err);
	if (r == 0 && (r = tree_remove(t, CONTROL_DIR)) < 0)
		err_errno(err, r, "cannot remove /" CONTROL_DIR);
	return r;
}

static bool want_all(const struct package *p)
{
	(void)p;
	return true;
}

static bool want_diverting(const struct package *p)
{
	return p->diverts;
}

/* `dpkg ACTION` with the .debs of pkgs[0..n) that @want picks; nothing when it picks none. */
static int dpkg_debs(const struct cage *cage, const char *action, const struct package *pkgs,
		     size_t n, bool (*want)(const struct package *), struct err *err)
{
	static const char *const options[] = { "--force-unsafe-io", "--force-confold",
					       "--force-depends", "--no-debsig" };
	_cleanup_free_ struct cage_file *file = calloc(n + 1, sizeof(*file));
	_cleanup_free_ char **argv = calloc(n + ARRAY_SIZE(options) + 3, sizeof(*argv));
	_cleanup_free_ char(*name)[64] = calloc(n + 1, sizeof(*name));
	struct cage c = *cage;
	size_t argc = 0, k = 0;

	if (!file || !argv || !name)
		return err_oom(err);
	argv[argc++] = (char *)"dpkg";
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		argv[argc++] = (char *)options[i];
	argv[argc++] = (char *)action;
	for (size_t i = 0; i < n; i++) {
		if (!want(&pkgs[i]))
			continue;
		snprintf(name[k], sizeof(name[k]), "/run/kiln/%zu.deb", i);
		file[k] = (struct cage_file){ .source = pkgs[i].deb->path,
					      .name = name[k] + strlen("/run/kiln/") };
		argv[argc++] = name[k++];
	}
	if (k == 0)
		return 0;
	c.files = file;
	c.n_files = k;
	return script_result(cage_run(&c, argv, "dpkg", err));
}

static int dpkg_configure(const struct cage *cage, struct err *err)
{
	char *argv[] = { (char *)"dpkg", (char *)"--force-unsafe-io", (char *)"--force-confold",
			 (char *)"--configure", (char *)"-a", NULL };

	return script_result(cage_run(cage, argv, "configuring the packages", err));
}

int engine_fast(const struct cage *cage, struct package *pkgs, size_t n, struct err *err)
{
	struct tree t = TREE_INIT;
	int r = unpack_all(cage->tree, pkgs, n, err);

	if (r != 0)
		return r;
	r = tree_open(&t, cage->tree, err);
	if (r == 0)
		r = dpkgdb_init(&t, err);
	if (r == 0)
		r = dpkgdb_write(&t, pkgs, n, err);
	if (r == 0)
		r = prepare(&t, err);
	if (r == 0)
		r = run_preinsts(cage, &t, pkgs, n, err);
	if (r == 0)
		r = dpkg_debs(cage, "--unpack", pkgs, n, want_diverting, err);
	if (r == 0)
		r = dpkg_configure(cage, err);
	if (r == 0)
		r = clean_up(&t, err);
	tree_close(&t);
	return r;
}

/* dpkg cannot install itself into nothing: give it the files of the essential set to run on. */
static int bootstrap(const struct cage *cage, struct package *pkgs, size_t n, size_t n_essential,
		     struct err *err)
{
	_cleanup_free_ struct package *first = calloc(n + 1, sizeof(*first));
	struct tree t = TREE_INIT;
	int r;

	if (!first)
		return err_oom(err);
	for (size_t i = 0; i < n_essential; i++) {
		first[i] = (struct package){ .deb = pkgs[i].deb,
					     .name = pkgs[i].name,
					     .info_name = pkgs[i].info_name,
					     .deb_bytes = pkgs[i].deb_bytes };
	}
	r = unpack_all(cage->tree, first, n_essential, err);
	for (size_t i = 0; i < n_essential; i++) {
		first[i].name = first[i].info_name = NULL;
		package_done(&first[i]);
	}
	if (r > 0)
		r = -EBADMSG;
	if (r == 0)
		r = tree_open(&t, cage->tree, err);
	if (r == 0)
		r = dpkgdb_init(&t, err);
	if (r == 0)
		r = prepare(&t, err);
	/* base-passwd's own preinst makes /etc/passwd; files of no package may not linger. */
	if (r == 0)
		r = tree_write(&t, "var/lib/dpkg/info/format", "1\n", 2, &plain_file);
	tree_close(&t);
	return r;
}

/* How many packages at the front are essential or needed by an essential one. */
static size_t essential_prefix(const struct package *pkgs, size_t n)
{
	size_t last = 0;

	for (size_t i = 0; i < n; i++)
		if (pkgs[i].essential)
			last = i + 1;
	return last;
}

int engine_faithful(const struct cage *cage, struct package *pkgs, size_t n, struct err *err)
{
	_cleanup_free_ bool *new_batch = calloc(n + 1, sizeof(*new_batch));
	size_t base = essential_prefix(pkgs, n), from = base;
	struct tree t = TREE_INIT;
	int r;

	if (!new_batch)
		return err_oom(err);
	r = order_batches(pkgs, n, new_batch, err);
	if (r == 0)
		r = bootstrap(cage, pkgs, n, base, err);
	if (r == 0)
		r = dpkg_debs(cage, "--install", pkgs, base, want_all, err);
	while (r == 0 && from < n) {
		size_t to = from + 1;

		while (to < n && !new_batch[to])
			to++;
		r = dpkg_debs(cage, "--install", pkgs + from, to - from, want_all, err);
		from = to;
	}
	if (r == 0)
		r = dpkg_configure(cage, err);
	if (r == 0)
		r = tree_open(&t, cage->tree, err);
	if (r == 0)
		r = clean_up(&t, err);
	tree_close(&t);
	return r;
}

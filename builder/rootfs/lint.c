/*
 * What must not be in an image. See build.h. Everything found is reported at
 * once, each with the file and who made it, so that one build shows all.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "builder/rootfs/build.h"
#include "builder/rootfs/manifest.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/path.h"

#define LINT_FINDINGS_MAX 50
#define KEY_SEARCH_MAX_BYTES (1u << 20)

struct lint {
	struct build *b;
	struct owners *owners;
	struct buf findings;
	size_t n;
	char path[4096];
};

/* One file being looked at. */
struct look {
	const char *path;
	const struct stat *st;
	int dirfd;
	const char *name;
	const char *package; /* that ships it; NULL for none */
};

static void finding(struct lint *l, const struct look *f, const char *why)
{
	if (l->n++ >= LINT_FINDINGS_MAX)
		return;
	buf_addf(&l->findings, "\n  /%s: %s (made by %s%s)", f->path, why,
		 f->package ? "package " : "",
		 f->package ? f->package : origin_find(&l->b->origin, f->st));
}

/* ---- one machine's state --------------------------------------------------------------- */

static const struct {
	const char *pattern, *why;
} forbidden[] = {
	{ "etc/ssh/ssh_host_*_key", "an ssh host key; every machine must make its own" },
	{ "etc/ssh/ssh_host_*_key.pub", "an ssh host key; every machine must make its own" },
	{ "etc/dropbear/dropbear_*_host_key", "an ssh host key; every machine must make its own" },
	{ "var/lib/systemd/random-seed", "a random seed; every machine must make its own" },
	{ "var/lib/urandom/random-seed", "a random seed; every machine must make its own" },
	{ "var/lib/systemd/credential.secret",
	  "a credential secret; every machine must make its own" },
	{ "usr/sbin/policy-rc.d", "it would keep services from starting" },
	{ "etc/apt/auth.conf", "passwords of package sources" },
	{ "etc/apt/auth.conf.d/*", "passwords of package sources" },
};

static void check_forbidden(struct lint *l, const struct look *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(forbidden); i++)
		if (fnmatch(forbidden[i].pattern, f->path, FNM_PATHNAME) == 0)
			finding(l, f, forbidden[i].why);
	if ((!strcmp(f->path, "etc/machine-id") || !strcmp(f->path, "var/lib/dbus/machine-id")) &&
	    S_ISREG(f->st->st_mode) && f->st->st_size > 0)
		finding(l, f, "a machine id; every machine must make its own");
}

/* A file of the image that is the builder's own, byte for byte, and not empty. */
static void check_host_copy(struct lint *l, const struct look *f)
{
	_cleanup_free_ char *here = NULL, *there = NULL, *host = NULL;
	size_t n_here, n_there;

	if (strcmp(f->path, "etc/resolv.conf") && strcmp(f->path, "etc/hostname"))
		return;
	if (!S_ISREG(f->st->st_mode) || f->st->st_size == 0)
		return;
	host = str_printf("/%s", f->path);
	if (!host || tree_read(&l->b->tree, f->path, 65536, &here, &n_here) < 0)
		return;
	/* The image may happen to be called like the machine that builds it. */
	if (l->b->o->recipe->name && !strncmp(here, l->b->o->recipe->name, strcspn(here, "\n")))
		return;
	{
		_cleanup_close_ int fd = open(host, O_RDONLY | O_CLOEXEC);

		there = calloc(1, n_here + 2);
		n_there = fd >= 0 && there ? (size_t)read(fd, there, n_here + 1) : 0;
	}
	if (n_there == n_here && !memcmp(here, there, n_here))
		finding(l, f, "a copy of the building machine's own");
}

/* Only files that no package ships: keys in packages are everyone's and no secret. */
static void check_private_key(struct lint *l, const struct look *f)
{
	static const char *const marks[] = {
		"-----BEGIN PRIVATE KEY-----",	   "-----BEGIN RSA PRIVATE KEY-----",
		"-----BEGIN EC PRIVATE KEY-----",  "-----BEGIN ENCRYPTED PRIVATE KEY-----",
		"-----BEGIN DSA PRIVATE KEY-----", "-----BEGIN OPENSSH PRIVATE KEY-----",
		"-----BEGIN PGP PRIVATE KEY BLOCK-----",
	};
	_cleanup_free_ char *text = NULL;
	_cleanup_close_ int fd = -1;
	ssize_t n;

	if (f->package || !S_ISREG(f->st->st_mode) || f->st->st_size < 64 ||
	    f->st->st_size > KEY_SEARCH_MAX_BYTES)
		return;
	fd = openat(f->dirfd, f->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	text = malloc((size_t)f->st->st_size);
	n = fd >= 0 && text ? read(fd, text, (size_t)f->st->st_size) : 0;
	for (size_t i = 0; n > 0 && i < ARRAY_SIZE(marks); i++) {
		if (!memmem(text, (size_t)n, marks[i], strlen(marks[i])))
			continue;
		finding(l, f, "a private key; it would be shipped to everyone");
		return;
	}
}

/* ---- rights ---------------------------------------------------------------------------- */

/* Allowed: what a package ships, and what the recipe declares. */
static bool may_elevate(const struct lint *l, const struct look *f)
{
	const struct recipe_strv *allow = &l->b->o->recipe->allow_setuid;

	for (size_t i = 0; i < allow->n; i++)
		if (allow->item[i][0] == '/' && !strcmp(allow->item[i] + 1, f->path))
			return true;
	return f->package != NULL;
}

static void check_rights(struct lint *l, const struct look *f)
{
	mode_t mode = f->st->st_mode;
	char caps[64];

	if (S_ISCHR(mode) || S_ISBLK(mode))
		finding(l, f, "a device node");
	if (S_ISLNK(mode))
		return;
	if ((S_ISDIR(mode) || S_ISREG(mode)) && mode & S_IWOTH &&
	    !(S_ISDIR(mode) && mode & S_ISVTX))
		finding(l, f, "anyone may write it");
	if (!S_ISREG(mode) || may_elevate(l, f))
		return;
	if (mode & S_ISUID || (mode & S_ISGID && mode & S_IXGRP))
		finding(l, f, mode & S_ISUID ?
				      "setuid, and not declared under image.setuid" :
				      "setgid, and not declared under image.setuid");
	else {
		_cleanup_close_ int fd =
			openat(f->dirfd, f->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

		if (fd >= 0 && fgetxattr(fd, "security.capability", caps, sizeof(caps)) > 0)
			finding(l, f, "file capabilities, and not declared under image.setuid");
	}
}

/* ---- units ------------------------------------------------------------------------------- */

/* A link in *.wants or *.requires whose unit does not exist. */
static void check_unit_link(struct lint *l, const struct look *f)
{
	static const char *const dirs[] = { "usr/lib/systemd/system", "etc/systemd/system",
					    "usr/lib/systemd/user", "etc/systemd/user" };
	char target[1024];
	const char *base;
	ssize_t n;

	if (!S_ISLNK(f->st->st_mode) ||
	    (fnmatch("*/systemd/*/*.wants/*", f->path, 0) != 0 &&
	     fnmatch("*/systemd/*/*.requires/*", f->path, 0) != 0))
		return;
	n = readlinkat(f->dirfd, f->name, target, sizeof(target) - 1);
	if (n <= 0)
		return;
	target[n] = '\0';
	base = path_base(target);
	/* systemd goes by the link's name and its target's; the directory does not matter. */
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		_cleanup_free_ char *path = str_printf("%s/%s", dirs[i], base);

		if (path && tree_exists(&l->b->tree, path))
			return;
	}
	if (target[0] == '/' && tree_exists(&l->b->tree, target))
		return;
	finding(l, f, "enables a unit that is not in the image");
}

/* ---- the walk ------------------------------------------------------------------------------ */

static int lint_dir(struct lint *l, int dirfd, struct err *err);

static int lint_entry(struct lint *l, int dirfd, const char *name, struct err *err)
{
	struct stat st;
	struct look f = { .path = l->path, .st = &st, .dirfd = dirfd, .name = name };
	int sub;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(err, -errno, "lint: cannot look at /%s", l->path);
	f.package = owners_find(l->owners, l->path);
	check_forbidden(l, &f);
	check_host_copy(l, &f);
	check_rights(l, &f);
	check_private_key(l, &f);
	check_unit_link(l, &f);
	if (!S_ISDIR(st.st_mode))
		return 0;
	sub = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return sub < 0 ? err_errno(err, -errno, "lint: cannot open /%s", l->path) :
			 lint_dir(l, sub, err);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int lint_dir(struct lint *l, int dirfd, struct err *err)
{
	_cleanup_close_ int fd = dirfd;
	size_t len = strlen(l->path);
	struct dirent **list;
	int r = 0, n = scandirat(fd, ".", &list, NULL, by_name);

	if (n < 0)
		return err_errno(err, -errno, "lint: cannot read /%s", l->path);
	for (int i = 0; i < n; i++) {
		const char *name = list[i]->d_name;

		if (r == 0 && strcmp(name, ".") && strcmp(name, "..")) {
			if (snprintf(l->path + len, sizeof(l->path) - len, "%s%s", len ? "/" : "",
				     name) >= (int)(sizeof(l->path) - len))
				r = err_set(err, -ENAMETOOLONG, "lint: /%s: too long", l->path);
			else
				r = lint_entry(l, fd, name, err);
			l->path[len] = '\0';
		}
		free(list[i]);
	}
	free(list);
	return r;
}

int build_lint(struct build *b, struct err *err)
{
	struct lint *l = calloc(1, sizeof(*l));
	int r, fd;

	if (!l)
		return err_oom(err);
	l->b = b;
	r = owners_load(b->root, &l->owners, err);
	if (r == 0) {
		fd = open(b->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = fd < 0 ? err_errno(err, -errno, "cannot open %s", b->root) :
			     lint_dir(l, fd, err);
	}
	if (r == 0 && b->o->recipe->update_url && !build_has_libcurl(b) &&
	    l->n++ < LINT_FINDINGS_MAX)
		buf_adds(&l->findings, "\n  update.url without libcurl, which fetches updates: "
				       "include fragments/update.yaml");
	if (r == 0 && l->n)
		r = err_set(err, -EINVAL, "%zu thing%s that may not be in an image:%s", l->n,
			    l->n == 1 ? "" : "s", l->findings.data ?: "");
	owners_free(l->owners);
	buf_done(&l->findings);
	free(l);
	return r;
}

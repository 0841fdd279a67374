/*
 * The kernel leaves the tree: its image and what early init loads go to
 * work_dir/kernel, modules nobody asked for are dropped. See build.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/rootfs/build.h"
#include "builder/rootfs/deb.h"
#include "builder/rootfs/modules.h"
#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "lib/core/watchdog.h"

#define VMLINUZ_MAX_BYTES (256u << 20)
#define MODULE_MAX_BYTES (128u << 20)
#define VERSION_MAX_BYTES 128

/* The one kernel of the tree. */
static int find_version(struct build *b, char version[VERSION_MAX_BYTES], struct err *err)
{
	_cleanup_closedir_ DIR *d = NULL;
	struct dirent *e;
	int fd = path_open_in_root(b->tree.root, "usr/lib/modules", O_RDONLY | O_DIRECTORY, 0);

	version[0] = '\0';
	if (fd >= 0)
		d = fdopendir(fd);
	while (d && (e = readdir(d))) {
		_cleanup_free_ char *image = str_printf("boot/vmlinuz-%s", e->d_name);

		if (e->d_name[0] == '.' || !image || !tree_exists(&b->tree, image))
			continue;
		if (version[0])
			return err_set(err, -EINVAL,
				       "kernel: the image has two kernels, %s and %s", version,
				       e->d_name);
		if (strlen(e->d_name) < VERSION_MAX_BYTES)
			memcpy(version, e->d_name, strlen(e->d_name) + 1);
	}
	return version[0] ? 0 :
			    err_set(err, -EINVAL,
				    "kernel: no package brought a kernel (/boot/vmlinuz-* with its "
				    "modules); is kernel.package right?");
}

static int copy_out(struct build *b, const char *from, const char *to, struct err *err)
{
	_cleanup_free_ char *data = NULL;
	_cleanup_free_ char *path = str_printf("%s/kernel/%s", b->o->work_dir, to);
	size_t len;
	int r;

	if (!path)
		return err_oom(err);
	r = tree_read(&b->tree, from, VMLINUZ_MAX_BYTES, &data, &len);
	if (r < 0)
		return err_errno(err, r, "cannot read /%s", from);
	return atomic_file_write(path, data, len, 0644, err);
}

/* Decompress usr/lib/modules/VERSION/@path into work_dir/kernel/modules/lib/... */
static int stage_module(struct build *b, const char *version, const char *path, struct buf *list,
			struct err *err)
{
	_cleanup_free_ char *from = str_printf("usr/lib/modules/%s/%s", version, path);
	_cleanup_free_ char *below = str_printf("lib/modules/%s/%s", version, path);
	_cleanup_free_ char *to = NULL, *data = NULL;
	_cleanup_close_ int fd = -1;
	char *ending, *slash;
	size_t len;
	int r;

	ending = below ? strstr(below, ".ko") : NULL;
	if (!from || !ending)
		return err_set(err, -EINVAL, "%s is no module", path);
	ending[3] = '\0';
	to = str_printf("%s/kernel/modules/%s", b->o->work_dir, below);
	if (!to)
		return err_oom(err);
	fd = path_open_in_root(b->tree.root, from, O_RDONLY, 0);
	if (fd < 0)
		return err_errno(err, fd, "cannot open /%s", from);
	r = deb_decode_file(fd, from, MODULE_MAX_BYTES, &data, &len, err);
	if (r < 0)
		return r;
	slash = strrchr(to, '/');
	*slash = '\0';
	r = path_mkdirs(to);
	*slash = '/';
	if (r < 0)
		return err_errno(err, r, "cannot make a directory for %s", to);
	buf_addf(list, "%s\n", below);
	return atomic_file_write(to, data, len, 0644, err);
}

static int stage_modules(struct build *b, const char *version, struct recipe_strv *ret,
			 struct err *err)
{
	_cleanup_free_ char *path = str_printf("%s/kernel/modules.list", b->o->work_dir);
	_cleanup_buf_ struct buf list = BUF_INIT;
	int r = path ? rootfs_initrd_modules(b->root, version, &b->o->recipe->initrd_modules, ret,
					     err) :
		       err_oom(err);

	for (size_t i = 0; r == 0 && i < ret->n; i++)
		r = stage_module(b, version, ret->item[i], &list, err);
	if (r == 0 && !buf_ok(&list))
		r = err_oom(err);
	return r < 0 ? r : atomic_file_write(path, list.data ?: "", list.len, 0644, err);
}

/* For the command line: what the selector may arm before it starts this kernel. */
static int note_watchdogs(struct build *b, const char *version, const struct recipe_strv *initrd,
			  struct err *err)
{
	_cleanup_free_ char *path = str_printf("%s/kernel/watchdogs", b->o->work_dir);
	char text[WATCHDOG_TEXT_SIZE];
	unsigned set;
	int r = path ? rootfs_watchdogs(b->root, version, initrd, &set, err) : err_oom(err);

	if (r < 0)
		return r;
	watchdog_format(set, text);
	return atomic_file_write(path, text, strlen(text), 0644, err);
}

/* Mark @mod and all it needs. */
static int mark(struct modules *m, const struct module *mod, struct err *err)
{
	struct recipe_strv paths = { 0 };
	int r = modules_load_order(m, mod, &paths);

	for (size_t i = 0; r == 0 && i < paths.n; i++) {
		struct module *dep = modules_find(m, paths.item[i]);

		if (dep)
			dep->keep = true;
	}
	rootfs_strv_done(&paths);
	return r < 0 ? err_errno(err, r, "module %s", mod->name) : 0;
}

/* A name, a glob or "all"; a plain name that is nowhere is a mistake. */
static int mark_pattern(struct modules *m, const char *pattern, struct buf *unknown,
			struct err *err)
{
	_cleanup_free_ char *plain = strdup(pattern);
	bool glob = strpbrk(pattern, "*?[") != NULL, found = false;
	int r = 0;

	if (!plain)
		return err_oom(err);
	for (char *p = plain; !glob && *p; p++)
		*p = *p == '-' ? '_' : *p;
	for (size_t i = 0; r == 0 && i < m->n; i++) {
		if (strcmp(pattern, "all") && fnmatch(plain, m->item[i].name, 0) != 0)
			continue;
		found = true;
		r = mark(m, &m->item[i], err);
	}
	if (r == 0 && !found && !glob && !modules_builtin(m, pattern))
		buf_addf(unknown, "%s'%s'", unknown->len ? ", " : "", pattern);
	return r;
}

static int drop_unmarked(struct build *b, const char *version, struct modules *m, struct err *err)
{
	for (size_t i = 0; i < m->n; i++) {
		_cleanup_free_ char *path =
			str_printf("usr/lib/modules/%s/%s", version, m->item[i].path);
		int r = path ? m->item[i].keep ? 0 : tree_remove(&b->tree, path) : -ENOMEM;

		if (r < 0)
			return err_errno(err, r, "cannot remove /%s", path ?: "");
	}
	return 0;
}

/* Directories that hold nothing any more, from the leaves up. */
static int drop_empty_dirs(int dirfd)
{
	DIR *d = fdopendir(dirfd);
	struct dirent *e;

	if (!d) {
		close(dirfd);
		return -ENOMEM;
	}
	while ((e = readdir(d))) {
		int sub;

		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		sub = openat(dirfd, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0)
			drop_empty_dirs(sub);
		unlinkat(dirfd, e->d_name, AT_REMOVEDIR);
	}
	closedir(d);
	return 0;
}

static int prune(struct build *b, const char *version, const struct recipe_strv *initrd,
		 struct err *err)
{
	const struct recipe_strv *want = &b->o->recipe->kernel_modules;
	_cleanup_free_ char *dir = str_printf("usr/lib/modules/%s/kernel", version);
	_cleanup_buf_ struct buf unknown = BUF_INIT;
	struct modules m = { 0 };
	int fd, r = dir ? modules_read(&b->tree, version, &m, err) : err_oom(err);

	for (size_t i = 0; r == 0 && i < want->n; i++)
		r = mark_pattern(&m, want->item[i], &unknown, err);
	if (r == 0 && unknown.len)
		r = err_set(err, -EINVAL,
			    "kernel.modules: kernel %s has no %s (a pattern like 'name*' may match "
			    "nothing)",
			    version, unknown.data);
	/* What early init loads stays findable: modprobe fails over a name it does not know. */
	for (size_t i = 0; r == 0 && i < initrd->n; i++) {
		struct module *mod = modules_find(&m, initrd->item[i]);

		if (mod)
			r = mark(&m, mod, err);
	}
	if (r == 0)
		r = drop_unmarked(b, version, &m, err);
	modules_done(&m);
	if (r < 0)
		return r;
	fd = path_open_in_root(b->tree.root, dir, O_RDONLY | O_DIRECTORY, 0);
	return fd < 0 ? 0 : drop_empty_dirs(fd);
}

static int run_depmod(struct build *b, const char *version, struct err *err)
{
	char *argv[] = { (char *)"depmod", (char *)"-w", (char *)version, NULL };
	int r;

	if (!tree_exists(&b->tree, "usr/sbin/depmod"))
		return err_set(err, -EINVAL, "kernel: the image has no depmod (package kmod)");
	r = cage_run(&b->cage, argv, "depmod", err);
	return r > 0 ? -EINVAL : r;
}

int build_kernel(struct build *b, struct err *err)
{
	char version[VERSION_MAX_BYTES], image[VERSION_MAX_BYTES + 32];
	_cleanup_free_ char *note = str_printf("%s/kernel/version", b->o->work_dir);
	struct recipe_strv initrd = { 0 };
	int r;

	if (!b->o->recipe->kernel_package || !b->o->recipe->kernel_package[0])
		return 0;
	if (!note)
		return err_oom(err);
	origin_mark(&b->origin, "the kernel step");
	r = find_version(b, version, err);
	if (r < 0)
		return r;
	snprintf(image, sizeof(image), "boot/vmlinuz-%s", version);
	r = copy_out(b, image, "vmlinuz", err);
	if (r == 0)
		r = stage_modules(b, version, &initrd, err);
	if (r == 0)
		r = note_watchdogs(b, version, &initrd, err);
	if (r == 0)
		r = prune(b, version, &initrd, err);
	if (r == 0)
		r = run_depmod(b, version, err);
	if (r == 0)
		r = atomic_file_write(note, version, strlen(version), 0644, err);
	rootfs_strv_done(&initrd);
	return r;
}

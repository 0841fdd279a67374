/* See rootfs.h: the order of the steps, and what comes back from inside the sandbox. */
#include "builder/rootfs/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "builder/rootfs/build.h"
#include "builder/rootfs/engine.h"
#include "builder/rootfs/order.h"
#include "builder/rootfs/package.h"
#include "builder/rootfs/sandbox.h"
#include "builder/rootfs/unpack.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "lib/core/watchdog.h"

#define SMALL_FILE_MAX_BYTES (4u << 20)

/* ---- inside the sandbox ---------------------------------------------------------------- */

/* The empty tree: whatever an earlier attempt left is gone. */
static int fresh_tree(const struct build *b, struct err *err)
{
	int r = path_remove_tree(b->root);

	if (r == 0 && mkdir(b->root, 0755) < 0)
		r = -errno;
	return r < 0 ? err_errno(err, r, "cannot make %s", b->root) : 0;
}

static int run_engine(struct build *b, struct package *pkgs, size_t n, struct err *err)
{
	bool fast = b->o->engine == ROOTFS_FAST;
	int r;

	for (;;) {
		r = fresh_tree(b, err);
		if (r < 0)
			return r;
		r = fast ? engine_fast(&b->cage, pkgs, n, err) :
			   engine_faithful(&b->cage, pkgs, n, err);
		if (r != UNPACK_E_OVERLAP || !fast)
			return r > 0 ? -EINVAL : r;
		/* Two packages ship one path: dpkg knows which may, or refuses. */
		dprintf(b->cage.log_fd, "kiln: %s; leaving it to dpkg\n", err->text);
		for (size_t i = 0; i < n; i++)
			package_forget_unpacked(&pkgs[i]);
		fast = false;
	}
}

static int install(struct build *b, struct err *err)
{
	const struct rootfs_options *o = b->o;
	struct package *pkgs = calloc(o->n_debs + 1, sizeof(*pkgs));
	size_t n = 0;
	int r = 0;

	if (!pkgs)
		return err_oom(err);
	origin_mark(&b->origin, "the packages");
	for (; r == 0 && n < o->n_debs; n += r == 0)
		r = package_read(&o->debs[n], &pkgs[n], err);
	if (r == 0)
		r = order_packages(pkgs, n, err);
	if (r == 0)
		r = run_engine(b, pkgs, n, err);
	for (size_t i = 0; i < n; i++)
		package_done(&pkgs[i]);
	free(pkgs);
	return r;
}

static int (*const steps[])(struct build *b, struct err *err) = {
	build_ids,	build_forget_machine, build_users,  build_files,    build_units,
	build_scripts,	build_check_fetcher,  build_kernel, build_finalise, build_lint,
	build_clamp_times,
};

static int inside(void *arg, struct err *err)
{
	struct build *b = arg;
	int r;

	b->started_s = time(NULL);
	b->cage = (struct cage){
		.tree = b->root,
		.epoch_s = b->o->epoch_s,
		.log_fd = b->cage.log_fd,
		.verbose = b->o->verbose,
		.on_line = origin_line,
		.on_line_arg = &b->origin,
	};
	r = install(b, err);
	if (r == 0)
		r = tree_open(&b->tree, b->root, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(steps); i++)
		r = steps[i](b, err);
	tree_close(&b->tree);
	origin_done(&b->origin);
	return r;
}

/* ---- outside ----------------------------------------------------------------------------- */

/* Lines of work_dir/kernel/modules.list. */
static int read_modules(const char *work_dir, struct recipe_strv *ret, struct err *err)
{
	_cleanup_free_ char *path = str_printf("%s/kernel/modules.list", work_dir);
	_cleanup_free_ char *text = NULL;
	char *save = NULL;
	int r = path ? io_read_file(path, SMALL_FILE_MAX_BYTES, &text, NULL, err) : err_oom(err);

	if (r < 0)
		return r;
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char **item = realloc(ret->item, (ret->n + 1) * sizeof(*item));

		if (!item)
			return err_oom(err);
		ret->item = item;
		item[ret->n] = strdup(line);
		if (!item[ret->n++])
			return err_oom(err);
	}
	return 0;
}

/* What note_watchdogs() of kernel.c wrote. */
static int read_watchdogs(const char *work_dir, unsigned *ret, struct err *err)
{
	_cleanup_free_ char *path = str_printf("%s/kernel/watchdogs", work_dir);
	_cleanup_free_ char *text = NULL;
	int r = path ? io_read_file(path, WATCHDOG_TEXT_SIZE, &text, NULL, err) : err_oom(err);

	if (r == 0)
		*ret = watchdog_parse(text);
	return r;
}

static int read_kernel(const char *work_dir, struct rootfs_result *ret, struct err *err)
{
	_cleanup_free_ char *path = str_printf("%s/kernel/version", work_dir);
	int r;

	if (!path)
		return err_oom(err);
	if (access(path, F_OK) < 0)
		return 0;
	r = io_read_file(path, SMALL_FILE_MAX_BYTES, &ret->kernel_version, NULL, err);
	if (r < 0)
		return r;
	ret->kernel_path = path_join(work_dir, "kernel/vmlinuz");
	ret->modules_dir = path_join(work_dir, "kernel/modules");
	if (!ret->kernel_path || !ret->modules_dir)
		return err_oom(err);
	r = read_modules(work_dir, &ret->modules, err);
	return r == 0 ? read_watchdogs(work_dir, &ret->watchdogs, err) : r;
}

/* The account files are world-readable and root's directories are ours: no sandbox needed. */
static int read_accounts(const char *tree, struct rootfs_ids *ret, struct err *err)
{
	_cleanup_free_ char *passwd = NULL, *group = NULL;
	_cleanup_close_ int root = open(tree, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct tree t = { .root = root, .parent = -1 };
	int r;

	if (root < 0)
		return err_errno(err, -errno, "cannot open %s", tree);
	r = tree_read(&t, "etc/passwd", SMALL_FILE_MAX_BYTES, &passwd, NULL);
	if (r == 0)
		r = tree_read(&t, "etc/group", SMALL_FILE_MAX_BYTES, &group, NULL);
	if (r == -ENOENT)
		return 0;
	return r < 0 ? err_errno(err, r, "cannot read the accounts of %s", tree) :
		       build_read_ids(passwd, group, ret, err);
}

static int prepare_work_dir(const char *work_dir, int *ret_log, struct err *err)
{
	_cleanup_free_ char *log = path_join(work_dir, "rootfs.log");
	_cleanup_free_ char *kernel = path_join(work_dir, "kernel");
	int r, fd;

	if (!log || !kernel)
		return err_oom(err);
	r = path_remove_tree(kernel);
	if (r == 0)
		r = path_mkdirs(kernel);
	if (r < 0)
		return err_errno(err, r, "cannot make %s", kernel);
	fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_errno(err, -errno, "cannot write %s", log);
	*ret_log = fd;
	return 0;
}

int rootfs_build(const struct rootfs_options *o, const struct sandbox *sb,
		 struct rootfs_result *ret, struct err *err)
{
	_cleanup_free_ char *root = path_join(o->work_dir, "tree");
	_cleanup_close_ int log = -1;
	struct build b = { .o = o, .root = root, .tree = TREE_INIT };
	struct rootfs_result result = { 0 };
	int r;

	if (!root)
		return err_oom(err);
	if (o->work_dir[0] != '/' || !o->recipe || o->n_debs > ROOTFS_DEBS_MAX)
		return err_set(err, -EINVAL, "rootfs: bad options");
	r = prepare_work_dir(o->work_dir, &log, err);
	b.cage.log_fd = log;
	if (r == 0)
		r = sandbox_run(sb, inside, &b, err);
	if (r == 0)
		r = read_kernel(o->work_dir, &result, err);
	if (r == 0)
		r = read_accounts(root, &result.ids, err);
	if (r < 0) {
		rootfs_result_done(&result);
		return r;
	}
	result.tree = TAKE_PTR(root);
	*ret = result;
	return 0;
}

void rootfs_result_done(struct rootfs_result *r)
{
	free(r->tree);
	free(r->kernel_version);
	free(r->kernel_path);
	free(r->modules_dir);
	rootfs_strv_done(&r->modules);
	rootfs_ids_done(&r->ids);
	*r = (struct rootfs_result){ 0 };
}

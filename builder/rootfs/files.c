/* The recipe's files and scripts, and kiln's own additions. See build.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/rootfs/build.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"

/* One thing to put into the tree, wherever it comes from. */
struct item {
	const char *dest, *source, *content, *link;
	uint32_t mode, uid, gid;
};

static int put_copy(struct build *b, const struct item *it, const struct tree_attr *attr,
		    struct err *err)
{
	_cleanup_close_ int in = open(it->source, O_RDONLY | O_CLOEXEC | O_NONBLOCK), out = -1;
	struct stat st;
	int r;

	if (in < 0 || fstat(in, &st) < 0)
		return err_errno(err, -errno, "%s: cannot open %s", it->dest, it->source);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "%s: %s is not a regular file", it->dest, it->source);
	r = tree_write(&b->tree, it->dest, "", 0, attr);
	if (r == 0) {
		const char *name;
		int dir = tree_parent(&b->tree, it->dest, &name);

		out = openat(dir, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
		r = out < 0 ? -errno : io_copy_range(in, 0, out, 0, (uint64_t)st.st_size);
	}
	/* Writing may have cleared setuid; and a hole at the end leaves the file short. */
	if (r == 0)
		r = ftruncate(out, st.st_size) < 0 ? -errno : tree_finish_fd(out, attr);
	return r < 0 ? err_errno(err, r, "%s: cannot copy %s", it->dest, it->source) : 0;
}

static int put(struct build *b, const struct item *it, struct err *err)
{
	const struct tree_attr attr = { it->mode, it->uid, it->gid, TREE_NOW };
	int r;

	if (it->source)
		return put_copy(b, it, &attr, err);
	if (it->link) {
		const struct tree_attr link = { 0777, it->uid, it->gid, TREE_NOW };

		r = tree_symlink(&b->tree, it->link, it->dest);
		if (r == 0)
			r = tree_set_attr(&b->tree, it->dest, &link);
	} else {
		r = tree_write(&b->tree, it->dest, it->content ?: "", strlen(it->content ?: ""),
			       &attr);
	}
	if (r == -EISDIR)
		return err_set(err, -EINVAL, "%s is a directory in the image", it->dest);
	return r < 0 ? err_errno(err, r, "cannot write %s", it->dest) : 0;
}

int build_files(struct build *b, struct err *err)
{
	const struct recipe *recipe = b->o->recipe;
	int r = 0;

	origin_mark(&b->origin, "the recipe's files");
	for (size_t i = 0; r == 0 && i < recipe->n_files; i++) {
		const struct recipe_file *f = &recipe->files[i];

		r = put(b,
			&(struct item){ f->path, f->source, f->content, f->link, f->mode, f->uid,
					f->gid },
			err);
		if (r < 0)
			return err_add(err, r, "files");
	}
	origin_mark(&b->origin, "kiln's own files");
	for (size_t i = 0; r == 0 && i < b->o->n_inject; i++) {
		const struct rootfs_inject *f = &b->o->inject[i];

		r = put(b,
			&(struct item){ f->dest, f->source, f->content, f->link,
					f->mode ? f->mode : 0644, 0, 0 },
			err);
	}
	return r;
}

static int run_script(struct build *b, const char *path, struct err *err)
{
	const struct cage_file file = { .source = path, .name = path_base(path), .mode = 0755 };
	_cleanup_free_ char *program = str_printf("/run/kiln/%s", file.name);
	_cleanup_free_ char *what = str_printf("script %s", path);
	_cleanup_free_ char *image = str_printf("KILN_IMAGE=%s", b->o->recipe->name);
	_cleanup_free_ char *version = str_printf("KILN_VERSION=%s", b->o->recipe->version);
	char *argv[] = { program, NULL }, *env[] = { image, version, NULL };
	struct cage c = b->cage;
	int r;

	if (!program || !what || !image || !version)
		return err_oom(err);
	if (access(path, R_OK) < 0)
		return err_errno(err, -errno, "script %s", path);
	c.files = &file;
	c.n_files = 1;
	c.env = env;
	origin_mark(&b->origin, "%s", what);
	r = cage_run(&c, argv, what, err);
	return r > 0 ? -EINVAL : r;
}

int build_scripts(struct build *b, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < b->o->recipe->n_scripts; i++)
		r = run_script(b, b->o->recipe->scripts[i].run, err);
	return r;
}

/*
 * See unpack.h. Workers take packages largest first; nothing they do depends
 * on the order, except directories, which are settled afterwards.
 */
#include "builder/rootfs/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/rootfs/package.h"
#include "builder/rootfs/rootfs.h"
#include "builder/rootfs/tree.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/io.h"

#define UNPACK_WORKERS_MAX 16
#define CONFFILE_MAX_BYTES (64u << 20)

/* The links of a merged /usr, and what they point at. */
static const char *const skeleton[] = { "bin", "sbin", "lib", "lib64" };

/* Shared by the workers. */
struct job {
	const char *tree;
	struct package **queue; /* largest first */
	size_t n;
	atomic_size_t next;
	atomic_bool stop;
	pthread_mutex_t lock; /* of the rest */
	int rc;
	struct err *err;
};

/* One package being unpacked by one worker. */
struct unpacking {
	struct tree *tree;
	struct package *pkg;
};

static int overlap(const struct unpacking *u, const char *path, struct err *err)
{
	return err_set(err, UNPACK_E_OVERLAP, "%s: /%s is there already", u->pkg->name, path);
}

static int write_error(const struct unpacking *u, const char *path, int r, struct err *err)
{
	return err_errno(err, r, "%s: cannot write /%s", u->pkg->name, path);
}

static void list_add(struct package *p, const char *path)
{
	buf_adds(&p->list, *path ? "/" : "/.");
	buf_adds(&p->list, path);
	buf_addc(&p->list, '\n');
}

static struct package_conffile *find_conffile(struct package *p, const char *path)
{
	for (size_t i = 0; i < p->n_conffiles; i++)
		if (!strcmp(p->conffile[i].path + 1, path))
			return &p->conffile[i];
	return NULL;
}

/* Directories are only noted: they exist (made with whatever is in them), attributes come last. */
static int unpack_dir(struct unpacking *u, const struct deb_entry *e, struct err *err)
{
	struct package *p = u->pkg;
	char full[TREE_PATH_MAX];
	struct package_dir *d;
	int r = tree_merged_path(e->path, full);

	for (size_t i = 0; i < ARRAY_SIZE(skeleton); i++)
		if (!strcmp(e->path, skeleton[i]) || !e->path[0])
			return 0;
	if (r == 0)
		r = tree_mkdirs(u->tree, full);
	if (r < 0)
		return r == -ENOTDIR || r == -EEXIST ? overlap(u, full, err) :
						       write_error(u, full, r, err);
	d = realloc(p->dir, (p->n_dirs + 1) * sizeof(*d));
	if (!d)
		return err_oom(err);
	p->dir = d;
	d[p->n_dirs] = (struct package_dir){
		.path = strdup(full), .mode = e->mode, .uid = e->uid, .gid = e->gid
	};
	return d[p->n_dirs++].path ? 0 : err_oom(err);
}

static int copy_content(int fd, struct deb_stream *content, struct buf *also, struct err *err)
{
	const void *data;
	size_t len;
	int r;

	while ((r = deb_stream_next(content, &data, &len, err)) == 0 && len) {
		r = io_write_all(fd, data, len);
		if (r < 0)
			return err_errno(err, r, "cannot write");
		if (also)
			buf_add(also, data, len);
	}
	return r;
}

static int unpack_file(struct unpacking *u, const struct deb_entry *e, struct deb_stream *content,
		       struct err *err)
{
	const struct tree_attr attr = { e->mode, e->uid, e->gid, e->mtime_s };
	struct package_conffile *c = find_conffile(u->pkg, e->path);
	_cleanup_buf_ struct buf copy = BUF_INIT;
	_cleanup_close_ int fd = tree_create(u->tree, e->path);
	int r;

	if (fd == -EEXIST || fd == -ENOTDIR)
		return overlap(u, e->path, err);
	if (fd < 0)
		return write_error(u, e->path, fd, err);
	if (c && e->size_bytes > CONFFILE_MAX_BYTES)
		return err_set(err, -EBADMSG, "%s: /%s is too large for a conffile", u->pkg->name,
			       e->path);
	r = copy_content(fd, content, c ? &copy : NULL, err);
	if (r < 0)
		return err_add(err, r, "%s: /%s", u->pkg->name, e->path);
	if (!buf_ok(&copy))
		return err_oom(err);
	if (c) {
		digest_md5(copy.data ?: "", copy.len, c->md5);
		c->seen = true;
	}
	r = tree_finish_fd(fd, &attr);
	return r < 0 ? write_error(u, e->path, r, err) : 0;
}

static int unpack_link(struct unpacking *u, const struct deb_entry *e, struct err *err)
{
	const struct tree_attr attr = { 0777, e->uid, e->gid, e->mtime_s };
	const char *name;
	int dir, r;

	/* base-files of newer releases ships the skeleton itself. */
	for (size_t i = 0; i < ARRAY_SIZE(skeleton); i++)
		if (!strcmp(e->path, skeleton[i]))
			return 0;
	dir = tree_parent(u->tree, e->path, &name);
	if (dir < 0)
		return write_error(u, e->path, dir, err);
	if (symlinkat(e->link, dir, name) < 0)
		return errno == EEXIST ? overlap(u, e->path, err) :
					 write_error(u, e->path, -errno, err);
	r = tree_set_attr(u->tree, e->path, &attr);
	return r < 0 ? write_error(u, e->path, r, err) : 0;
}

/* A hard link's target is an earlier entry of the same tar. */
static int unpack_hardlink(struct unpacking *u, const struct deb_entry *e, struct err *err)
{
	_cleanup_close_ int from = -1;
	const char *from_name, *name;
	int dir;

	dir = tree_parent(u->tree, e->link, &from_name);
	if (dir >= 0)
		from = fcntl(dir, F_DUPFD_CLOEXEC, 0);
	if (from < 0)
		return write_error(u, e->path, dir < 0 ? dir : -errno, err);
	dir = tree_parent(u->tree, e->path, &name);
	if (dir < 0)
		return write_error(u, e->path, dir, err);
	if (linkat(from, from_name, dir, name, 0) < 0)
		return errno == EEXIST ? overlap(u, e->path, err) :
					 write_error(u, e->path, -errno, err);
	return 0;
}

static int unpack_entry(void *arg, const struct deb_entry *e, struct deb_stream *content,
			struct err *err)
{
	struct unpacking *u = arg;

	list_add(u->pkg, e->path);
	switch (e->type) {
	case 'd':
		return unpack_dir(u, e, err);
	case 'f':
		return unpack_file(u, e, content, err);
	case 'l':
		return unpack_link(u, e, err);
	}
	return unpack_hardlink(u, e, err);
}

static int unpack_one(struct tree *tree, struct package *p, struct err *err)
{
	struct unpacking u = { .tree = tree, .pkg = p };
	_cleanup_close_ int fd = open(p->deb->path, O_RDONLY | O_CLOEXEC);
	struct deb *d = NULL;
	int r;

	if (fd < 0)
		return err_errno(err, -errno, "cannot open %s", p->deb->path);
	r = deb_open(&d, fd, p->deb->path, err);
	if (r == 0)
		r = deb_data(d, unpack_entry, &u, err);
	deb_close(d);
	return r == 0 && !buf_ok(&p->list) ? err_oom(err) : r;
}

static void *worker(void *arg)
{
	struct job *job = arg;
	struct err *err = malloc(sizeof(*err));
	struct tree tree;
	int r = 0;

	if (!err)
		return NULL;
	err_init(err);
	r = tree_open(&tree, job->tree, err);
	while (r == 0 && !job->stop) {
		size_t i = job->next++;

		if (i >= job->n)
			break;
		r = unpack_one(&tree, job->queue[i], err);
	}
	tree_close(&tree);
	if (r != 0) {
		job->stop = true;
		pthread_mutex_lock(&job->lock);
		/* What is broken matters more than what only dpkg can settle. */
		if (job->rc == 0 || (job->rc > 0 && r < 0)) {
			job->rc = r;
			err_set(job->err, r, "%s", err->text);
		}
		pthread_mutex_unlock(&job->lock);
	}
	free(err);
	return NULL;
}

static int larger_first(const void *a, const void *b)
{
	const struct package *x = *(struct package *const *)a, *y = *(struct package *const *)b;

	return (x->deb_bytes < y->deb_bytes) - (x->deb_bytes > y->deb_bytes);
}

static int run_workers(struct job *job)
{
	pthread_t thread[UNPACK_WORKERS_MAX];
	cpu_set_t cpus;
	int want = sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? CPU_COUNT(&cpus) : 1, n = 0;

	if (want > UNPACK_WORKERS_MAX)
		want = UNPACK_WORKERS_MAX;
	while (n < want - 1 && pthread_create(&thread[n], NULL, worker, job) == 0)
		n++;
	worker(job);
	while (n)
		pthread_join(thread[--n], NULL);
	return job->rc;
}

static int make_skeleton(struct tree *t, struct err *err)
{
	char path[16];
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(skeleton); i++) {
		snprintf(path, sizeof(path), "usr/%s", skeleton[i]);
		r = tree_mkdirs(t, path);
		if (r == 0 && symlinkat(path, t->root, skeleton[i]) < 0)
			r = -errno;
	}
	return r < 0 ? err_errno(err, r, "cannot make the skeleton of the tree") : 0;
}

/* Attributes of directories: the first package in installation order decides. */
static int settle_dirs(struct tree *t, struct package *pkgs, size_t n, struct err *err)
{
	for (size_t i = n; i-- > 0;) {
		for (size_t k = 0; k < pkgs[i].n_dirs; k++) {
			const struct package_dir *d = &pkgs[i].dir[k];
			const struct tree_attr attr = { d->mode, d->uid, d->gid, TREE_NOW };
			int r = tree_set_attr(t, d->path, &attr);

			if (r < 0)
				return err_errno(err, r, "%s: cannot set the mode of /%s",
						 pkgs[i].name, d->path);
		}
	}
	return 0;
}

int unpack_all(const char *tree, struct package *pkgs, size_t n, struct err *err)
{
	_cleanup_free_ struct package **queue = calloc(n + 1, sizeof(*queue));
	struct job job = { .tree = tree, .queue = queue, .err = err };
	struct tree t;
	int r;

	if (!queue)
		return err_oom(err);
	r = tree_open(&t, tree, err);
	if (r == 0)
		r = make_skeleton(&t, err);
	/* base-files makes /var/run and other links; nothing may be there before it. */
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (!strcmp(pkgs[i].name, "base-files"))
			r = unpack_one(&t, &pkgs[i], err);
		else if (!pkgs[i].diverts)
			queue[job.n++] = &pkgs[i];
	}
	if (r == 0) {
		qsort(queue, job.n, sizeof(*queue), larger_first);
		pthread_mutex_init(&job.lock, NULL);
		r = run_workers(&job);
		pthread_mutex_destroy(&job.lock);
	}
	if (r == 0)
		r = settle_dirs(&t, pkgs, n, err);
	tree_close(&t);
	return r;
}

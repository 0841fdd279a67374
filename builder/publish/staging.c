/*
 * See staging.h. A disk image is mostly holes: they are fed to the hash as zeroes
 * without being read.
 */
#include "builder/publish/staging.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"

#define CHUNK_BYTES (256u << 10)
#define HASH_THREADS 2

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct staged_file *)a)->name, ((const struct staged_file *)b)->name);
}

void staged_done(struct staged_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->item[i].name);
	l->n = 0;
}

static int stat_file(const struct publish *p, const char *name, struct staged_file *ret,
		     struct err *err)
{
	struct stat st;

	if (fstatat(p->staging_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(err, -errno, "%s/%s", p->staging, name);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EBADMSG, "%s/%s is no regular file", p->staging, name);
	ret->name = strdup(name);
	if (!ret->name)
		return err_oom(err);
	ret->bytes = (uint64_t)st.st_size;
	ret->mtime_ns = st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec;
	ret->sha256[0] = '\0';
	return 0;
}

static int list_files(const struct publish *p, struct staged_list *ret, struct err *err)
{
	_cleanup_close_ int fd = openat(p->staging_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d)
		return err_errno(err, -errno, "%s", p->staging);
	TAKE_FD(fd);
	while ((e = readdir(d))) {
		int r;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
		    !strcmp(e->d_name, STAGED_SUMS))
			continue;
		if (ret->n == PUBLISH_FILES_MAX)
			return err_set(err, -EFBIG, "%s holds too many files", p->staging);
		r = stat_file(p, e->d_name, &ret->item[ret->n], err);
		if (r < 0)
			return r;
		ret->n++;
	}
	qsort(ret->item, ret->n, sizeof(ret->item[0]), by_name);
	return 0;
}

static void keep_known(const struct staged_list *known, struct staged_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct staged_file *k = bsearch(&list->item[i], known->item, known->n,
						      sizeof(*k), by_name);

		if (k && k->bytes == list->item[i].bytes && k->mtime_ns == list->item[i].mtime_ns)
			memcpy(list->item[i].sha256, k->sha256, sizeof(k->sha256));
	}
}

/* Hash @len bytes of @fd at @at; NULL @chunk: they are a hole. */
static int hash_range(struct digest *d, int fd, uint64_t at, uint64_t len, uint8_t *chunk)
{
	static const uint8_t zeroes[CHUNK_BYTES];

	while (len) {
		size_t n = len < CHUNK_BYTES ? len : CHUNK_BYTES;

		if (chunk) {
			int r = io_pread_all(fd, chunk, n, at);

			if (r < 0)
				return r;
		}
		digest_add(d, chunk ? chunk : zeroes, n);
		at += n;
		len -= n;
	}
	return 0;
}

static int hash_sparse(struct digest *d, int fd, uint64_t bytes, uint8_t *chunk)
{
	uint64_t at = 0;

	while (at < bytes) {
		off_t data = lseek(fd, (off_t)at, SEEK_DATA), hole;
		uint64_t data_at = data < 0 ? bytes : (uint64_t)data;
		int r;

		if (data < 0 && errno != ENXIO)
			data_at = at; /* a file system that cannot tell: everything is data */
		hole = lseek(fd, (off_t)data_at, SEEK_HOLE);
		r = hash_range(d, fd, at, data_at - at, NULL);
		if (r == 0 && data_at < bytes) {
			uint64_t end = hole < 0 || (uint64_t)hole > bytes ? bytes : (uint64_t)hole;

			r = hash_range(d, fd, data_at, end - data_at, chunk);
			data_at = end;
		}
		if (r < 0)
			return r;
		at = data_at;
	}
	return 0;
}

static int hash_file(int dir_fd, struct staged_file *f)
{
	_cleanup_close_ int fd = openat(dir_fd, f->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_free_ uint8_t *chunk = malloc(CHUNK_BYTES);
	struct digest *d = digest_new();
	uint8_t sum[DIGEST_BYTES];
	int r;

	if (fd < 0)
		r = -errno;
	else
		r = chunk && d ? hash_sparse(d, fd, f->bytes, chunk) : -ENOMEM;
	if (r == 0) {
		digest_take(d, sum);
		digest_hex(sum, sizeof(sum), f->sha256);
	}
	digest_free(d);
	return r;
}

/* Files to hash, handed out largest first so that the threads end together. */
struct work {
	pthread_mutex_t lock;
	int dir_fd;
	struct staged_file *todo[PUBLISH_FILES_MAX];
	size_t n, next;
	int error;
	const char *failed;
};

static int by_bytes(const void *a, const void *b)
{
	const struct staged_file *fa = *(struct staged_file *const *)a;
	const struct staged_file *fb = *(struct staged_file *const *)b;

	return fa->bytes < fb->bytes ? 1 : fa->bytes > fb->bytes ? -1 : 0;
}

static void *hash_some(void *arg)
{
	struct work *w = arg;

	for (;;) {
		struct staged_file *f;
		int r;

		pthread_mutex_lock(&w->lock);
		f = w->next < w->n && !w->error ? w->todo[w->next++] : NULL;
		pthread_mutex_unlock(&w->lock);
		if (!f)
			return NULL;
		r = hash_file(w->dir_fd, f);
		if (r < 0) {
			pthread_mutex_lock(&w->lock);
			w->error = r;
			w->failed = f->name;
			pthread_mutex_unlock(&w->lock);
		}
	}
}

static int hash_all(const struct publish *p, struct staged_list *list, struct err *err)
{
	struct work w = { .lock = PTHREAD_MUTEX_INITIALIZER, .dir_fd = p->staging_fd };
	pthread_t thread[HASH_THREADS];
	size_t started = 0;

	for (size_t i = 0; i < list->n; i++)
		if (!list->item[i].sha256[0])
			w.todo[w.n++] = &list->item[i];
	qsort(w.todo, w.n, sizeof(w.todo[0]), by_bytes);
	while (started + 1 < HASH_THREADS &&
	       pthread_create(&thread[started], NULL, hash_some, &w) == 0)
		started++;
	hash_some(&w);
	while (started)
		pthread_join(thread[--started], NULL);
	return w.error ? err_errno(err, w.error, "%s/%s", p->staging, w.failed) : 0;
}

int staged_hash(struct publish *p, struct err *err)
{
	struct staged_list list = { .n = 0 };
	int r = list_files(p, &list, err);

	if (r == 0) {
		keep_known(&p->hashed, &list);
		r = hash_all(p, &list, err);
	}
	if (r < 0) {
		staged_done(&list);
		return r;
	}
	staged_done(&p->hashed);
	p->hashed = list;
	return 0;
}

int staged_sums(struct publish *p, struct err *err)
{
	_cleanup_free_ char *path = path_join(p->staging, STAGED_SUMS);
	_cleanup_buf_ struct buf text = BUF_INIT;
	int r = path ? staged_hash(p, err) : err_oom(err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < p->hashed.n; i++)
		buf_addf(&text, "%s  %s\n", p->hashed.item[i].sha256, p->hashed.item[i].name);
	if (!buf_ok(&text))
		return err_oom(err);
	return atomic_file_write(path, text.data ? text.data : "", text.len, 0644, err);
}

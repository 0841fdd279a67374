/* See fetch.h. */
#include "builder/resolve/fetch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "builder/resolve/lock.h"
#include "builder/resolve/mirrors.h"
#include "builder/resolve/store.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/http.h"
#include "lib/base/progress.h"

#define MISSING_SHOWN 20

/* One missing package on its way: the job, its URLs and the part it fills. */
struct item {
	const struct lock_package *package;
	const struct store *store;
	struct store_part part;
	struct http_job *job;
	char *url[MIRRORS_MAX];
	size_t n_urls;
	char *name;
};

struct batch {
	struct item *items;
	struct http_job *jobs;
	size_t n;
	uint64_t bytes;
};

static void batch_done(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		for (size_t k = 0; k < b->items[i].n_urls; k++)
			free(b->items[i].url[k]);
		free(b->items[i].name);
		store_part_close(&b->items[i].part);
	}
	free(b->items);
	free(b->jobs);
}

static int list_missing(const struct batch *b, struct err *err)
{
	err_set(err, -ENOENT, "offline, and %zu package%s not in the store:", b->n,
		b->n == 1 ? " is" : "s are");
	for (size_t i = 0; i < b->n && i < MISSING_SHOWN; i++)
		err_append(err, "\n  %s %s", b->items[i].package->name,
			   b->items[i].package->version);
	if (b->n > MISSING_SHOWN)
		err_append(err, "\n  and %zu more", b->n - MISSING_SHOWN);
	return -ENOENT;
}

static int find_missing(const struct lock *lock, const struct store *store, struct batch *b)
{
	b->items = calloc(lock->n_packages + 1, sizeof(*b->items));
	b->jobs = calloc(lock->n_packages + 1, sizeof(*b->jobs));
	if (!b->items || !b->jobs)
		return -ENOMEM;
	for (size_t i = 0; i < lock->n_packages; i++) {
		const struct lock_package *p = &lock->packages[i];

		if (store_intact(store, p->sha256, p->size_bytes))
			continue;
		b->items[b->n++] = (struct item){ .package = p, .store = store,
						  .part = STORE_PART_INIT };
		b->bytes += p->size_bytes;
	}
	return 0;
}

static int arrived(struct http_job *job, struct err *err)
{
	struct item *it = job->arg;

	return store_part_commit(it->store, &it->part, it->package->size_bytes, err);
}

/*
 * Parts are opened as late as possible by design of the store: one descriptor per
 * missing package would not fit a usual limit, so the batch is fetched in slices.
 */
static int prepare(struct item *it, struct http_job *job, const struct mirrors *m, struct err *err)
{
	const struct lock_package *p = it->package;
	enum archive a = strcmp(p->archive, archive_names[ARCHIVE_SECURITY]) ? ARCHIVE_MAIN :
									       ARCHIVE_SECURITY;
	int r = store_part_open(it->store, p->sha256, &it->part, err);

	if (r < 0)
		return r;
	it->name = str_printf("%s %s", p->name, p->version);
	if (!it->name)
		return err_oom(err);
	for (size_t i = 0; i < m->n[a]; i++) {
		it->url[i] = str_printf("%s/%s", m->url[a][i], p->path);
		if (!it->url[i])
			return err_oom(err);
		it->n_urls++;
	}
	if (!it->n_urls)
		return err_set(err, -ENOENT, "%s: no mirror of the %s archive is known", it->name,
			       p->archive);
	*job = (struct http_job){ .urls = (const char *const *)it->url, .n_urls = it->n_urls,
				  .name = it->name, .fd = it->part.fd,
				  .size_bytes = p->size_bytes, .max_bytes = p->size_bytes,
				  .done = arrived, .arg = it };
	return 0;
}

#define SLICE 256

static int download(struct batch *b, const struct mirrors *m, const struct fetch_options *opts,
		    struct err *err)
{
	struct http_options o = { .connections = opts->connections, .retries = opts->retries,
				  .stall_s = opts->stall_s };
	int r = 0;

	o.progress = progress_new("fetch", b->bytes, true);
	for (size_t from = 0; r == 0 && from < b->n; from += SLICE) {
		size_t n = b->n - from < SLICE ? b->n - from : SLICE;

		for (size_t i = from; r == 0 && i < from + n; i++)
			r = prepare(&b->items[i], &b->jobs[i], m, err);
		r = r < 0 ? r : http_fetch(&b->jobs[from], n, &o, err);
	}
	progress_free(o.progress);
	return r;
}

static int fetch_into(const struct lock *lock, const struct store *store,
		      const struct fetch_options *opts, struct err *err)
{
	_cleanup_(mirrors_done) struct mirrors m = { 0 };
	_cleanup_(batch_done) struct batch b = { 0 };
	int r = find_missing(lock, store, &b);

	if (r < 0)
		return err_oom(err);
	if (!b.n)
		return 0;
	if (opts->offline)
		return list_missing(&b, err);
	r = mirrors_find(&m, opts->mirrors, opts->n_mirrors, err);
	return r < 0 ? r : download(&b, &m, opts, err);
}

int fetch_packages(const struct lock *lock, const struct fetch_options *opts, struct err *err)
{
	static const struct fetch_options none = { 0 };
	struct store *own = NULL;
	int r = 0;

	opts = opts ? opts : &none;
	if (!opts->store)
		r = store_open(NULL, &own, err);
	r = r < 0 ? r : fetch_into(lock, opts->store ? opts->store : own, opts, err);
	store_free(own);
	return r;
}

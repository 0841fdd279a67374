/*
 * See indexes.h. An index is stored unpacked, under the SHA-256 that the Release
 * gives for the unpacked file; the compressed one only passes through.
 */
#include "builder/resolve/indexes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/recipe/recipe.h"
#include "builder/resolve/decompress.h"
#include "builder/resolve/index.h"
#include "builder/resolve/release.h"
#include "builder/resolve/resolve.h"
#include "builder/resolve/sources.h"
#include "builder/resolve/store.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/http.h"
#include "lib/base/progress.h"

/* One Packages file to be fetched. */
struct wanted {
	struct sources *s;
	const struct source *source;
	const struct release_file *plain, *packed; /* the same content; packed is what is fetched */
	struct store_part part;
	char *url[HTTP_URLS_MAX], *name;
	size_t n_urls;
};

struct wants {
	struct wanted *item;
	struct http_job *job;
	size_t n;
};

static void wants_done(struct wants *w)
{
	for (size_t i = 0; i < w->n; i++) {
		for (size_t k = 0; k < w->item[i].n_urls; k++)
			free(w->item[i].url[k]);
		free(w->item[i].name);
		store_part_close(&w->item[i].part);
	}
	free(w->item);
	free(w->job);
}

/* The row of COMPONENT/binary-ARCH/Packages@suffix, or NULL. */
static const struct release_file *find_file(const struct sources *s, const struct source *it,
					    const char *component, const char *suffix)
{
	_cleanup_free_ char *path = str_printf("%s/binary-%s/Packages%s", component,
					       s->recipe->architecture, suffix);

	return path ? release_find(it->release, path) : NULL;
}

static const struct release_file *find_packed(const struct sources *s, const struct source *it,
					      const char *component)
{
	static const char *const suffixes[] = { ".xz", ".gz", "" };

	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		const struct release_file *f = find_file(s, it, component, suffixes[i]);

		if (f)
			return f;
	}
	return NULL;
}

bool indexes_stored(const struct sources *s, const struct source *it)
{
	for (size_t i = 0; i < s->recipe->components.n; i++) {
		const struct release_file *f =
			find_file(s, it, s->recipe->components.item[i], "");

		if (!f || !store_has(s->store, f->sha256, f->size_bytes))
			return false;
	}
	return true;
}

static int index_arrived(struct http_job *job, struct err *err)
{
	struct wanted *w = job->arg;
	const struct store *store = w->s->store;
	_cleanup_free_ char *packed = NULL, *text = NULL, *path = NULL;
	char hash[DIGEST_HEX_SIZE];
	size_t len;
	int r = store_part_commit(store, &w->part, w->packed->size_bytes, err);

	if (r < 0 || w->packed == w->plain)
		return r;
	r = store_read(store, w->packed->sha256, INDEX_FILE_MAX_BYTES, &packed, &len, err);
	r = r < 0 ? r : decompress(packed, len, w->plain->size_bytes, &text, err);
	r = r < 0 ? r : store_put(store, text, w->plain->size_bytes, hash, err);
	path = store_path(store, w->packed->sha256);
	if (path)
		unlink(path);
	if (r == -EBADMSG || (r == 0 && strcmp(hash, w->plain->sha256)))
		return err_set(err, -EPROTO, "it unpacks to other bytes than were signed");
	return r;
}

static int add_url(struct wanted *w, const char *mirror, bool by_hash)
{
	const struct release_file *f = w->packed;
	const char *slash = memrchr(f->path, '/', f->path_len);
	char **url = &w->url[w->n_urls];

	if (w->n_urls == HTTP_URLS_MAX)
		return 0;
	if (by_hash)
		*url = str_printf("%s/dists/%s/%.*s/by-hash/SHA256/%s", mirror, w->source->suite,
				  (int)(slash - f->path), f->path, f->sha256);
	else
		*url = str_printf("%s/dists/%s/%.*s", mirror, w->source->suite, (int)f->path_len,
				  f->path);
	if (!*url)
		return -ENOMEM;
	w->n_urls++;
	return 0;
}

static int want(struct wants *list, const struct wanted *what, struct err *err)
{
	struct wanted *w = &list->item[list->n];
	const struct mirrors *m = &what->s->mirrors;
	enum archive a = what->source->archive;
	int r;

	*w = *what;
	list->n++;
	w->name = str_printf("%s/%.*s", w->source->suite, (int)w->packed->path_len,
			     w->packed->path);
	r = w->name ? 0 : -ENOMEM;
	for (size_t i = 0; r == 0 && i < m->n[a]; i++) {
		r = w->source->release->by_hash ? add_url(w, m->url[a][i], true) : 0;
		r = r < 0 ? r : add_url(w, m->url[a][i], false);
	}
	if (r < 0)
		return err_oom(err);
	if (!w->n_urls)
		return err_set(err, -ENOENT, "offline, and the store does not hold %s", w->name);
	r = store_part_open(w->s->store, w->packed->sha256, &w->part, err);
	list->job[list->n - 1] = (struct http_job){
		.urls = (const char *const *)w->url, .n_urls = w->n_urls, .name = w->name,
		.fd = w->part.fd, .size_bytes = w->packed->size_bytes,
		.max_bytes = w->packed->size_bytes, .done = index_arrived, .arg = w,
	};
	return r;
}

/* What @it says about one component: list it for fetching unless the store has it. */
static int want_component(struct sources *s, const struct source *it, const char *component,
			  struct wants *list, struct err *err)
{
	struct wanted w = { .s = s, .source = it, .part = STORE_PART_INIT };

	w.plain = find_file(s, it, component, "");
	w.packed = find_packed(s, it, component);
	if (!w.plain || !w.packed)
		return err_set(err, -ENOENT, "%s has no component '%s' for %s (it has: %s)",
			       it->suite, component, s->recipe->architecture,
			       it->release->components);
	if (w.plain->size_bytes > INDEX_FILE_MAX_BYTES ||
	    w.packed->size_bytes > INDEX_FILE_MAX_BYTES)
		return err_set(err, -EBADMSG, "%s: index of %s is larger than any index may be",
			       it->suite, component);
	if (store_has(s->store, w.plain->sha256, w.plain->size_bytes))
		return 0;
	return want(list, &w, err);
}

static int fetch_wants(struct wants *list, struct err *err)
{
	struct http_options o = { 0 };
	uint64_t total = 0;
	int r;

	if (!list->n)
		return 0;
	for (size_t i = 0; i < list->n; i++)
		total += list->job[i].size_bytes;
	o.progress = progress_new("indexes", total, true);
	r = http_fetch(list->job, list->n, &o, err);
	progress_free(o.progress);
	return r;
}

static int fetch_missing(struct sources *s, size_t first, struct err *err)
{
	_cleanup_(wants_done) struct wants list = { 0 };
	size_t max = (s->n - first) * s->recipe->components.n + 1;
	int r = 0;

	list.item = calloc(max, sizeof(*list.item));
	list.job = calloc(max, sizeof(*list.job));
	if (!list.item || !list.job)
		return err_oom(err);
	for (size_t i = first; r == 0 && i < s->n; i++)
		for (size_t c = 0; r == 0 && c < s->recipe->components.n; c++)
			r = want_component(s, &s->item[i], s->recipe->components.item[c], &list,
					   err);
	return r < 0 ? r : fetch_wants(&list, err);
}

static int add_index(struct sources *s, size_t number, const char *component, struct index *index,
		     struct err *err)
{
	const struct source *it = &s->item[number];
	const struct release_file *f = find_file(s, it, component, "");
	_cleanup_free_ char *name = str_printf("%s/%s/Packages", it->suite, component);
	char *text;
	size_t len;
	int r;

	if (!name)
		return err_oom(err);
	r = store_read(s->store, f->sha256, INDEX_FILE_MAX_BYTES, &text, &len, err);
	return r < 0 ? r :
		index_add(index, text, len, name, (unsigned)number, it->archive, err);
}

int indexes_load(struct sources *s, size_t first, struct index *index, struct err *err)
{
	int r = fetch_missing(s, first, err);

	for (size_t i = first; r == 0 && i < s->n; i++)
		for (size_t c = 0; r == 0 && c < s->recipe->components.n; c++)
			r = add_index(s, i, s->recipe->components.item[c], index, err);
	return r;
}

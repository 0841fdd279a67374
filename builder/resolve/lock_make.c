/* See lock_make.h. */
#include "builder/resolve/lock_make.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "builder/recipe/recipe.h"
#include "builder/resolve/index.h"
#include "builder/resolve/lock.h"
#include "builder/resolve/release.h"
#include "builder/resolve/resolve.h"
#include "builder/resolve/sources.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

#define S(s) (int)(s).len, (s).p

static char *copy(struct slice s)
{
	return strndup(s.p, s.len);
}

static int by_name(const void *a, const void *b)
{
	const struct lock_package *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int read_size(struct slice text, uint64_t *ret)
{
	uint64_t v = 0;

	if (!text.len || text.len > 12)
		return -EINVAL;
	for (size_t i = 0; i < text.len; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return -EINVAL;
		v = v * 10 + (uint64_t)(text.p[i] - '0');
	}
	*ret = v;
	return v && v <= LOCK_PACKAGE_MAX_BYTES ? 0 : -EINVAL;
}

static int fill_package(struct lock_package *row, const struct package *p, struct err *err)
{
	struct slice path = package_index_field(p, "Filename");
	struct slice hash = package_index_field(p, "SHA256");
	uint8_t bytes[DIGEST_BYTES];

	row->name = copy(p->name->text);
	row->version = copy(p->version);
	row->arch = copy(p->arch);
	row->by = p->root ? strdup(p->root) : p->by ? copy(p->by->name->text) : strdup("@solver");
	row->archive = strdup(archive_names[p->archive]);
	row->path = copy(path);
	if (!row->name || !row->version || !row->arch || !row->by || !row->archive || !row->path)
		return err_oom(err);
	if (hash.len == DIGEST_HEX_SIZE - 1)
		memcpy(row->sha256, hash.p, hash.len);
	if (!path.len || digest_unhex(row->sha256, bytes, sizeof(bytes)) < 0 ||
	    read_size(package_index_field(p, "Size"), &row->size_bytes) < 0)
		return err_set(err, -EBADMSG, "%s: the index gives no proper path, size or SHA-256",
			       row->name);
	digest_hex(bytes, sizeof(bytes), row->sha256);
	return 0;
}

static int fill_releases(struct lock *l, const struct sources *s, struct package *const *set,
			 size_t n, struct err *err)
{
	bool used[SOURCES_MAX] = { false };

	for (size_t i = 0; i < n; i++)
		used[set[i]->release] = true;
	l->releases = calloc(s->n + 1, sizeof(*l->releases));
	if (!l->releases)
		return err_oom(err);
	for (size_t i = 0; i < s->n; i++) {
		const struct source *it = &s->item[i];
		struct lock_release *row = &l->releases[l->n_releases];

		if (!it->current && !used[i])
			continue;
		l->n_releases++;
		row->archive = strdup(archive_names[it->archive]);
		row->suite = strdup(it->suite);
		row->date = it->release->date;
		memcpy(row->sha256, it->sha256, sizeof(row->sha256));
		if (!row->archive || !row->suite)
			return err_oom(err);
		if (l->timestamp < row->date)
			l->timestamp = row->date;
	}
	return 0;
}

static int keep_ids(struct lock *l, const struct lock *old)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < old->n_users; i++)
		r = lock_set_user(l, old->users[i].name, old->users[i].uid, old->users[i].gid);
	for (size_t i = 0; r == 0 && i < old->n_groups; i++)
		r = lock_set_group(l, old->groups[i].name, old->groups[i].gid);
	return r;
}

/* What was made must be readable: the strict parser judges foreign names and paths. */
static int check_readable(const struct lock *l, struct err *err)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct lock *back;
	int r;

	lock_print(l, &text);
	if (!buf_ok(&text))
		return err_oom(err);
	r = lock_parse(text.data, text.len, "the new lock", &back, err);
	if (r == 0)
		lock_free(back);
	return r == -EINVAL ? -EBADMSG : r;
}

static int fill(struct lock *l, const struct recipe *recipe, const struct sources *sources,
		struct package *const *set, size_t n, struct err *err)
{
	int r;

	l->recipe = strdup(recipe->name);
	l->suite = strdup(recipe->suite);
	l->architecture = strdup(recipe->architecture);
	l->packages = calloc(n + 1, sizeof(*l->packages));
	if (!l->recipe || !l->suite || !l->architecture || !l->packages)
		return err_oom(err);
	resolve_request(recipe, l->request);
	r = fill_releases(l, sources, set, n, err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		l->n_packages++;
		r = fill_package(&l->packages[i], set[i], err);
	}
	if (r == 0)
		qsort(l->packages, l->n_packages, sizeof(*l->packages), by_name);
	return r;
}

int lock_make(const struct recipe *recipe, const struct sources *sources,
	      struct package *const *set, size_t n, const struct lock *old,
	      struct lock **ret, struct err *err)
{
	struct lock *l = lock_new();
	int r;

	if (!l)
		return err_oom(err);
	r = fill(l, recipe, sources, set, n, err);
	if (r == 0 && old && keep_ids(l, old) < 0)
		r = err_oom(err);
	r = r < 0 ? r : check_readable(l, err);
	if (r < 0)
		lock_free(l);
	else
		*ret = l;
	return r;
}

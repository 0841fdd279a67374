/* See usage.h. */
#include "builder/squash/usage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "builder/rootfs/manifest.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

static int by_name(const void *a, const void *b)
{
	const struct usage_package *pa = a, *pb = b;

	return strcmp(pa->name, pb->name);
}

static int by_bytes(const void *a, const void *b)
{
	const struct usage_package *pa = a, *pb = b;

	if (pa->bytes != pb->bytes)
		return pa->bytes < pb->bytes ? 1 : -1;
	return strcmp(pa->name, pb->name);
}

/* Join neighbours of one name; returns how many are left. */
static size_t merge(struct usage_package *p, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (kept && !strcmp(p[kept - 1].name, p[i].name))
			p[kept - 1].bytes += p[i].bytes;
		else
			p[kept++] = p[i];
	}
	return kept;
}

int usage_sum(const struct manifest *m, const struct owners *o, struct usage *ret, struct err *err)
{
	_cleanup_free_ struct usage_package *files = calloc(m->n + 1, sizeof(*files));
	size_t n = 0;

	if (!files)
		return err_oom(err);
	*ret = (struct usage){ 0 };
	for (size_t i = 0; i < m->n; i++) {
		const struct manifest_entry *e = &m->entry[i];
		const char *owner;

		if (e->type != 'f')
			continue;
		owner = o ? owners_find(o, e->path) : NULL;
		files[n].name = owner ? owner : USAGE_NO_PACKAGE;
		files[n++].bytes = e->size_bytes;
		ret->total_bytes += e->size_bytes;
	}
	qsort(files, n, sizeof(*files), by_name);
	ret->n_packages = merge(files, n);
	qsort(files, ret->n_packages, sizeof(*files), by_bytes);
	ret->packages = TAKE_PTR(files);
	return 0;
}

void usage_done(struct usage *u)
{
	free(u->packages);
	*u = (struct usage){ 0 };
}

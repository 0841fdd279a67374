/*
 * See sort_file.h. mksquashfs has priorities 32767...-32768, higher first, and 0 for files not
 * named.
 */
#include "builder/squash/sort_file.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "builder/rootfs/manifest.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

#define PRIORITY_FIRST 32767
#define PRIORITY_N 32767 /* all above 0, so that unnamed files come last */

struct item {
	const char *package, *path;
};

static int compare(const void *a, const void *b)
{
	const struct item *ia = a, *ib = b;
	int r = strcmp(ia->package, ib->package);

	return r ? r : strcmp(ia->path, ib->path);
}

/* Blanks separate the fields, '#' starts a comment, a backslash escapes. */
static int path_readable(const char *path)
{
	return path[0] && path[0] != '#' && !strpbrk(path, " \t\n\r\v\f\\");
}

int sort_file_print(const struct manifest *m, const struct owners *o, struct buf *out,
		struct err *err)
{
	_cleanup_free_ struct item *items = calloc(m->n + 1, sizeof(*items));
	size_t n = 0;

	if (!items)
		return err_oom(err);
	for (size_t i = 0; i < m->n; i++) {
		const struct manifest_entry *e = &m->entry[i];
		const char *owner;

		if (e->type != 'f' || !path_readable(e->path))
			continue;
		owner = o ? owners_find(o, e->path) : NULL;
		items[n].package = owner ? owner : "";
		items[n++].path = e->path;
	}
	qsort(items, n, sizeof(*items), compare);
	for (size_t i = 0; i < n; i++) {
		/* With more files than priorities, neighbours share one. */
		size_t rank = n <= PRIORITY_N ? i : (size_t)((uint64_t)i * PRIORITY_N / n);

		buf_addf(out, "%s %d\n", items[i].path, PRIORITY_FIRST - (int)rank);
	}
	return buf_ok(out) ? 0 : err_oom(err);
}

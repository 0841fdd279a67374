/* See reasons.h: breadth first over satisfied dependencies. */
#include "builder/resolve/reasons.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"

struct queue {
	struct package **item;
	size_t head, tail;
};

static void reach(struct queue *q, struct package *p, struct package *by)
{
	if (p->by || p->root)
		return;
	p->by = by;
	q->item[q->tail++] = p;
}

static void follow(struct index *x, struct queue *q, struct package *from, const struct dep *d)
{
	const struct name *n = index_find(x, d->name);

	if (!n || !index_dep_is_native(x, d))
		return;
	if (n->chosen && package_satisfies(n->chosen, d))
		reach(q, n->chosen, from);
	for (const struct provider *v = n->providers; v; v = v->next)
		if (v->package->name->chosen == v->package && provider_satisfies(v, d))
			reach(q, v->package, from);
}

int reasons_find(struct index *x, struct package *const *set, size_t n)
{
	static const char *const fields[] = { "Pre-Depends", "Depends" };
	_cleanup_free_ struct package **items = calloc(n + 1, sizeof(struct package *));
	struct queue q = { .item = items };
	struct dep d;

	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		set[i]->by = NULL;
		set[i]->name->chosen = set[i];
		if (set[i]->root)
			q.item[q.tail++] = set[i];
	}
	while (q.head < q.tail) {
		struct package *p = q.item[q.head++];

		for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
			struct depends_reader r = depends_read(package_index_field(p, fields[i]));

			while (depends_next(&r, &d) > 0)
				follow(x, &q, p, &d);
		}
	}
	return 0;
}

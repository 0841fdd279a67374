/* See order.h. */
#include "builder/rootfs/order.h"

#include <stdlib.h>
#include <string.h>

#include "builder/rootfs/package.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

/* A name that a package of the set has or provides. */
struct provided {
	char *name;
	size_t pkg;
};

struct index {
	struct provided *item;
	size_t n, cap;
};

static void index_done(struct index *x)
{
	for (size_t i = 0; i < x->n; i++)
		free(x->item[i].name);
	free(x->item);
}

static int index_add(struct index *x, const char *name, size_t len, size_t pkg)
{
	if (x->n == x->cap) {
		size_t cap = x->cap ? 2 * x->cap : 256;
		struct provided *p = realloc(x->item, cap * sizeof(*p));

		if (!p)
			return -1;
		x->item = p;
		x->cap = cap;
	}
	x->item[x->n] = (struct provided){ strndup(name, len), pkg };
	return x->item[x->n++].name ? 0 : -1;
}

static int by_name(const void *a, const void *b)
{
	const struct provided *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : (x->pkg > y->pkg) - (x->pkg < y->pkg);
}

/* Length of a package name at @s: up to a space, version, architecture or separator. */
static size_t name_len(const char *s)
{
	return strcspn(s, " \t(:,|[<");
}

static int index_build(struct index *x, const struct package *pkgs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *provides = package_field(&pkgs[i], "Provides");

		if (index_add(x, pkgs[i].name, strlen(pkgs[i].name), i) < 0)
			return -1;
		for (char *s = provides; s && *s;) {
			s += strspn(s, " \t,");
			if (name_len(s) && index_add(x, s, name_len(s), i) < 0)
				return -1;
			s += strcspn(s, ",");
		}
	}
	qsort(x->item, x->n, sizeof(*x->item), by_name);
	return 0;
}

/* The first package of the set that has or provides the name; @n when none does. */
static size_t index_find(const struct index *x, const char *name, size_t len, size_t n)
{
	size_t lo = 0, hi = x->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = strncmp(x->item[mid].name, name, len);

		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < x->n && strlen(x->item[lo].name) == len &&
			       !strncmp(x->item[lo].name, name, len) ?
		       x->item[lo].pkg :
		       n;
}

typedef void dep_fn(void *arg, size_t pkg);

/* Call @fn for every package of the set that a dependency field of @p is met by. */
static void each_dep(const struct index *x, const struct package *p, const char *field, size_t n,
		     dep_fn *fn, void *arg)
{
	_cleanup_free_ char *value = package_field(p, field);

	for (char *s = value; s && *s;) {
		s += strspn(s, " \t,|");
		if (name_len(s)) {
			size_t k = index_find(x, s, name_len(s), n);

			if (k < n)
				fn(arg, k);
		}
		s += strcspn(s, ",|");
	}
}

/* Depth-first walk: what is needed is placed before what needs it. */
struct walk {
	const struct package *pkgs;
	size_t n;
	struct index index;
	bool *seen;
	size_t *placed, n_placed;
};

static void visit(void *arg, size_t i)
{
	struct walk *w = arg;

	if (w->seen[i])
		return;
	w->seen[i] = true;
	each_dep(&w->index, &w->pkgs[i], "Pre-Depends", w->n, visit, w);
	each_dep(&w->index, &w->pkgs[i], "Depends", w->n, visit, w);
	w->placed[w->n_placed++] = i;
}

static int rank(const struct package *p)
{
	if (!strcmp(p->name, "base-files"))
		return 0;
	if (!strcmp(p->name, "base-passwd"))
		return 1;
	return p->essential ? 2 : 3;
}

static int by_rank(const void *a, const void *b)
{
	const struct package *x = a, *y = b;

	return rank(x) != rank(y) ? rank(x) - rank(y) : strcmp(x->name, y->name);
}

int order_packages(struct package *pkgs, size_t n, struct err *err)
{
	struct walk w = { .pkgs = pkgs, .n = n };
	struct package *sorted = calloc(n + 1, sizeof(*sorted));

	w.seen = calloc(n + 1, sizeof(*w.seen));
	w.placed = calloc(n + 1, sizeof(*w.placed));
	if (sorted && w.seen && w.placed)
		qsort(pkgs, n, sizeof(*pkgs), by_rank);
	if (!sorted || !w.seen || !w.placed || index_build(&w.index, pkgs, n) < 0) {
		index_done(&w.index);
		free(sorted);
		free(w.seen);
		free(w.placed);
		return err_oom(err);
	}
	for (size_t i = 0; i < n; i++)
		visit(&w, i);
	for (size_t i = 0; i < n; i++)
		sorted[i] = pkgs[w.placed[i]];
	memcpy(pkgs, sorted, n * sizeof(*pkgs));
	index_done(&w.index);
	free(sorted);
	free(w.seen);
	free(w.placed);
	return 0;
}

struct batch {
	size_t first; /* index of the current batch's first package */
	bool *reached; /* by the dependencies being followed */
	bool inside;
	const struct package *pkgs;
	size_t n;
	struct index index;
};

/* Everything a pre-dependency itself needs must be configured too. */
static void check_inside(void *arg, size_t i)
{
	struct batch *b = arg;

	if (b->reached[i])
		return;
	b->reached[i] = true;
	if (i >= b->first)
		b->inside = true;
	each_dep(&b->index, &b->pkgs[i], "Pre-Depends", b->n, check_inside, b);
	each_dep(&b->index, &b->pkgs[i], "Depends", b->n, check_inside, b);
}

int order_batches(const struct package *pkgs, size_t n, bool *ret_new_batch, struct err *err)
{
	struct batch b = { .pkgs = pkgs, .n = n };

	b.reached = calloc(n + 1, sizeof(*b.reached));
	if (!b.reached || index_build(&b.index, pkgs, n) < 0) {
		index_done(&b.index);
		free(b.reached);
		return err_oom(err);
	}
	for (size_t i = 0; i < n; i++) {
		memset(b.reached, 0, n * sizeof(*b.reached));
		b.inside = false;
		each_dep(&b.index, &pkgs[i], "Pre-Depends", n, check_inside, &b);
		ret_new_batch[i] = i == 0 || b.inside;
		if (ret_new_batch[i])
			b.first = i;
	}
	index_done(&b.index);
	free(b.reached);
	return 0;
}

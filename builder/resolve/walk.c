/*
 * See walk.h. Choices are kept on a trail, so that an alternative that fails deep down is
 * undone.
 */
#include "builder/resolve/walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"

#define STEPS_MAX 5000000ul
#define DEPTH_MAX 2048 /* frames of choose() on the stack */

/* Alternatives taken before earlier ones of their group: smaller, and what kiln's trees need. */
static const char *const preferred[] = { "usr-is-merged", "mawk" };

static int choose_dependencies(struct walk *w, struct package *p, struct err *err);

#define S(s) (int)(s).len, (s).p

/* A pinned version stands in the way: remember it, so that the caller may let it go. */
static void blame(struct walk *w, const struct package *p)
{
	if (!w->unpin && p->name->pinned)
		w->unpin = p->name;
}

/* The chosen package that satisfies @d, or NULL. */
static struct package *chosen_for(const struct walk *w, const struct dep *d)
{
	const struct name *n = index_find(w->index, d->name);

	if (!n || !index_dep_is_native(w->index, d))
		return NULL;
	if (n->chosen && package_satisfies(n->chosen, d))
		return n->chosen;
	for (const struct provider *v = n->providers; v; v = v->next)
		if (v->package->name->chosen == v->package && provider_satisfies(v, d))
			return v->package;
	return NULL;
}

/* A package other than @p, chosen or needed, that the conflict @d of @p is about, or NULL. */
static struct package *victim_of(const struct walk *w, const struct dep *d, const struct package *p)
{
	const struct name *n = index_find(w->index, d->name);

	if (!n || !index_dep_is_native(w->index, d))
		return NULL;
	if (n->chosen && n->chosen != p && package_satisfies(n->chosen, d))
		return n->chosen;
	if (n->needed && n->needed != p && package_satisfies(n->needed, d))
		return n->needed;
	for (const struct provider *v = n->providers; v; v = v->next)
		if ((v->package->name->chosen == v->package ||
		     v->package->name->needed == v->package) &&
		    v->package != p && provider_satisfies(v, d))
			return v->package;
	return NULL;
}

/* A chosen or needed package whose Conflicts or Breaks name @p, or NULL. */
static struct package *opponent_of(const struct walk *w, const struct package *p)
{
	struct depends_reader r = depends_read(package_index_field(p, "Provides"));
	struct dep d;

	for (const struct against *a = p->name->against; a; a = a->next)
		if (a->owner != p && package_satisfies(p, &a->dep))
			return a->owner;
	while (depends_next(&r, &d) > 0) {
		const struct name *n = index_find(w->index, d.name);
		struct provider v = { .version = d.version };

		for (const struct against *a = n ? n->against : NULL; a; a = a->next)
			if (a->owner != p && provider_satisfies(&v, &a->dep))
				return a->owner;
	}
	return NULL;
}

/* Call @fn for each Conflicts and Breaks of @p until it returns non-zero. */
static int each_conflict(struct walk *w, struct package *p,
			 int (*fn)(struct walk *w, struct package *p, const struct dep *d,
				   struct err *err),
			 struct err *err)
{
	static const char *const fields[] = { "Conflicts", "Breaks" };
	struct dep d;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fields); i++) {
		struct depends_reader reader = depends_read(package_index_field(p, fields[i]));

		while (r == 0 && (r = depends_next(&reader, &d)) > 0)
			r = fn(w, p, &d, err);
		if (r == -EINVAL)
			return err_set(err, r, "%.*s: malformed %s", S(p->name->text), fields[i]);
	}
	return r;
}

static int refuse_if_present(struct walk *w, struct package *p, const struct dep *d,
			     struct err *err)
{
	const struct package *q = victim_of(w, d, p);

	if (!q)
		return 0;
	blame(w, q);
	blame(w, p);
	return err_set(err, -ENOPKG, "%.*s conflicts with %.*s", S(p->name->text),
		       S(q->name->text));
}

static int stand_against(struct walk *w, struct package *p, const struct dep *d, struct err *err)
{
	struct name *n = index_find(w->index, d->name);
	struct against *a = w->spare;

	if (!n || !index_dep_is_native(w->index, d))
		return 0;
	if (a)
		w->spare = a->next;
	else
		a = malloc(sizeof(*a));
	if (!a)
		return err_oom(err);
	*a = (struct against){ p, *d, n->against };
	n->against = a;
	return 0;
}

static int stand_down(struct walk *w, struct package *p, const struct dep *d, struct err *err)
{
	struct name *n = index_find(w->index, d->name);

	(void)err;
	for (struct against **a = n ? &n->against : NULL, *gone; a && *a;) {
		if ((*a)->owner != p) {
			a = &(*a)->next;
			continue;
		}
		gone = *a;
		*a = gone->next;
		gone->next = w->spare;
		w->spare = gone;
	}
	return 0;
}

static void undo(struct walk *w, size_t mark)
{
	while (w->n > mark) {
		struct package *p = w->chosen[--w->n];

		p->name->chosen = NULL;
		if (p->name->needed != p)
			each_conflict(w, p, stand_down, NULL);
	}
}

/* Mark @p as chosen if nothing chosen stands against it; its dependencies come later. */
static int mark_chosen(struct walk *w, struct package *p, struct err *err)
{
	const struct package *q = opponent_of(w, p);
	int r;

	if (q) {
		blame(w, p);
		blame(w, q);
		return err_set(err, -ENOPKG, "%.*s conflicts with %.*s", S(q->name->text),
			       S(p->name->text));
	}
	r = each_conflict(w, p, refuse_if_present, err);
	if (r < 0)
		return r;
	if (w->n == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 256;
		struct package **rows = reallocarray(w->chosen, cap, sizeof(struct package *));

		if (!rows)
			return err_oom(err);
		w->chosen = rows;
		w->cap = cap;
	}
	w->chosen[w->n++] = p;
	p->name->chosen = p;
	return p->name->needed == p ? 0 : each_conflict(w, p, stand_against, err);
}

static int choose(struct walk *w, struct package *p, struct err *err)
{
	size_t mark = w->n;
	int r;

	if (p->name->chosen)
		return p->name->chosen == p ? 0 :
			err_set(err, -ENOPKG, "two versions of %.*s", S(p->name->text));
	if (++w->steps > STEPS_MAX || w->depth >= DEPTH_MAX)
		return err_set(err, -ELOOP, "the dependencies are too deep or too tangled");
	r = mark_chosen(w, p, err);
	if (r == 0) {
		w->depth++;
		r = choose_dependencies(w, p, err);
		w->depth--;
	}
	if (r < 0)
		undo(w, mark);
	return r;
}

/* apt's order among providers: essential, important, priority, then as listed. */
static int by_preference(const void *a, const void *b)
{
	const struct provider *x = *(struct provider *const *)a, *y = *(struct provider *const *)b;
	const struct package *p = x->package, *q = y->package;

	for (size_t i = 0; i < ARRAY_SIZE(preferred); i++) {
		size_t len = strlen(preferred[i]);
		bool px = p->name->text.len == len && !memcmp(p->name->text.p, preferred[i], len);
		bool qx = q->name->text.len == len && !memcmp(q->name->text.p, preferred[i], len);

		if (px != qx)
			return px ? -1 : 1;
	}
	if (p->essential != q->essential)
		return p->essential ? -1 : 1;
	if (p->important != q->important)
		return p->important ? -1 : 1;
	if (p->priority != q->priority)
		return p->priority < q->priority ? -1 : 1;
	return p->order < q->order ? -1 : p->order > q->order;
}

/* The candidates that provide @d in the order to try them, owned; NULL when out of memory. */
static const struct provider **list_providers(const struct name *n, const struct dep *d,
					      size_t *ret_n)
{
	const struct provider **list;
	size_t count = 0;

	for (const struct provider *v = n->providers; v; v = v->next)
		count++;
	list = calloc(count + 1, sizeof(*list));
	count = 0;
	for (const struct provider *v = n->providers; list && v; v = v->next)
		if (v->package->name->candidate == v->package && provider_satisfies(v, d))
			list[count++] = v;
	if (list)
		qsort(list, count, sizeof(list[0]), by_preference);
	*ret_n = count;
	return list;
}

/* -ENOPKG means "try the next"; everything else ends the walk. */
static int try_providers(struct walk *w, const struct name *n, const struct dep *d, struct err *err)
{
	size_t count;
	_cleanup_free_ const struct provider **list = list_providers(n, d, &count);
	int r = -ENOPKG;

	if (!list)
		return err_oom(err);
	for (size_t i = 0; r == -ENOPKG && i < count; i++)
		r = choose(w, list[i]->package, err);
	return r;
}

/* A pinned candidate is too old for @d, but another version would do: remember it. */
static void note_unpin(struct walk *w, struct name *n, const struct dep *d)
{
	for (const struct package *p = n->pinned ? n->versions : NULL; p && !w->unpin; p = p->next)
		if (package_satisfies(p, d))
			w->unpin = n;
}

static int try_alternative(struct walk *w, const struct dep *d, struct err *err)
{
	struct name *n = index_find(w->index, d->name);
	int r = -ENOPKG;

	if (!n || !index_dep_is_native(w->index, d))
		return r;
	if (n->candidate && package_satisfies(n->candidate, d))
		r = choose(w, n->candidate, err);
	else if (n->candidate)
		note_unpin(w, n, d);
	return r == -ENOPKG && n->providers ? try_providers(w, n, d, err) : r;
}

static bool is_preferred(const struct dep *d)
{
	for (size_t i = 0; i < ARRAY_SIZE(preferred); i++)
		if (strlen(preferred[i]) == d->name.len &&
		    !memcmp(preferred[i], d->name.p, d->name.len))
			return true;
	return false;
}

/* The alternatives of one group; @r stands at its first and is left behind its last. */
static bool satisfied(const struct walk *w, struct depends_reader *r)
{
	struct dep d = { .last = false };
	bool yes = false;

	while (!d.last && depends_next(r, &d) > 0)
		yes = yes || chosen_for(w, &d);
	return yes;
}

static int try_group(struct walk *w, struct depends_reader r, bool only_preferred, struct err *err)
{
	struct dep d = { .last = false };
	int rc = -ENOPKG;

	while (rc == -ENOPKG && !d.last && depends_next(&r, &d) > 0)
		if (!only_preferred || is_preferred(&d))
			rc = try_alternative(w, &d, err);
	return rc;
}

static int satisfy(struct walk *w, struct depends_reader group, struct package *by,
		   struct err *err)
{
	struct dep first;
	int r = try_group(w, group, true, err);

	if (r == -ENOPKG)
		r = try_group(w, group, false, err);
	if (r != -ENOPKG)
		return r;
	blame(w, by);
	if (err && !err->text[0] && depends_next(&group, &first) > 0)
		err_set(err, r, "%.*s depends on %.*s, which cannot be had", S(by->name->text),
			S(first.name));
	return r;
}

/* Malformed text ends a reader early; better said than overlooked. */
static bool well_formed(struct slice field)
{
	struct depends_reader r = depends_read(field);
	struct dep d;
	int rc;

	while ((rc = depends_next(&r, &d)) > 0)
		;
	return rc == 0;
}

static int choose_dependencies(struct walk *w, struct package *p, struct err *err)
{
	static const char *const fields[] = { "Pre-Depends", "Depends" };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(fields); i++) {
		struct slice field = package_index_field(p, fields[i]);
		struct depends_reader reader = depends_read(field), group = reader;

		if (!well_formed(field))
			return err_set(err, -EINVAL, "%.*s: malformed %s", S(p->name->text),
				       fields[i]);
		while (r == 0 && reader.p < reader.end) {
			group = reader;
			if (!satisfied(w, &reader))
				r = satisfy(w, group, p, err);
		}
	}
	return r;
}

/* Note @p as a way to satisfy a dependency: *@only is the sole one, *@n counts up to two. */
static void note_option(struct package *p, struct package **only, size_t *n)
{
	if (*n == 0 || *only != p)
		++*n;
	*only = p;
}

static void count_options(const struct walk *w, const struct dep *d, struct package **only,
			  size_t *count)
{
	const struct name *n = index_find(w->index, d->name);

	if (!n || !index_dep_is_native(w->index, d))
		return;
	if (n->candidate && package_satisfies(n->candidate, d))
		note_option(n->candidate, only, count);
	for (const struct provider *v = n->providers; v && *count < 2; v = v->next)
		if (v->package->name->candidate == v->package && provider_satisfies(v, d))
			note_option(v->package, only, count);
}

static int need(struct walk *w, struct package *p, struct err *err)
{
	if (p->name->needed)
		return 0;
	if (w->n_needed == w->needed_cap) {
		size_t cap = w->needed_cap ? w->needed_cap * 2 : 256;
		struct package **rows = reallocarray(w->needed, cap, sizeof(struct package *));

		if (!rows)
			return err_oom(err);
		w->needed = rows;
		w->needed_cap = cap;
	}
	w->needed[w->n_needed++] = p;
	p->name->needed = p;
	return each_conflict(w, p, stand_against, err);
}

static int need_dependencies(struct walk *w, const struct package *p, const char *field,
			     struct err *err)
{
	struct depends_reader reader = depends_read(package_index_field(p, field));
	struct package *only = NULL;
	struct dep d;
	size_t n = 0;
	int r = 0;

	while (r == 0 && depends_next(&reader, &d) > 0) {
		count_options(w, &d, &only, &n);
		if (!d.last)
			continue;
		if (n == 1)
			r = need(w, only, err);
		n = 0;
	}
	return r;
}

/*
 * What every solution contains: the seeds, and whatever is the only way to satisfy a
 * dependency of these. Known before the walk, it keeps the walk from alternatives that
 * conflict with something still to come.
 */
static int find_needed(struct walk *w, struct package *const *seeds, size_t n_seeds,
		       struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n_seeds; i++)
		r = need(w, seeds[i], err);
	for (size_t i = 0; r == 0 && i < w->n_needed; i++) {
		r = need_dependencies(w, w->needed[i], "Pre-Depends", err);
		r = r < 0 ? r : need_dependencies(w, w->needed[i], "Depends", err);
	}
	return r;
}

int walk_run(struct walk *w, struct index *index, struct package *const *seeds, size_t n_seeds,
	     struct err *err)
{
	int r;

	*w = (struct walk){ .index = index };
	if (err)
		err_init(err);
	r = find_needed(w, seeds, n_seeds, err);
	/* What was asked for by name counts as chosen before any dependency is looked at. */
	for (size_t i = 0; r == 0 && i < n_seeds; i++)
		if (!seeds[i]->name->chosen)
			r = mark_chosen(w, seeds[i], err);
	for (size_t i = 0; r == 0 && i < n_seeds; i++)
		r = choose_dependencies(w, seeds[i], err);
	return r;
}

void walk_done(struct walk *w)
{
	undo(w, 0);
	for (size_t i = 0; i < w->n_needed; i++) {
		w->needed[i]->name->needed = NULL;
		each_conflict(w, w->needed[i], stand_down, NULL);
	}
	free(w->needed);
	while (w->spare) {
		struct against *next = w->spare->next;

		free(w->spare);
		w->spare = next;
	}
	free(w->chosen);
	*w = (struct walk){ 0 };
}

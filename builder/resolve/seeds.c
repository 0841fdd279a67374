/* See seeds.h. */
#include "builder/resolve/seeds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "builder/recipe/recipe.h"
#include "builder/resolve/sources.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

#define SIMILAR_MAX 4
#define PROVIDERS_SHOWN 6

#define S(s) (int)(s).len, (s).p

static int add(struct seeds *s, struct package *p, const char *root, struct err *err)
{
	if (p->root) {
		p->root = root;
		return 0;
	}
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 64;
		struct package **rows = reallocarray(s->item, cap, sizeof(struct package *));

		if (!rows)
			return err_oom(err);
		s->item = rows;
		s->cap = cap;
	}
	p->root = root;
	s->item[s->n++] = p;
	return 0;
}

struct collect {
	struct seeds *seeds;
	struct err *err;
};

static int add_essential(struct name *n, void *arg)
{
	struct collect *c = arg;

	if (!n->candidate || !n->candidate->essential)
		return 0;
	return add(c->seeds, n->candidate, "@base", c->err);
}

static int unknown(const struct index *x, const struct recipe *recipe, const char *name,
		   struct err *err)
{
	struct slice similar[SIMILAR_MAX];
	const struct name *n = index_find_str(x, name);
	size_t count;

	err_set(err, -ENOPKG, "%s: package '%s' is not in %s", recipe->file, name, recipe->suite);
	if (n && n->providers) {
		err_append(err, "; it is a virtual package, name one that provides it:");
		count = 0;
		for (const struct provider *v = n->providers; v && count < PROVIDERS_SHOWN;
		     v = v->next, count++)
			err_append(err, " %.*s", S(v->package->name->text));
		return -ENOPKG;
	}
	count = index_similar(x, name, similar, SIMILAR_MAX);
	for (size_t i = 0; i < count; i++)
		err_append(err, "%s%.*s", i ? ", " : "; did you mean ", S(similar[i]));
	if (count)
		err_append(err, "?");
	return -ENOPKG;
}

/*
 * The one package that provides the virtual @n; NULL when several do, or none. As apt: a
 * library's old name goes on being one after a transition gave the package another.
 */
static const struct name *only_provider(const struct name *n)
{
	const struct name *found = NULL;

	for (const struct provider *v = n->providers; v; v = v->next) {
		if (found && v->package->name != found)
			return NULL;
		found = v->package->name;
	}
	for (const struct provider *v = n->providers; v; v = v->next)
		if (v->package == found->candidate)
			return found;
	return NULL;
}

/* "NAME" or "NAME=VERSION". */
static int add_named(struct seeds *s, struct index *x, const struct recipe *recipe,
		     const char *text, const char *root, struct err *err)
{
	const char *equals = strchr(text, '=');
	_cleanup_free_ char *name = strndup(text, equals ? (size_t)(equals - text) : strlen(text));
	const struct name *n = name ? index_find_str(x, name) : NULL;

	if (!name)
		return err_oom(err);
	if (n && !n->candidate && !equals)
		n = only_provider(n);
	if (!n || !n->candidate)
		return unknown(x, recipe, name, err);
	if (equals && !index_pin(x, name, equals + 1, NULL))
		return err_set(err, -ENOPKG,
			       "%s: package '%s' has no version %s in %s; it has %.*s",
			       recipe->file, name, equals + 1, recipe->suite,
			       S(n->candidate->version));
	if (equals)
		index_find_str(x, name)->pinned = false; /* not to be let go: it is asked for */
	return add(s, n->candidate, root, err);
}

static int clear_root(struct name *n, void *arg)
{
	(void)arg;
	for (struct package *p = n->versions; p; p = p->next)
		p->root = NULL;
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In the order of their names: the order in a recipe is no part of its question. */
static int add_asked(struct seeds *s, struct index *x, const struct recipe *recipe, struct err *err)
{
	size_t n = recipe->packages.n;
	_cleanup_free_ char **names = calloc(n + 1, sizeof(char *));
	int r = 0;

	if (!names)
		return err_oom(err);
	for (size_t i = 0; i < n; i++)
		names[i] = recipe->packages.item[i];
	qsort(names, n, sizeof(*names), by_text);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_named(s, x, recipe, names[i], "@recipe", err);
	return r;
}

int seeds_find(struct seeds *s, struct index *x, const struct recipe *recipe, struct err *err)
{
	struct collect c = { s, err };
	int r;

	s->n = 0;
	index_each(x, clear_root, NULL);
	r = index_each(x, add_essential, &c);
	if (r == 0 && recipe->kernel_package && *recipe->kernel_package)
		r = add_named(s, x, recipe, recipe->kernel_package, "@kernel", err);
	return r < 0 ? r : add_asked(s, x, recipe, err);
}

void seeds_done(struct seeds *s)
{
	free(s->item);
	*s = (struct seeds){ 0 };
}

bool seeds_asked_for(const struct recipe *recipe, const char *package)
{
	size_t len = strlen(package);

	for (size_t i = 0; i < recipe->packages.n; i++) {
		const char *p = recipe->packages.item[i];

		if (!strncmp(p, package, len) && (!p[len] || p[len] == '='))
			return true;
	}
	return recipe->kernel_package && !strcmp(recipe->kernel_package, package);
}

void seeds_unpin(struct name *n, const struct sources *sources)
{
	n->candidate = NULL;
	n->pinned = false;
	for (struct package *p = n->versions; p; p = p->next)
		if (sources->item[p->release].current &&
		    (!n->candidate ||
		     debver_compare(p->version.p, p->version.len, n->candidate->version.p,
				    n->candidate->version.len) > 0))
			n->candidate = p;
}

static int choose_one(struct name *n, void *arg)
{
	seeds_unpin(n, arg);
	return 0;
}

void seeds_choose_current(struct index *x, const struct sources *sources)
{
	index_each(x, choose_one, (void *)sources);
}

/* See resolve.h: from the recipe's question to the lock. */
#include "builder/resolve/resolve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "builder/recipe/recipe.h"
#include "builder/resolve/index.h"
#include "builder/resolve/lock.h"
#include "builder/resolve/lock_make.h"
#include "builder/resolve/reasons.h"
#include "builder/resolve/seeds.h"
#include "builder/resolve/solve.h"
#include "builder/resolve/sources.h"
#include "builder/resolve/store.h"
#include "builder/resolve/walk.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

#define UNPIN_MAX 4096

/* Everything of one resolution. */
struct resolution {
	const struct recipe *recipe;
	const struct resolve_options *opts;
	const struct lock *old; /* or NULL */
	struct index *index;
	struct sources sources;
	struct seeds seeds;
	struct walk walk;
	struct package **set; /* the answer, owned */
	size_t n;
};

static void add_words(struct buf *b, const char *label, char *const *item, size_t n)
{
	buf_addf(b, "%s", label);
	for (size_t i = 0; i < n; i++)
		buf_addf(b, " %s", item[i]);
	buf_addc(b, '\n');
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void resolve_request(const struct recipe *recipe, char ret[DIGEST_HEX_SIZE])
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	_cleanup_free_ char **names = calloc(recipe->packages.n + 1, sizeof(char *));
	uint8_t hash[DIGEST_BYTES];

	buf_addf(&b, "kiln request 1\nsuite %s\narchitecture %s\nupdates %d\nsecurity %d\n",
		 recipe->suite, recipe->architecture, recipe->updates, recipe->security);
	add_words(&b, "components", recipe->components.item, recipe->components.n);
	buf_addf(&b, "kernel %s\n", recipe->kernel_package ? recipe->kernel_package : "");
	/* The order of a recipe's packages is no part of the question. */
	if (names && recipe->packages.n) {
		memcpy(names, recipe->packages.item, recipe->packages.n * sizeof(*names));
		qsort(names, recipe->packages.n, sizeof(*names), by_text);
		add_words(&b, "packages", names, recipe->packages.n);
	}
	digest_bytes(b.data, b.len, hash);
	digest_hex(hash, sizeof(hash), ret);
}

static bool named_for_update(const struct resolve_options *o, const char *name)
{
	for (size_t i = 0; i < o->n_update_names; i++)
		if (!strcmp(o->update_names[i], name))
			return true;
	return false;
}

/* Hold what the old lock has at its versions, but for the packages named for update. */
static size_t pin_old(struct resolution *r)
{
	size_t missing = 0;

	for (size_t i = 0; i < r->old->n_packages; i++) {
		const struct lock_package *p = &r->old->packages[i];

		if (!named_for_update(r->opts, p->name) &&
		    !index_pin(r->index, p->name, p->version, p->sha256))
			missing++;
	}
	return missing;
}

static bool keeps_versions(const struct resolution *r)
{
	return r->old && (!r->opts->update || r->opts->n_update_names) &&
	       !strcmp(r->old->suite, r->recipe->suite) &&
	       !strcmp(r->old->architecture, r->recipe->architecture);
}

static int check_update_names(const struct resolution *r, struct err *err)
{
	for (size_t i = 0; i < r->opts->n_update_names; i++)
		if (!r->old || !lock_find(r->old, r->opts->update_names[i]))
			return err_set(err, -ENOPKG,
				       "cannot update '%s': the lock does not have it",
				       r->opts->update_names[i]);
	return 0;
}

static int choose_candidates(struct resolution *r, struct err *err)
{
	size_t missing;
	int rc;

	index_choose_candidates(r->index);
	if (!keeps_versions(r))
		return 0;
	missing = pin_old(r);
	if (!missing)
		return 0;
	rc = sources_load_old(&r->sources, r->old, r->index, err);
	if (rc < 0)
		return rc;
	seeds_choose_current(r->index, &r->sources);
	missing = pin_old(r);
	if (missing && r->opts->warn) {
		char text[160];

		snprintf(text, sizeof(text),
			 "%zu locked version%s left the archive and cannot be kept; "
			 "newer ones are taken",
			 missing, missing == 1 ? "" : "s");
		r->opts->warn(text);
	}
	return 0;
}

/* Walk until no pinned version stands in the way any more. */
static int walk(struct resolution *r, struct err *err)
{
	int rc = -ENOPKG;

	for (unsigned i = 0; rc == -ENOPKG && i < UNPIN_MAX; i++) {
		struct name *n;

		walk_done(&r->walk);
		rc = seeds_find(&r->seeds, r->index, r->recipe, err);
		if (rc < 0) {
			seeds_done(&r->seeds); /* nothing a solver could answer */
			return rc;
		}
		rc = walk_run(&r->walk, r->index, r->seeds.item, r->seeds.n, err);
		n = r->walk.unpin;
		if (rc != -ENOPKG || !n)
			break;
		seeds_unpin(n, &r->sources);
	}
	return rc;
}

static int take_set(struct resolution *r, struct package *const *set, size_t n, struct err *err)
{
	r->set = calloc(n + 1, sizeof(struct package *));
	if (!r->set)
		return err_oom(err);
	memcpy(r->set, set, n * sizeof(struct package *));
	r->n = n;
	return 0;
}

/* The walk's set if libsolv finds nothing wrong with it, else what libsolv finds itself. */
static int choose_set(struct resolution *r, struct err *err)
{
	struct package **found;
	size_t n;
	int rc = walk(r, err);

	if (rc == 0)
		rc = solve_check(r->index, r->walk.chosen, r->walk.n, err);
	if (rc == 0)
		return take_set(r, r->walk.chosen, r->walk.n, err);
	if (rc != -ENOPKG || !r->seeds.n)
		return rc;
	rc = solve_search(r->index, r->seeds.item, r->seeds.n, r->walk.chosen, r->walk.n, &found,
			  &n, err);
	walk_done(&r->walk);
	if (rc == 0) {
		r->set = found;
		r->n = n;
	}
	return rc;
}

static int resolve(struct resolution *r, struct lock **ret, struct err *err)
{
	int rc;

	r->index = index_new(r->recipe->architecture);
	if (!r->index)
		return err_oom(err);
	r->sources.recipe = r->recipe;
	r->sources.opts = r->opts;
	r->sources.store = r->opts->store;
	rc = check_update_names(r, err);
	rc = rc < 0 ? rc : sources_load(&r->sources, r->index, err);
	rc = rc < 0 ? rc : choose_candidates(r, err);
	rc = rc < 0 ? rc : choose_set(r, err);
	if (rc < 0)
		return rc;
	if (reasons_find(r->index, r->set, r->n) < 0)
		return err_oom(err);
	return lock_make(r->recipe, &r->sources, r->set, r->n, r->old, ret, err);
}

static void resolution_done(struct resolution *r)
{
	walk_done(&r->walk);
	seeds_done(&r->seeds);
	sources_done(&r->sources);
	index_free(r->index);
	free(r->set);
}

static bool same_packages(const struct lock *a, const struct lock *b)
{
	_cleanup_buf_ struct buf unused = BUF_INIT;

	return lock_diff(a, b, &unused) == 0;
}

/* Resolve anew and write the lock, unless nothing changed. Takes @old over. */
static int renew(const struct recipe *recipe, const struct resolve_options *opts, const char *path,
		 struct lock *old, struct lock **ret, bool *ret_changed, struct err *err)
{
	_cleanup_(resolution_done) struct resolution r = { .recipe = recipe, .opts = opts,
							   .old = old };
	struct lock *new = NULL;
	int rc = resolve(&r, &new, err);

	if (rc == 0 && opts->changes)
		lock_diff(old, new, opts->changes);
	if (rc == 0 && old && !strcmp(old->request, new->request) && same_packages(old, new)) {
		lock_free(new);
		*ret = old;
		*ret_changed = false;
		return 0;
	}
	rc = rc < 0 ? rc : lock_write(new, path, err);
	lock_free(old);
	if (rc < 0) {
		lock_free(new);
		return rc;
	}
	*ret = new;
	*ret_changed = true;
	return 0;
}

static int refuse_change(const struct recipe *recipe, const struct lock *old, const char *path,
			 struct err *err)
{
	if (!old)
		return err_set(err, -ESTALE, "--locked, but there is no %s yet: run 'kiln lock %s'",
			       path, recipe->file);
	err_set(err, -ESTALE, "%s does not answer %s any more, and --locked forbids to change it:",
		path, recipe->file);
	if (strcmp(old->suite, recipe->suite))
		err_append(err, "\n  suite: locked %s, wanted %s", old->suite, recipe->suite);
	for (size_t i = 0; i < recipe->packages.n; i++)
		if (!lock_find(old, recipe->packages.item[i]))
			err_append(err, "\n  + %s", recipe->packages.item[i]);
	for (size_t i = 0; i < old->n_packages; i++)
		if (!strcmp(old->packages[i].by, "@recipe") &&
		    !seeds_asked_for(recipe, old->packages[i].name))
			err_append(err, "\n  - %s", old->packages[i].name);
	err_append(err, "\nrun 'kiln lock %s'", recipe->file);
	return -ESTALE;
}

/* Read the old lock if there is one; *ret NULL if there is not. */
static int read_old(const char *path, struct lock **ret, struct err *err)
{
	int rc = lock_read(path, ret, err);

	if (rc != -ENOENT)
		return rc;
	*ret = NULL;
	return 0;
}

static int resolve_at(const struct recipe *recipe, const struct resolve_options *opts,
		      const char *path, struct lock **ret, bool *ret_changed, struct err *err)
{
	struct resolve_options o = *opts;
	struct store *own = NULL;
	char request[DIGEST_HEX_SIZE];
	struct lock *old = NULL;
	int rc = read_old(path, &old, err);

	if (rc < 0)
		return rc;
	resolve_request(recipe, request);
	if (old && !opts->update && !strcmp(old->request, request)) {
		*ret = old;
		*ret_changed = false;
		return 0;
	}
	if (opts->locked) {
		rc = refuse_change(recipe, old, path, err);
		lock_free(old);
		return rc;
	}
	if (!opts->store) {
		rc = store_open(NULL, &own, err);
		o.store = own;
	}
	if (rc == 0)
		rc = renew(recipe, &o, path, old, ret, ret_changed, err);
	else
		lock_free(old);
	store_free(own);
	return rc;
}

int resolve_lock(const struct recipe *recipe, const struct resolve_options *opts, struct lock **ret,
		 bool *ret_changed, struct err *err)
{
	_cleanup_free_ char *path = opts->lock_path ? strdup(opts->lock_path) :
						      lock_path_for(recipe->file);
	bool changed = false;
	int rc;

	if (!path)
		return err_oom(err);
	rc = resolve_at(recipe, opts, path, ret, &changed, err);
	if (rc == 0 && ret_changed)
		*ret_changed = changed;
	return rc;
}

/*
 * See solve.h. The only file that knows libsolv. Packages are given to it as text
 * we write ourselves: dependencies on this architecture lose their ":any", which
 * libsolv would take for a part of the name, and the others are dropped.
 */
#include "builder/resolve/solve.h"

#include <errno.h>
#include <solv/pool.h>
#include <solv/repo.h>
#include <solv/repo_deb.h>
#include <solv/solver.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

#define REASONS_MAX 12

struct solve {
	struct index *index;
	Pool *pool;
	Repo *repo;
	Solver *solver;
	Queue job;
	struct buf text;
};

#define S(s) (int)(s).len, (s).p

static void put_relation(struct buf *out, const struct dep *d)
{
	static const char *const words[] = { "", "<<", "<=", "=", ">=", ">>" };

	buf_add(out, d->name.p, d->name.len);
	if (d->relation != DEBVER_ANY)
		buf_addf(out, " (%s %.*s)", words[d->relation], S(d->version));
}

static void put_field(struct solve *s, const struct package *p, const char *field)
{
	struct depends_reader r = depends_read(package_index_field(p, field));
	const char *between = "";
	struct dep d;
	size_t in_group = 0;

	if (r.p == r.end)
		return;
	buf_addf(&s->text, "%s: ", field);
	while (depends_next(&r, &d) > 0) {
		if (index_dep_is_native(s->index, &d)) {
			buf_adds(&s->text, in_group ? " | " : between);
			put_relation(&s->text, &d);
			between = ", ";
			in_group++;
		}
		if (d.last)
			in_group = 0;
	}
	buf_addc(&s->text, '\n');
}

static void put_package(struct solve *s, const struct package *p)
{
	static const char *const fields[] = { "Pre-Depends", "Depends", "Conflicts", "Breaks",
					      "Provides" };

	buf_addf(&s->text, "Package: %.*s\nVersion: %.*s\nArchitecture: %.*s\n",
		 S(p->name->text), S(p->version), S(p->arch));
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		put_field(s, p, fields[i]);
	buf_addc(&s->text, '\n');
}

static int put_candidate(struct name *n, void *arg)
{
	if (n->candidate)
		put_package(arg, n->candidate);
	return 0;
}

static void solve_done(struct solve *s)
{
	if (s->solver)
		solver_free(s->solver);
	if (s->pool) {
		queue_free(&s->job);
		pool_free(s->pool);
	}
	buf_done(&s->text);
}

/* Build the pool from the text gathered so far. */
static int make_pool(struct solve *s, struct err *err)
{
	_cleanup_fclose_ FILE *f = NULL;

	if (!buf_ok(&s->text))
		return err_oom(err);
	f = fmemopen(s->text.data, s->text.len, "r");
	s->pool = f ? pool_create() : NULL;
	if (!s->pool)
		return err_oom(err);
	queue_init(&s->job);
	pool_setdisttype(s->pool, DISTTYPE_DEB);
	s->repo = repo_create(s->pool, "index");
	if (repo_add_debpackages(s->repo, f, 0))
		return err_set(err, -EIO, "libsolv cannot read the packages: %s",
			       pool_errstr(s->pool));
	pool_addfileprovides(s->pool);
	pool_createwhatprovides(s->pool);
	return 0;
}

/* Every solvable is one candidate, so its name says which. */
static struct package *package_of(const struct solve *s, Id id)
{
	const Solvable *v = pool_id2solvable(s->pool, id);
	const struct name *n = index_find_str(s->index, pool_id2str(s->pool, v->name));

	return n ? n->candidate : NULL;
}

static void push(struct solve *s, int what, const struct package *p)
{
	char *name = str_printf("%.*s", S(p->name->text));
	Id id = name ? pool_str2id(s->pool, name, 0) : 0;

	free(name);
	if (id)
		queue_push2(&s->job, what | SOLVER_SOLVABLE_NAME, id);
}

static int run(struct solve *s, struct err *err)
{
	s->solver = solver_create(s->pool);
	solver_set_flag(s->solver, SOLVER_FLAG_IGNORE_RECOMMENDED, 1);
	if (solver_solve(s->solver, &s->job) == 0)
		return 0;
	return err_set(err, -ENOPKG, "these packages cannot be installed together:");
}

/* One line per rule that makes the first problem; jobs ("install X") say nothing new. */
static void explain(struct solve *s, struct err *err)
{
	unsigned n_problems = solver_problem_count(s->solver), shown = 0;
	Queue rules;

	queue_init(&rules);
	for (unsigned p = 1; p <= n_problems && shown < REASONS_MAX; p++) {
		queue_empty(&rules);
		solver_findallproblemrules(s->solver, (Id)p, &rules);
		for (int i = 0; i < rules.count && shown < REASONS_MAX; i++) {
			Id source, target, dep;
			SolverRuleinfo type = solver_ruleinfo(s->solver, rules.elements[i], &source,
							      &target, &dep);

			if (type == SOLVER_RULE_JOB || type == SOLVER_RULE_PKG)
				continue;
			err_append(err, "\n  %s",
				   solver_problemruleinfo2str(s->solver, type, source, target,
							      dep));
			shown++;
		}
	}
	queue_free(&rules);
}

int solve_check(struct index *x, struct package *const *set, size_t n, struct err *err)
{
	_cleanup_(solve_done) struct solve s = { .index = x };
	int r;

	if (!n)
		return 0;
	for (size_t i = 0; i < n; i++)
		put_package(&s, set[i]);
	r = make_pool(&s, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		push(&s, SOLVER_INSTALL, set[i]);
	r = run(&s, err);
	if (r == -ENOPKG)
		explain(&s, err);
	return r;
}

static int take_result(struct solve *s, struct package ***ret, size_t *ret_n, struct err *err)
{
	_cleanup_free_ struct package **set = NULL;
	Queue decided;
	size_t n = 0;

	queue_init(&decided);
	solver_get_decisionqueue(s->solver, &decided);
	set = calloc((size_t)decided.count + 1, sizeof(struct package *));
	for (int i = 0; set && i < decided.count; i++)
		if (decided.elements[i] > SYSTEMSOLVABLE)
			set[n++] = package_of(s, decided.elements[i]);
	queue_free(&decided);
	if (!set)
		return err_oom(err);
	*ret = TAKE_PTR(set);
	*ret_n = n;
	return 0;
}

int solve_search(struct index *x, struct package *const *seeds, size_t n_seeds,
		 struct package *const *favored, size_t n_favored, struct package ***ret,
		 size_t *ret_n, struct err *err)
{
	_cleanup_(solve_done) struct solve s = { .index = x };
	int r;

	index_each(x, put_candidate, &s);
	r = make_pool(&s, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n_seeds; i++)
		push(&s, SOLVER_INSTALL, seeds[i]);
	for (size_t i = 0; i < n_favored; i++)
		push(&s, SOLVER_FAVOR, favored[i]);
	r = run(&s, err);
	if (r == -ENOPKG)
		explain(&s, err);
	return r < 0 ? r : take_result(&s, ret, ret_n, err);
}

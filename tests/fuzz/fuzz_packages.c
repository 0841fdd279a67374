/*
 * Packages indexes of any bytes, and the walk over them: whatever is chosen must
 * satisfy every dependency and fight nobody.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "builder/resolve/index.h"
#include "builder/resolve/reasons.h"
#include "builder/resolve/walk.h"
#include "lib/base/err.h"

#define SEEDS_MAX 4

struct seeds {
	struct package *item[SEEDS_MAX];
	size_t n;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int take_seed(struct name *n, void *arg)
{
	struct seeds *s = arg;

	if (n->candidate && s->n < SEEDS_MAX) {
		n->candidate->root = "@recipe";
		s->item[s->n++] = n->candidate;
	}
	return 0;
}

static bool present(const struct index *x, const struct dep *d, const struct package *except)
{
	const struct name *n = index_find(x, d->name);

	if (!n || !index_dep_is_native(x, d))
		return false;
	if (n->chosen && n->chosen != except && package_satisfies(n->chosen, d))
		return true;
	for (const struct provider *v = n->providers; v; v = v->next)
		if (v->package->name->chosen == v->package && v->package != except &&
		    provider_satisfies(v, d))
			return true;
	return false;
}

static void check_one(const struct index *x, const struct package *p)
{
	static const char *const wants[] = { "Pre-Depends", "Depends" };
	static const char *const fights[] = { "Conflicts", "Breaks" };
	struct dep d;

	for (size_t i = 0; i < 2; i++) {
		struct depends_reader r = depends_read(package_index_field(p, wants[i]));
		bool ok = false;

		while (depends_next(&r, &d) > 0) {
			ok = ok || present(x, &d, NULL);
			if (d.last && !ok)
				abort();
			ok = ok && !d.last;
		}
		r = depends_read(package_index_field(p, fights[i]));
		while (depends_next(&r, &d) > 0)
			if (present(x, &d, p))
				abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct err err;
	struct index *x = index_new("amd64");
	char *text = malloc(size + 1);
	struct seeds seeds = { .n = 0 };
	struct slice similar[2];
	struct walk w;

	memcpy(text, data, size);
	text[size] = '\0';
	if (index_add(x, text, size, "fuzz", 0, ARCHIVE_MAIN, &err) == 0) {
		index_choose_candidates(x);
		index_each(x, take_seed, &seeds);
		if (walk_run(&w, x, seeds.item, seeds.n, &err) == 0) {
			for (size_t i = 0; i < w.n; i++)
				check_one(x, w.chosen[i]);
			reasons_find(x, w.chosen, w.n);
			for (size_t i = 0; i < w.n; i++)
				if (!w.chosen[i]->root && !w.chosen[i]->by)
					abort();
		}
		walk_done(&w);
		index_similar(x, "word", similar, 2);
	}
	index_free(x);
	return 0;
}

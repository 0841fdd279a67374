/* Which packages are chosen, from indexes of a few lines. */
#include "builder/resolve/walk.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "builder/resolve/index.h"
#include "builder/resolve/solve.h"
#include "lib/base/buf.h"
#include "lib/base/err.h"

/*
 * An index from lines "NAME VERSION; Field: value; Field: value". A second text is a
 * second suite.
 */
static void add(struct index *x, const char *lines, unsigned release)
{
	struct buf text = BUF_INIT;
	struct err err;

	for (const char *p = lines; *p;) {
		const char *nl = strchr(p, '\n');
		char *line = strndup(p, (size_t)(nl - p)), *save = NULL;
		char *head = strtok_r(line, ";", &save), *version = strchr(head, ' '), *field;

		*version++ = '\0';
		buf_addf(&text, "Package: %s\nVersion: %s\nArchitecture: amd64\n", head, version);
		while ((field = strtok_r(NULL, ";", &save)))
			buf_addf(&text, "%s\n", field + 1);
		buf_addc(&text, '\n');
		free(line);
		p = nl + 1;
	}
	assert_int_equal(index_add(x, text.data, text.len, "t", release, ARCHIVE_MAIN, &err), 0);
}

static struct index *make(const char *one, const char *two)
{
	struct index *x = index_new("amd64");

	add(x, one, 0);
	if (two)
		add(x, two, 1);
	index_choose_candidates(x);
	return x;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t find_seeds(struct index *x, const char *words, struct package **seeds)
{
	char *copy = strdup(words), *save = NULL;
	size_t n = 0;

	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		struct name *name = index_find_str(x, w);

		assert_non_null(name);
		seeds[n++] = name->candidate;
	}
	free(copy);
	return n;
}

/* The chosen names with versions, sorted, as "a=1 b=2"; or "! <why>". Checks with libsolv too. */
static char *choose(struct index *x, const char *words)
{
	struct package *seeds[16];
	size_t n = find_seeds(x, words, seeds);
	char *names[64];
	struct buf out = BUF_INIT;
	struct walk w;
	struct err err;
	int r = walk_run(&w, x, seeds, n, &err);

	if (r < 0) {
		buf_addf(&out, "! %s", err.text);
	} else {
		assert_int_equal(solve_check(x, w.chosen, w.n, &err), 0);
		for (size_t i = 0; i < w.n; i++)
			names[i] = str_printf("%.*s=%.*s", (int)w.chosen[i]->name->text.len,
					      w.chosen[i]->name->text.p,
					      (int)w.chosen[i]->version.len, w.chosen[i]->version.p);
		qsort(names, w.n, sizeof(names[0]), by_text);
		for (size_t i = 0; i < w.n; i++) {
			buf_addf(&out, "%s%s", i ? " " : "", names[i]);
			free(names[i]);
		}
	}
	walk_done(&w);
	return buf_take(&out);
}

static void each_case_chooses_what_it_says(void **state)
{
	static const struct {
		const char *index, *seeds, *chosen;
	} table[] = {
		/* the first alternative */
		{ "a 1; Depends: b | c\nb 1\nc 1\n", "a", "a=1 b=1" },
		/* what is chosen already satisfies */
		{ "a 1; Depends: b | c\nb 1\nc 1\n", "a c", "a=1 c=1" },
		{ "a 1; Depends: c, b | c\nb 1\nc 1\n", "a", "a=1 c=1" },
		/* a missing or too old alternative is passed over */
		{ "a 1; Depends: x | b (>= 2) | c\nb 1\nc 1\n", "a", "a=1 c=1" },
		/* real over virtual, and the provider of better priority */
		{ "a 1; Depends: mta\nmta 1\nexim 1; Provides: mta\n", "a", "a=1 mta=1" },
		{ "a 1; Depends: mta\np1 1; Provides: mta; Priority: optional\n"
		  "p2 1; Provides: mta; Priority: important\n", "a", "a=1 p2=1" },
		{ "a 1; Depends: mta\np1 1; Provides: mta\np2 1; Provides: mta\n", "a", "a=1 p1=1" },
		/* versioned provides */
		{ "a 1; Depends: v (>= 2)\np1 1; Provides: v\np2 1; Provides: v (= 1)\n"
		  "p3 1; Provides: v (= 2)\n", "a", "a=1 p3=1" },
		/* epochs and tildes */
		{ "a 1; Depends: b (>= 1.0) | c\nb 1.0~rc1\nc 1\n", "a", "a=1 c=1" },
		{ "a 1; Depends: b (>> 9)\nb 1:0\n", "a", "a=1 b=1:0" },
		/* cycles and self-conflicting virtual packages */
		{ "a 1; Depends: b\nb 1; Depends: c\nc 1; Depends: a\n", "a", "a=1 b=1 c=1" },
		{ "a 1; Provides: m; Conflicts: m\n", "a", "a=1" },
		/* an alternative that fails deep down, or conflicts, is undone */
		{ "a 1; Depends: b | c\nb 1; Depends: d\nd 1; Depends: gone\nc 1\n", "a", "a=1 c=1" },
		{ "a 1; Depends: b | c\nb 1; Breaks: a (<< 2)\nc 1\n", "a", "a=1 c=1" },
		{ "a 1; Depends: b | c\nb 1\nc 1\nz 1; Conflicts: b\n", "a z", "a=1 c=1 z=1" },
		/* what must come anyway decides before it is reached */
		{ "a 1; Depends: n | f, u\nu 1; Depends: f\nn 1; Conflicts: f\nf 1\n", "a",
		  "a=1 f=1 u=1" },
		/* architecture qualifiers */
		{ "a 1; Depends: b:any, c:i386 | d:amd64\nb 1\nc 1\nd 1\n", "a", "a=1 b=1 d=1" },
		/* kiln's own preferences */
		{ "a 1; Depends: usrmerge | usr-is-merged\nusrmerge 1\nusr-is-merged 1\n", "a",
		  "a=1 usr-is-merged=1" },
		{ "a 1; Pre-Depends: awk\ngawk 1; Provides: awk\nmawk 1; Provides: awk\n", "a",
		  "a=1 mawk=1" },
		/* dead ends say where */
		{ "a 1; Depends: b\nb 1; Depends: gone (>= 2)\n", "a",
		  "! b depends on gone, which cannot be had" },
		{ "a 1\nb 1; Conflicts: a\n", "a b", "! b conflicts with a" },
		{ "a 1; Depends: b (>= )\nb 1\n", "a", "! a: malformed Depends" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct index *x = make(table[i].index, NULL);
		char *got = choose(x, table[i].seeds);

		assert_string_equal(got, table[i].chosen);
		/* The same question has the same answer. */
		free(got);
		got = choose(x, table[i].seeds);
		assert_string_equal(got, table[i].chosen);
		free(got);
		index_free(x);
	}
}

static void the_highest_version_of_all_suites_is_the_candidate(void **state)
{
	struct index *x = make("a 1.0-1\nb 2\n", "a 1.0-1+deb12u1\nb 1\n");
	char *got = choose(x, "a b");

	(void)state;
	assert_string_equal(got, "a=1.0-1+deb12u1 b=2");
	free(got);
	assert_true(index_pin(x, "a", "1.0-1", NULL));
	assert_false(index_pin(x, "a", "9", NULL));
	got = choose(x, "a b");
	assert_string_equal(got, "a=1.0-1 b=2");
	free(got);
	index_free(x);
}

static void a_pin_that_stands_in_the_way_is_named(void **state)
{
	struct index *x = make("a 2; Depends: lib (>= 2)\nlib 1\nlib 2\n", NULL);
	struct package *seeds[2];
	struct walk w;

	(void)state;
	assert_true(index_pin(x, "lib", "1", NULL));
	find_seeds(x, "a", seeds);
	assert_int_equal(walk_run(&w, x, seeds, 1, NULL), -ENOPKG);
	assert_ptr_equal(w.unpin, index_find_str(x, "lib"));
	walk_done(&w);
	index_free(x);
}

static void libsolv_explains_a_conflict(void **state)
{
	struct index *x = make("web 1; Depends: old-lib\nold-lib 1; Conflicts: new-lib\n"
			       "app 1; Depends: new-lib (>= 1)\nnew-lib 1\n", NULL);
	struct package *seeds[4], **found = NULL;
	struct err err;
	size_t n = find_seeds(x, "app web", seeds), n_found = 7;

	(void)state;
	assert_int_equal(solve_search(x, seeds, n, NULL, 0, &found, &n_found, &err), -ENOPKG);
	assert_non_null(strstr(err.text, "these packages cannot be installed together:"));
	assert_non_null(strstr(err.text, "old-lib-1.amd64 conflicts with new-lib"));
	assert_non_null(strstr(err.text, "app-1.amd64"));
	assert_null(found);
	assert_int_equal(n_found, 7);
	index_free(x);
}

static void libsolv_finds_what_the_walk_does_not(void **state)
{
	/* The walk takes b before it meets the conflict between b's and c's choices. */
	struct index *x = make("a 1; Depends: b | b2, c | c2\nb 1; Depends: v | w\nb2 1\n"
			       "c 1; Conflicts: v\nc2 1; Conflicts: b\nv 1\nw 1\n", NULL);
	struct package *seeds[1], **found;
	struct err err;
	size_t n_found;

	(void)state;
	find_seeds(x, "a", seeds);
	assert_int_equal(solve_search(x, seeds, 1, NULL, 0, &found, &n_found, &err), 0);
	assert_int_equal(solve_check(x, found, n_found, &err), 0);
	free(found);
	index_free(x);
}

static void similar_names_are_offered(void **state)
{
	struct index *x = make("nginx 1\nnginx-light 1\nnano 1\n", NULL);
	struct slice s[4];

	(void)state;
	assert_int_equal(index_similar(x, "ngnix-light", s, 4), 1);
	assert_memory_equal(s[0].p, "nginx-light", s[0].len);
	assert_int_equal(index_similar(x, "something-else", s, 4), 0);
	index_free(x);
}

static void malformed_indexes_are_refused_with_the_line(void **state)
{
	static const char *const bad[] = {
		"Package: A\nVersion: 1\nArchitecture: all\n",
		"Version: 1\nArchitecture: all\n",
		"Package: a\nArchitecture: all\n",
		"Package: a\nVersion: one\nArchitecture: all\n",
		"Package: a\nVersion: 1\nArchitecture: all\nProvides: b (>=\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct index *x = index_new("amd64");
		char *text = str_printf("Package: ok\nVersion: 1\nArchitecture: all\n\n%s", bad[i]);
		struct err err;

		assert_int_equal(index_add(x, text, strlen(text), "t", 0, ARCHIVE_MAIN, &err),
				 -EBADMSG);
		assert_string_equal(err.text,
				    "t:5: a package without a proper name, version or Provides");
		index_free(x);
	}
}

static void a_long_chain_is_no_crash(void **state)
{
	struct buf text = BUF_INIT;
	struct package *seeds[1];
	struct index *x;
	struct walk w;
	struct err err;

	(void)state;
	for (unsigned i = 0; i < 50000; i++)
		buf_addf(&text, "p%u 1; Depends: p%u\n", i, i + 1);
	x = make(text.data, NULL);
	find_seeds(x, "p0", seeds);
	assert_int_equal(walk_run(&w, x, seeds, 1, &err), -ELOOP);
	walk_done(&w);
	index_free(x);
	buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case_chooses_what_it_says),
		cmocka_unit_test(the_highest_version_of_all_suites_is_the_candidate),
		cmocka_unit_test(a_pin_that_stands_in_the_way_is_named),
		cmocka_unit_test(libsolv_explains_a_conflict),
		cmocka_unit_test(libsolv_finds_what_the_walk_does_not),
		cmocka_unit_test(similar_names_are_offered),
		cmocka_unit_test(malformed_indexes_are_refused_with_the_line),
		cmocka_unit_test(a_long_chain_is_no_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

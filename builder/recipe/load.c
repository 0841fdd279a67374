/*
 * Reading a recipe with its includes.
 *
 * Includes are followed depth first, so that every file is bound after all it
 * builds on. A file met twice on different ways is bound once; a file that
 * includes itself, over whatever detour, is refused. All texts are kept until
 * the end, because complaints quote them.
 */
#include "builder/recipe/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "builder/recipe/bind.h"
#include "builder/recipe/lookup.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

/* Files of one recipe altogether; bounds memory together with RECIPE_FILE_MAX_BYTES. */
#define SOURCES_MAX 32

struct loader {
	struct binder b;
	struct diags d;
	struct source *sources; /* every file met, newest first */
	unsigned n_sources;
	bool full; /* too many files: said once */
};

static void node_freep(struct node **n)
{
	node_free(*n);
}

static void recipe_freep(struct recipe **r)
{
	recipe_free(*r);
}

struct recipe *recipe_free(struct recipe *r)
{
	if (!r)
		return NULL;
	schema_release(&schema_recipe, r);
	free(r->dir);
	free(r->file);
	free(r->shipped_dir);
	free(r);
	return NULL;
}

static void load_source(struct loader *l, struct source *s, unsigned depth);

static struct source *own_source(struct loader *l, struct source *s)
{
	s->idx = l->n_sources++;
	s->next = l->sources;
	l->sources = s;
	return s;
}

/* Say that @again, which is being read, is included once more by @s: with the way round. */
static void refuse_cycle(struct loader *l, const struct source *s, struct place at,
			 const struct source *again)
{
	const struct source *way[RECIPE_INCLUDE_DEPTH_MAX + 1];
	_cleanup_buf_ struct buf text = BUF_INIT;
	size_t n = 0;

	for (const struct source *i = s; i && n < ARRAY_SIZE(way); i = i->includer) {
		way[n++] = i;
		if (i == again)
			break;
	}
	while (n--)
		buf_addf(&text, "%s -> ", way[n]->name);
	buf_adds(&text, again->name);
	diag_add(&l->d, s, at, "includes go in circles: %s", buf_ok(&text) ? text.data : "");
}

/* True when @fd is a file met already; complains when it is one that is still being read. */
static bool met_already(struct loader *l, const struct source *s, struct place at,
			const struct source *new)
{
	for (const struct source *i = s; i; i = i->includer)
		if (i->dev == new->dev && i->ino == new->ino && i->ino) {
			refuse_cycle(l, s, at, i);
			return true;
		}
	for (const struct source *i = l->sources; i; i = i->next)
		if (i->dev == new->dev && i->ino == new->ino && i->ino)
			return true;
	return false;
}

static void read_text(struct loader *l, struct source *s, int fd)
{
	struct place top = { 1, 1 };
	int r = lookup_text(s, fd);

	if (r == -ENOMEM)
		l->d.oom = true;
	else if (r == -EFBIG)
		diag_add(&l->d, s, top, "the file is larger than %u KiB",
			 RECIPE_FILE_MAX_BYTES / 1024);
	else if (r < 0)
		diag_add(&l->d, s, top, "%s", strerror(-r));
}

static void refuse_include(struct loader *l, const struct source *s, const struct node *n, int r,
			   const char *why)
{
	if (r == -ENOMEM)
		l->d.oom = true;
	else
		diag_add(&l->d, s, n->at, "include '%.80s' %s", n->text,
			 why ? why : lookup_reason(r));
}

/* True when one more file may be included; else says why not, once for the number of files. */
static bool room_for(struct loader *l, const struct source *s, struct place at, unsigned depth)
{
	if (l->full)
		return false;
	if (depth >= RECIPE_INCLUDE_DEPTH_MAX) {
		diag_add(&l->d, s, at, "more than %d includes inside each other",
			 RECIPE_INCLUDE_DEPTH_MAX);
		return false;
	}
	l->full = l->n_sources == SOURCES_MAX;
	if (l->full)
		diag_add(&l->d, s, at, "more than %d files in one recipe", SOURCES_MAX);
	return !l->full;
}

static void load_include(struct loader *l, const struct source *s, const struct node *n,
			 unsigned depth)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *path = NULL;
	const char *why = NULL;
	struct source *new;
	int r;

	if (n->kind != NODE_SCALAR || !*n->text) {
		diag_add(&l->d, s, n->at, "include: expected the name of a recipe file");
		return;
	}
	r = lookup_find(s, l->b.shipped_dir, n->text, &fd, &path, &why);
	if (r < 0) {
		refuse_include(l, s, n, r, why);
		return;
	}
	new = lookup_source(fd, path, n->text, s);
	if (!new) {
		l->d.oom = true;
		return;
	}
	if (met_already(l, s, n->at, new)) {
		source_free(new);
		return;
	}
	if (!room_for(l, s, n->at, depth)) {
		source_free(new);
		return;
	}
	own_source(l, new);
	new->includer = s;
	new->at = n->at;
	read_text(l, new, fd);
	if (new->data)
		load_source(l, new, depth + 1);
}

/* Includes of @s first, then @s itself. */
static void load_source(struct loader *l, struct source *s, unsigned depth)
{
	_cleanup_(node_freep) struct node *root = node_read(s, &l->d);
	const struct node *list;

	if (!root)
		return;
	list = node_get(root, "include");
	if (list && list->kind != NODE_LIST)
		diag_add(&l->d, s, list->at, "include is a list of recipe files; write [%.60s]",
			 list->kind == NODE_SCALAR ? list->text : "...");
	for (size_t i = 0; list && list->kind == NODE_LIST && i < list->n; i++)
		load_include(l, s, list->item[i], depth);
	l->b.src = s;
	bind_file(&l->b, root);
}

static int set_version(struct recipe *r, const char *version, struct err *err)
{
	const char *why = schema_word_check(&word_version, version);
	char *copy;

	if (why)
		return err_set(err, -EINVAL, "--image-version: '%.60s' is not a version: %s",
			       version, why);
	copy = strdup(version);
	if (!copy)
		return err_oom(err);
	free(r->version);
	r->version = copy;
	return 0;
}

static int loader_run(struct loader *l, struct source *top, const struct recipe_options *opt,
		      struct err *err)
{
	struct recipe *r = l->b.r;
	int rc;

	l->b.d = &l->d;
	l->b.shipped_dir = opt->shipped_dir;
	if (bind_defaults(r) < 0)
		return err_oom(err);
	if (top->data)
		load_source(l, top, 1);
	if (opt->version) {
		rc = set_version(r, opt->version, err);
		if (rc < 0)
			return rc;
	}
	if (top->data && (l->d.n == 0 || l->b.n_seen))
		bind_end(&l->b, top);
	if (opt->ret_json)
		diags_json(&l->d, opt->ret_json);
	return diags_none(&l->d) ? 0 : diags_report(&l->d, err);
}

/* Load @top, whose text comes from @fd unless it is there; takes over @top. */
static int load(struct source *top, int fd, const struct recipe_options *opt, struct recipe **ret,
		struct err *err)
{
	_cleanup_(recipe_freep) struct recipe *r = calloc(1, sizeof(*r));
	struct loader l = { .b.r = r };
	int rc;

	own_source(&l, top);
	if (fd >= 0)
		read_text(&l, top, fd);
	if (r && top->dir)
		r->dir = strdup(top->dir);
	if (r)
		r->file = strdup(top->name);
	if (r && opt->shipped_dir)
		r->shipped_dir = strdup(opt->shipped_dir);
	if (!r || !r->file || (top->dir && !r->dir) || (opt->shipped_dir && !r->shipped_dir))
		rc = err_oom(err);
	else
		rc = loader_run(&l, top, opt, err);
	diags_done(&l.d);
	source_free(l.sources);
	if (!rc)
		*ret = TAKE_PTR(r);
	return rc;
}

int recipe_load_with(const char *path, const struct recipe_options *opt, struct recipe **ret,
		     struct err *err)
{
	_cleanup_close_ int fd = -1;
	struct source *top;
	int r = lookup_top(path, &top, &fd, err);

	return r < 0 ? r : load(top, fd, opt, ret, err);
}

int recipe_load_text(const char *name, const char *data, size_t len,
		     const struct recipe_options *opt, struct recipe **ret, struct err *err)
{
	struct source *top = calloc(1, sizeof(*top));

	if (!top)
		return err_oom(err);
	top->name = strdup(name);
	top->data = malloc(len + 1);
	if (!top->name || !top->data) {
		source_free(top);
		return err_oom(err);
	}
	memcpy(top->data, data, len);
	top->data[len] = '\0';
	top->len = len;
	return load(top, -1, opt, ret, err);
}

int recipe_load(const char *path, const char *version, struct recipe **ret, struct err *err)
{
	_cleanup_free_ char *shipped = lookup_shipped();
	struct recipe_options opt = { .version = version, .shipped_dir = shipped };

	return recipe_load_with(path, &opt, ret, err);
}

/* See bind.h. */
#include "builder/recipe/bind.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "builder/recipe/lookup.h"
#include "builder/recipe/strv.h"
#include "builder/recipe/value.h"
#include "lib/base/args.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"

#define CANDIDATES_MAX 64
/* Largest structure of an item; items are bound in a local one first. */
#define ITEM_BYTES_MAX 128

static void bind_map(struct binder *b, const struct schema_object *o, void *base,
		     const struct node *map, const char *group);

static void *field(const struct schema_key *k, void *base)
{
	return (char *)base + k->offset;
}

const char *bind_nearest(const char *word, const char *const *candidates, size_t n)
{
	const char *best = NULL;
	/* Half of a short word may be wrong, three letters of a long one. */
	unsigned least = strlen(word) < 6 ? (unsigned)strlen(word) / 2 + 1 : 4;

	for (size_t i = 0; i < n; i++) {
		unsigned d = args_distance(word, candidates[i]);

		if (d < least) {
			least = d;
			best = candidates[i];
		}
	}
	return best;
}

static const char *kind_name(const struct node *n)
{
	return n->kind == NODE_LIST ? "a list" : n->kind == NODE_MAP ? "a map" : "a single value";
}

static bool is_null(const struct node *n)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };

	if (n->kind != NODE_SCALAR || n->quoted)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(nulls); i++)
		if (!strcmp(n->text, nulls[i]))
			return true;
	return false;
}

/* "slots.root" for messages. */
#define KEY_FMT "%s%s%s"
#define KEY_ARG(group_, k_) (group_) ? (group_) : "", (group_) ? "." : "", (k_)->key

static bool want_kind(struct binder *b, const struct schema_key *k, const struct node *n,
		      enum node_kind kind, const char *group)
{
	static const char *const expected[] = { "a single value", "a list", "a map" };

	if (is_null(n)) {
		diag_add(b->d, b->src, n->key ? n->key->at : n->at,
			 KEY_FMT " has no value; give it one or leave the key out",
			 KEY_ARG(group, k));
		return false;
	}
	if (n->kind == kind)
		return true;
	if (kind == NODE_LIST && n->kind == NODE_SCALAR)
		diag_add(b->d, b->src, n->at, KEY_FMT " is a list; write [%.60s]",
			 KEY_ARG(group, k), n->text);
	else
		diag_add(b->d, b->src, n->at, KEY_FMT " is %s, not %s", KEY_ARG(group, k),
			 expected[kind], kind_name(n));
	return false;
}

static const char *article(const char *word)
{
	return strchr("aeio", *word) ? "an" : "a";
}

static void refuse_word(struct binder *b, const struct schema_key *k, const struct node *n,
			const char *why)
{
	const char *const *choices = k->word->choices;
	_cleanup_buf_ struct buf all = BUF_INIT;
	const char *best;
	size_t count = 0;

	if (!choices) {
		diag_add(b->d, b->src, n->at, "'%.60s' is not %s %s: %s", n->text,
			 article(k->word->what), k->word->what, why);
		return;
	}
	for (; choices[count]; count++)
		buf_addf(&all, "%s%s", count ? ", " : "", choices[count]);
	best = bind_nearest(n->text, choices, count);
	diag_add(b->d, b->src, n->at, "'%.60s' is not a known %s (%s)%s%s%s", n->text,
		 k->word->what, buf_ok(&all) ? all.data : "", best ? "; did you mean '" : "",
		 best ? best : "", best ? "'?" : "");
}

static bool word_ok(struct binder *b, const struct schema_key *k, const struct node *n)
{
	const char *why = schema_word_check(k->word, n->text);

	if (why)
		refuse_word(b, k, n, why);
	return !why;
}

/* Replace the text at @slot by a copy of @text. */
static void set_text(struct binder *b, char **slot, const char *text)
{
	char *copy = strdup(text);

	if (!copy) {
		b->d->oom = true;
		return;
	}
	free(*slot);
	*slot = copy;
}

static void bind_text(struct binder *b, const struct schema_key *k, void *base,
		      const struct node *n, const char *group)
{
	if (!want_kind(b, k, n, NODE_SCALAR, group) || !word_ok(b, k, n))
		return;
	if (k->word == &word_content && lookup_text_private_key(n->text, strlen(n->text))) {
		diag_add(b->d, b->src, n->at, "the private key would be shipped in the image");
		return;
	}
	set_text(b, field(k, base), n->text);
}

static void bind_scalar(struct binder *b, const struct schema_key *k, void *base,
			const struct node *n, const char *group)
{
	struct value_reason why;

	if (!want_kind(b, k, n, NODE_SCALAR, group))
		return;
	if (value_read(k, n->text, n->quoted, base, &why) < 0)
		diag_add(b->d, b->src, n->at, KEY_FMT ": '%.60s' %s", KEY_ARG(group, k), n->text,
			 why.text);
}

/* Names under which tools keep private keys, whatever the format inside. */
static bool private_key_name(const char *path)
{
	const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	size_t n = strlen(base);

	if (!strcmp(base, "id_rsa") || !strcmp(base, "id_ecdsa") || !strcmp(base, "id_ed25519"))
		return true;
	return !strncmp(base, "ssh_host_", 9) && n > 4 && !strcmp(base + n - 4, "_key");
}

static void bind_host(struct binder *b, const struct schema_key *k, void *base,
		      const struct node *n, const char *group)
{
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *path = NULL;
	const char *why = NULL;
	int r;

	if (!want_kind(b, k, n, NODE_SCALAR, group))
		return;
	if (!*n->text) {
		diag_add(b->d, b->src, n->at, KEY_FMT ": the name is empty", KEY_ARG(group, k));
		return;
	}
	r = lookup_find(b->src, b->shipped_dir, n->text, &fd, &path, &why);
	if (!r)
		r = private_key_name(path) ? 1 : lookup_private_key(fd);
	if (r == 1)
		diag_add(b->d, b->src, n->at,
			 "'%.80s': the private key would be shipped in the image", n->text);
	else if (r == -ENOMEM)
		b->d->oom = true;
	else if (r < 0)
		diag_add(b->d, b->src, n->at, "'%.80s' %s", n->text,
			 why ? why : lookup_reason(r));
	if (r)
		return;
	free(*(char **)field(k, base));
	*(char **)field(k, base) = TAKE_PTR(path);
}

static void bind_word(struct binder *b, const struct schema_key *k, struct recipe_strv *v,
		      const struct node *n, const char *group)
{
	struct schema_fault fault = { 0 };

	if (n->kind != NODE_SCALAR || is_null(n)) {
		diag_add(b->d, b->src, n->at, KEY_FMT ": expected %s %s, not %s", KEY_ARG(group, k),
			 article(k->word->what), k->word->what,
			 is_null(n) ? "nothing" : kind_name(n));
		return;
	}
	if (!word_ok(b, k, n) || strv_has(v, n->text))
		return;
	if (k->accept && k->accept(b->r, n->text, &fault) < 0)
		diag_add(b->d, b->src, n->at, "%s", fault.what);
	else if (v->n == RECIPE_LIST_MAX)
		diag_add(b->d, b->src, n->at, KEY_FMT " has more than %d items",
			 KEY_ARG(group, k), RECIPE_LIST_MAX);
	else if (!strv_add(v, n->text))
		b->d->oom = true;
}

static void bind_words(struct binder *b, const struct schema_key *k, void *base,
		       const struct node *n, const char *group)
{
	if (!want_kind(b, k, n, NODE_LIST, group))
		return;
	if (!n->n && k->default_yaml)
		diag_add(b->d, b->src, n->at,
			 KEY_FMT " is an empty list; leave the key out for the default (%s)",
			 KEY_ARG(group, k), k->default_yaml);
	for (size_t i = 0; i < n->n; i++)
		bind_word(b, k, field(k, base), n->item[i], group);
}

/* Before the lists of an exclusive map are bound: what this file says replaces earlier files. */
static void settle_exclusive(struct binder *b, const struct schema_object *o, void *base,
			     const struct node *map)
{
	for (size_t i = 0; i < map->n; i++) {
		const struct node *list = map->item[i];

		for (size_t j = 0; list->kind == NODE_LIST && j < list->n; j++) {
			const struct node *word = list->item[j];

			if (word->kind != NODE_SCALAR)
				continue;
			for (size_t o_idx = 0; o_idx < i; o_idx++) {
				const struct node *other = map->item[o_idx];

				for (size_t m = 0; other->kind == NODE_LIST && m < other->n; m++)
					if (other->item[m]->kind == NODE_SCALAR &&
					    !strcmp(other->item[m]->text, word->text))
						diag_add(b->d, b->src, word->at,
							 "'%.60s' is in '%s' and in '%s'",
							 word->text, other->key->text,
							 list->key->text);
			}
			for (const struct schema_key *k = o->keys; k->key; k++)
				if (strcmp(k->key, list->key->text))
					strv_remove(field(k, base), word->text);
		}
	}
}

/* The array of an item key, seen as bytes. */
struct items {
	char **array;
	size_t *n;
	size_t size_bytes;
};

static struct items items_of(const struct schema_key *k, void *base)
{
	return (struct items){ .array = field(k, base),
			       .n = (size_t *)((char *)base + k->count_offset),
			       .size_bytes = k->object->size_bytes };
}

static const char *identity_of(const struct schema_object *o, void *item)
{
	return *(char **)field(schema_find(o, o->identity), item);
}

/* Add @item, or put it in the place of the one it replaces; takes over what it owns. */
static bool keep_item(const struct schema_key *k, void *base, void *item)
{
	struct items v = items_of(k, base);
	char *array;

	for (size_t i = 0; k->object->identity && i < *v.n; i++) {
		char *old = *v.array + i * v.size_bytes;

		if (strcmp(identity_of(k->object, old), identity_of(k->object, item)))
			continue;
		schema_release(k->object, old);
		memcpy(old, item, v.size_bytes);
		return true;
	}
	array = reallocarray(*v.array, *v.n + 1, v.size_bytes);
	if (!array)
		return false;
	*v.array = array;
	memcpy(array + *v.n * v.size_bytes, item, v.size_bytes);
	++*v.n;
	return true;
}

static int object_defaults(const struct schema_object *o, void *base)
{
	for (const struct schema_key *k = o->keys; k->key; k++) {
		struct value_reason why;
		char **text = field(k, base);

		if (k->type == SCHEMA_MAP && object_defaults(k->object, base) < 0)
			return -ENOMEM;
		if (!k->default_yaml || k->type == SCHEMA_WORDS)
			continue;
		if (schema_is_text(k)) {
			*text = strdup(k->default_yaml);
			if (!*text)
				return -ENOMEM;
		} else {
			int r = value_read(k, k->default_yaml, false, base, &why);

			assert(r == 0);
			(void)r;
		}
	}
	return 0;
}

int bind_defaults(struct recipe *r)
{
	return object_defaults(&schema_recipe, r);
}

static bool check_item(struct binder *b, const struct schema_key *k, void *item,
		       const struct node *n)
{
	const struct schema_object *o = k->object;
	struct schema_fault fault = { 0 };
	const struct node *at;
	bool ok = true;
	int r = 0;

	for (const struct schema_key *i = o->keys; i->key; i++) {
		if (!i->required || node_get(n, i->key))
			continue;
		diag_add(b->d, b->src, n->at, "'%s' is missing here", i->key);
		ok = false;
	}
	if (!ok)
		return false;
	if (o->finish)
		r = o->finish(item, &fault);
	if (!r && k->accept)
		r = k->accept(b->r, item, &fault);
	if (r == -ENOMEM) {
		b->d->oom = true;
	} else if (r < 0) {
		at = fault.at_key ? node_get(n, fault.at_key) : NULL;
		diag_add(b->d, b->src, at ? at->at : n->at, "%s", fault.what);
	}
	return !r;
}

static void bind_item(struct binder *b, const struct schema_key *k, void *base,
		      const struct node *n, const char *group)
{
	_Alignas(max_align_t) char item[ITEM_BYTES_MAX] = { 0 };
	size_t before = b->d->n + b->d->dropped;

	assert(k->object->size_bytes <= sizeof(item));
	if (n->kind != NODE_MAP) {
		diag_add(b->d, b->src, n->at, KEY_FMT ": expected a map such as {%s: ...}, not %s",
			 KEY_ARG(group, k), k->object->keys[0].key, kind_name(n));
		return;
	}
	if (object_defaults(k->object, item) < 0)
		b->d->oom = true;
	bind_map(b, k->object, item, n, k->key);
	if (b->d->n + b->d->dropped == before && !b->d->oom && check_item(b, k, item, n)) {
		if (keep_item(k, base, item))
			return;
		b->d->oom = true;
	}
	schema_release(k->object, item);
}

/* Two items of one file with the same name are a mistake; of two files, the later counts. */
static void refuse_twins(struct binder *b, const struct schema_object *o,
			 const struct node *list)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct node *a = node_get(list->item[i], o->identity);

		for (size_t j = 0; a && a->kind == NODE_SCALAR && j < i; j++) {
			const struct node *c = node_get(list->item[j], o->identity);

			if (!c || c->kind != NODE_SCALAR || strcmp(a->text, c->text))
				continue;
			diag_add(b->d, b->src, a->at, "%s '%.80s' is given twice; first on line %u",
				 o->identity, a->text, c->at.line);
			break;
		}
	}
}

static void bind_items(struct binder *b, const struct schema_key *k, void *base,
		       const struct node *n, const char *group)
{
	if (!want_kind(b, k, n, NODE_LIST, group))
		return;
	if (k->object->identity)
		refuse_twins(b, k->object, n);
	if (n->n + *items_of(k, base).n > RECIPE_LIST_MAX)
		diag_add(b->d, b->src, n->at, KEY_FMT " has more than %d items",
			 KEY_ARG(group, k), RECIPE_LIST_MAX);
	else
		for (size_t i = 0; i < n->n; i++)
			bind_item(b, k, base, n->item[i], group);
}

/* The group whose key @name is, or NULL. */
static const char *group_with(const char *name)
{
	for (const struct schema_key *k = schema_recipe.keys; k->key; k++)
		if (k->type == SCHEMA_MAP && schema_find(k->object, name))
			return k->key;
	return NULL;
}

static void refuse_key(struct binder *b, const struct schema_object *o, const struct node *key)
{
	const char *names[CANDIDATES_MAX], *best;
	size_t n = 0;

	for (const struct schema_key *k = o->keys; k->key && n < CANDIDATES_MAX; k++)
		names[n++] = k->key;
	if (group_with(key->text)) {
		diag_add(b->d, b->src, key->at, "unknown key '%.60s' here; it belongs in '%s'",
			 key->text, group_with(key->text));
		return;
	}
	if (schema_find(&schema_recipe, key->text)) {
		diag_add(b->d, b->src, key->at,
			 "unknown key '%.60s' here; it belongs at the top: check the indentation",
			 key->text);
		return;
	}
	best = bind_nearest(key->text, names, n);
	diag_add(b->d, b->src, key->at, "unknown key '%.60s'%s%s%s", key->text,
		 best ? "; did you mean '" : "", best ? best : "", best ? "'?" : "");
}

static bool was_seen(const struct binder *b, const struct schema_key *k)
{
	for (size_t i = 0; i < b->n_seen; i++)
		if (b->seen[i] == k)
			return true;
	return false;
}

static void see(struct binder *b, const struct schema_key *k)
{
	if (!was_seen(b, k) && b->n_seen < BIND_SEEN_MAX)
		b->seen[b->n_seen++] = k;
}

/* The group was refused as a whole: that its keys are missing need not be said. */
static void see_required(struct binder *b, const struct schema_object *o)
{
	for (const struct schema_key *k = o->keys; k->key; k++)
		if (k->required)
			see(b, k);
}

static void bind_value(struct binder *b, const struct schema_key *k, void *base,
		       const struct node *n, const char *group)
{
	switch (k->type) {
	case SCHEMA_TEXT:
		bind_text(b, k, base, n, group);
		return;
	case SCHEMA_HOST:
		bind_host(b, k, base, n, group);
		return;
	case SCHEMA_WORDS:
		bind_words(b, k, base, n, group);
		return;
	case SCHEMA_ITEMS:
		bind_items(b, k, base, n, group);
		return;
	case SCHEMA_MAP:
		if (want_kind(b, k, n, NODE_MAP, group))
			bind_map(b, k->object, base, n, k->key);
		else
			see_required(b, k->object);
		return;
	case SCHEMA_INCLUDE:
		return;
	default:
		bind_scalar(b, k, base, n, group);
	}
}

static void bind_map(struct binder *b, const struct schema_object *o, void *base,
		     const struct node *map, const char *group)
{
	if (o->exclusive)
		settle_exclusive(b, o, base, map);
	for (size_t i = 0; i < map->n; i++) {
		const struct schema_key *k = schema_find(o, map->item[i]->key->text);

		if (!k) {
			refuse_key(b, o, map->item[i]->key);
			continue;
		}
		if (k->required && base == (void *)b->r)
			see(b, k);
		bind_value(b, k, base, map->item[i], group);
	}
}

void bind_file(struct binder *b, const struct node *root)
{
	if (root->kind == NODE_MAP)
		bind_map(b, &schema_recipe, b->r, root, NULL);
	else
		diag_add(b->d, b->src, root->at, "a recipe is a map of keys, not %s",
			 kind_name(root));
}

static void end_map(struct binder *b, const struct schema_object *o, const struct source *top,
		    const char *group)
{
	for (const struct schema_key *k = o->keys; k->key; k++) {
		void *f = field(k, b->r);

		if (k->type == SCHEMA_MAP)
			end_map(b, k->object, top, k->key);
		else if (k->type == SCHEMA_WORDS && k->default_yaml &&
			 !((struct recipe_strv *)f)->n)
			b->d->oom |= !strv_add_words(f, k->default_yaml);
		else if (k->required && schema_is_text(k) && !*(char **)f && !was_seen(b, k))
			diag_add(b->d, top, (struct place){ 1, 1 },
				 "'" KEY_FMT "' is missing, in this file and all it includes",
				 KEY_ARG(group, k));
	}
}

void bind_end(struct binder *b, const struct source *top)
{
	end_map(b, &schema_recipe, top, NULL);
	if (b->r->state_reads > b->r->state_version)
		diag_add(b->d, top, (struct place){ 1, 1 },
			 "state.reads is %u: it cannot be above state.version, which is %u",
			 b->r->state_reads, b->r->state_version);
	if (b->r->update_key && !b->r->update_cert)
		diag_add(b->d, top, (struct place){ 1, 1 },
			 "update.key is there without update.cert");
}

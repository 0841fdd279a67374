/*
 * See node.h. The only file that knows libyaml: its event stream is turned
 * into our tree, and everything the subset leaves out is refused here.
 */
#include "builder/recipe/node.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "builder/recipe/recipe.h"
#include "lib/base/cleanup.h"

struct reader {
	yaml_parser_t parser;
	const struct source *src;
	struct diags *d;
	bool stop; /* the text cannot be followed any further */
};

struct node *node_free(struct node *n)
{
	if (!n)
		return NULL;
	node_free(n->key);
	for (size_t i = 0; i < n->n; i++)
		node_free(n->item[i]);
	free(n->item);
	free(n->text);
	free(n);
	return NULL;
}

static void node_freep(struct node **n)
{
	node_free(*n);
}

const struct node *node_get(const struct node *n, const char *key)
{
	for (size_t i = 0; n->kind == NODE_MAP && i < n->n; i++)
		if (!strcmp(n->item[i]->key->text, key))
			return n->item[i];
	return NULL;
}

static struct place place_of(yaml_mark_t m)
{
	return (struct place){ .line = (unsigned)m.line + 1, .col = (unsigned)m.column + 1 };
}

/* Check the bytes before libyaml sees them: its own messages here have no place. */
static bool check_text(const struct source *src, size_t start, struct diags *d)
{
	struct place at = { 1, 1 };

	for (size_t i = start; i < src->len;) {
		const char *why;
		size_t n = source_char(src->data + i, src->len - i, &why);

		if (why) {
			diag_add(d, src, at, "%s", why);
			return false;
		}
		if (src->data[i] == '\n')
			at = (struct place){ .line = at.line + 1, .col = 1 };
		else
			at.col++;
		i += n;
	}
	return true;
}

static const char *line_at(const struct source *src, unsigned line)
{
	const char *p = src->data;

	while (--line && p)
		if ((p = strchr(p, '\n')))
			p++;
	return p ? p : "";
}

/* libyaml's complaint; a tab in the indentation is by far the commonest cause. */
static void syntax_error(struct reader *rd)
{
	const yaml_parser_t *p = &rd->parser;
	struct place at = place_of(p->problem_mark);
	const char *line = line_at(rd->src, at.line);
	size_t indent = strspn(line, " \t");

	rd->stop = true;
	if (p->error == YAML_MEMORY_ERROR) {
		rd->d->oom = true;
		return;
	}
	if (memchr(line, '\t', indent)) {
		at.col = (unsigned)((const char *)memchr(line, '\t', indent) - line) + 1;
		diag_add(rd->d, rd->src, at, "tab in the indentation; use spaces");
		return;
	}
	/* What is never closed is better shown where it opens than at the end of the file. */
	if (p->context && !*line_at(rd->src, at.line))
		at = place_of(p->context_mark);
	diag_add(rd->d, rd->src, at, "%s%s%s", p->problem ? p->problem : "cannot read this",
		 p->context ? " " : "", p->context ? p->context : "");
}

static bool next_event(struct reader *rd, yaml_event_t *ev)
{
	if (yaml_parser_parse(&rd->parser, ev))
		return true;
	syntax_error(rd);
	return false;
}

static struct node *node_new(struct reader *rd, enum node_kind kind, yaml_mark_t mark)
{
	struct node *n = calloc(1, sizeof(*n));

	if (!n) {
		rd->d->oom = rd->stop = true;
		return NULL;
	}
	n->kind = kind;
	n->at = place_of(mark);
	return n;
}

static bool add_item(struct reader *rd, struct node *parent, struct node *child)
{
	if (parent->n == parent->cap) {
		size_t cap = parent->cap ? 2 * parent->cap : 8;
		struct node **item = reallocarray(parent->item, cap, sizeof(*item));

		if (!item) {
			rd->d->oom = rd->stop = true;
			return false;
		}
		parent->item = item;
		parent->cap = cap;
	}
	parent->item[parent->n++] = child;
	return true;
}

static void refuse_extras(struct reader *rd, const yaml_char_t *anchor, const yaml_char_t *tag,
			  yaml_mark_t mark)
{
	if (anchor)
		diag_add(rd->d, rd->src, place_of(mark),
			 "anchors ('&%.40s') are not part of the recipe language", anchor);
	if (tag)
		diag_add(rd->d, rd->src, place_of(mark),
			 "tags ('%.40s') are not part of the recipe language; types come from the "
			 "key", tag);
}

static struct node *read_scalar(struct reader *rd, const yaml_event_t *ev)
{
	struct node *n = node_new(rd, NODE_SCALAR, ev->start_mark);
	const char *value = (const char *)ev->data.scalar.value;

	if (!n)
		return NULL;
	refuse_extras(rd, ev->data.scalar.anchor, ev->data.scalar.tag, ev->start_mark);
	n->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	if (strlen(value) != ev->data.scalar.length) {
		diag_add(rd->d, rd->src, n->at, "NUL byte in the text");
		return node_free(n);
	}
	n->text = strdup(value);
	if (!n->text) {
		rd->d->oom = rd->stop = true;
		return node_free(n);
	}
	return n;
}

static struct node *read_node(struct reader *rd, const yaml_event_t *ev, unsigned depth);

static void read_list(struct reader *rd, struct node *list, unsigned depth)
{
	while (!rd->stop) {
		yaml_event_t ev;
		struct node *child;

		if (!next_event(rd, &ev))
			return;
		if (ev.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&ev);
			return;
		}
		child = read_node(rd, &ev, depth + 1);
		yaml_event_delete(&ev);
		if (!child)
			continue;
		if (list->n == RECIPE_LIST_MAX) {
			diag_add(rd->d, rd->src, child->at, "list of more than %d items",
				 RECIPE_LIST_MAX);
			rd->stop = true;
		}
		if (rd->stop || !add_item(rd, list, child))
			node_free(child);
	}
}

/* Put @value under @key, unless the key is there already. */
static void add_pair(struct reader *rd, struct node *map, struct node *key, struct node *value)
{
	const struct node *old;

	if (key->kind != NODE_SCALAR) {
		diag_add(rd->d, rd->src, key->at, "a key must be a word");
	} else if ((old = node_get(map, key->text))) {
		diag_add(rd->d, rd->src, key->at, "key '%.60s' is given twice; first on line %u",
			 key->text, old->key->at.line);
	} else if (map->n == NODE_KEYS_MAX) {
		diag_add(rd->d, rd->src, key->at, "more than %d keys", NODE_KEYS_MAX);
		rd->stop = true;
	} else if (add_item(rd, map, value)) {
		value->key = key;
		return;
	}
	node_free(key);
	node_free(value);
}

static void read_map(struct reader *rd, struct node *map, unsigned depth)
{
	while (!rd->stop) {
		yaml_event_t ev;
		struct node *key, *value;

		if (!next_event(rd, &ev))
			return;
		if (ev.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&ev);
			return;
		}
		key = read_node(rd, &ev, depth + 1);
		yaml_event_delete(&ev);
		if (rd->stop || !next_event(rd, &ev)) {
			node_free(key);
			return;
		}
		value = read_node(rd, &ev, depth + 1);
		yaml_event_delete(&ev);
		if (key && value) {
			add_pair(rd, map, key, value);
		} else {
			node_free(key);
			node_free(value);
		}
	}
}

/* The node that begins with @ev; NULL when it was refused. */
static struct node *read_node(struct reader *rd, const yaml_event_t *ev, unsigned depth)
{
	struct node *n;

	if (depth > NODE_DEPTH_MAX) {
		diag_add(rd->d, rd->src, place_of(ev->start_mark),
			 "nested more than %d levels deep", NODE_DEPTH_MAX);
		rd->stop = true;
		return NULL;
	}
	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		return read_scalar(rd, ev);
	case YAML_SEQUENCE_START_EVENT:
		refuse_extras(rd, ev->data.sequence_start.anchor, ev->data.sequence_start.tag,
			      ev->start_mark);
		n = node_new(rd, NODE_LIST, ev->start_mark);
		if (n)
			read_list(rd, n, depth);
		return n;
	case YAML_MAPPING_START_EVENT:
		refuse_extras(rd, ev->data.mapping_start.anchor, ev->data.mapping_start.tag,
			      ev->start_mark);
		n = node_new(rd, NODE_MAP, ev->start_mark);
		if (n)
			read_map(rd, n, depth);
		return n;
	case YAML_ALIAS_EVENT:
		diag_add(rd->d, rd->src, place_of(ev->start_mark),
			 "aliases ('*%.40s') are not part of the recipe language",
			 ev->data.alias.anchor);
		return NULL;
	default:
		diag_add(rd->d, rd->src, place_of(ev->start_mark), "cannot read this");
		rd->stop = true;
		return NULL;
	}
}

/* Skip to the first document; false when there is none. */
static bool read_prologue(struct reader *rd)
{
	yaml_event_t ev;
	bool directives;

	if (!next_event(rd, &ev)) /* stream start */
		return false;
	yaml_event_delete(&ev);
	if (!next_event(rd, &ev))
		return false;
	if (ev.type != YAML_DOCUMENT_START_EVENT) {
		yaml_event_delete(&ev);
		diag_add(rd->d, rd->src, (struct place){ 1, 1 }, "the file is empty");
		return false;
	}
	directives = ev.data.document_start.version_directive ||
		     ev.data.document_start.tag_directives.start !=
			     ev.data.document_start.tag_directives.end;
	if (directives)
		diag_add(rd->d, rd->src, place_of(ev.start_mark),
			 "directives ('%%') are not part of the recipe language");
	yaml_event_delete(&ev);
	return true;
}

static void read_epilogue(struct reader *rd)
{
	yaml_event_t ev;

	if (!next_event(rd, &ev)) /* document end */
		return;
	yaml_event_delete(&ev);
	if (!next_event(rd, &ev))
		return;
	if (ev.type != YAML_STREAM_END_EVENT)
		diag_add(rd->d, rd->src, place_of(ev.start_mark),
			 "a second document; a recipe is one");
	yaml_event_delete(&ev);
}

static struct node *read_document(struct reader *rd)
{
	_cleanup_(node_freep) struct node *root = NULL;
	yaml_event_t ev;

	if (!read_prologue(rd) || !next_event(rd, &ev))
		return NULL;
	root = read_node(rd, &ev, 1);
	yaml_event_delete(&ev);
	if (!rd->stop)
		read_epilogue(rd);
	return TAKE_PTR(root);
}

struct node *node_read(const struct source *src, struct diags *d)
{
	struct reader rd = { .src = src, .d = d };
	size_t skip = src->len >= 3 && !memcmp(src->data, "\xef\xbb\xbf", 3) ? 3 : 0;
	struct node *root;

	if (!check_text(src, skip, d))
		return NULL;
	if (!yaml_parser_initialize(&rd.parser)) {
		d->oom = true;
		return NULL;
	}
	yaml_parser_set_encoding(&rd.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&rd.parser, (const unsigned char *)src->data + skip,
				     src->len - skip);
	root = read_document(&rd);
	yaml_parser_delete(&rd.parser);
	return root;
}

/*
 * The merged recipe as YAML, by the schema.
 *
 * What is printed reads back to the same recipe when it is put where the top
 * recipe is: files of the host are named relative to its folder, or to the
 * folder of kiln's own recipes, which is where a name is looked up next.
 */
#include <string.h>

#include "builder/recipe/schema.h"
#include "builder/recipe/value.h"
#include "lib/base/buf.h"

/* Characters that mean nothing to any YAML reader. */
#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@"

static void show_object(const struct recipe *r, const struct schema_object *o, const void *base,
			int indent, bool first_inline, struct buf *out);

static const void *field(const struct schema_key *k, const void *base)
{
	return (const char *)base + k->offset;
}

static void pad(struct buf *out, int indent)
{
	for (int i = 0; i < indent; i++)
		buf_addc(out, ' ');
}

/* Texts that need no quotes whatever reads them. */
static bool is_plain(const char *s)
{
	size_t n = strlen(s);

	if (!n || strspn(s, PLAIN) != n)
		return false;
	/* Numbers, words of other YAML readers, and markers stay in quotes. */
	return (s[0] >= 'a' && s[0] <= 'z' && n > 3 && strcmp(s, "true") && strcmp(s, "false") &&
		strcmp(s, "null")) ||
	       s[0] == '/';
}

static void show_text(struct buf *out, const char *s)
{
	if (is_plain(s)) {
		buf_adds(out, s);
		return;
	}
	buf_addc(out, '"');
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			buf_addf(out, "\\%c", c);
		else if (c == '\n')
			buf_adds(out, "\\n");
		else if (c == '\t')
			buf_adds(out, "\\t");
		else if (c < 0x20 || c == 0x7f)
			buf_addf(out, "\\x%02x", c);
		else
			buf_addc(out, (char)c);
	}
	buf_addc(out, '"');
}

/* Lines that a literal block keeps as they are. */
static bool is_block(const char *s)
{
	size_t n = strlen(s);

	if (n < 2 || s[n - 1] != '\n' || s[n - 2] == '\n' || s[0] == ' ' || s[0] == '\n')
		return false;
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 && *s != '\n')
			return false;
	return true;
}

static void show_block(struct buf *out, const char *s, int indent)
{
	buf_adds(out, "|\n");
	while (*s) {
		size_t n = strcspn(s, "\n");

		if (n)
			pad(out, indent);
		buf_add(out, s, n + 1);
		s += n + 1;
	}
}

/* @path as a recipe in the top folder names it. */
static const char *host_name(const struct recipe *r, const char *path)
{
	const char *dirs[] = { r->dir, r->shipped_dir };

	for (size_t i = 0; i < 2; i++) {
		size_t n = dirs[i] ? strlen(dirs[i]) : 0;

		if (n && !strncmp(path, dirs[i], n) && path[n] == '/')
			return path + n + 1;
		if (n == 1 && path[0] == '/')
			return path + 1;
	}
	return path;
}

static void show_words(const struct recipe_strv *v, int indent, struct buf *out)
{
	for (size_t i = 0; i < v->n; i++) {
		buf_addc(out, '\n');
		pad(out, indent);
		buf_adds(out, "- ");
		show_text(out, v->item[i]);
	}
	buf_addc(out, '\n');
}

static void show_items(const struct recipe *r, const struct schema_key *k, const void *base,
		       int indent, struct buf *out)
{
	const char *array = *(char *const *)field(k, base);
	size_t n = *(const size_t *)((const char *)base + k->count_offset);

	buf_addc(out, '\n');
	for (size_t i = 0; i < n; i++) {
		pad(out, indent);
		buf_adds(out, "- ");
		show_object(r, k->object, array + i * k->object->size_bytes, indent + 2, true, out);
	}
}

/* True when there is nothing to print for the row. */
static bool is_unset(const struct schema_key *k, const void *base)
{
	switch (k->type) {
	case SCHEMA_TEXT:
	case SCHEMA_HOST:
		return !*(char *const *)field(k, base);
	case SCHEMA_WORDS:
		return !((const struct recipe_strv *)field(k, base))->n;
	case SCHEMA_ITEMS:
		return !*(const size_t *)((const char *)base + k->count_offset);
	case SCHEMA_INCLUDE:
		return true;
	case SCHEMA_UINT:
		/* Only numbers without a default and with a lower bound may be left out. */
		return !k->default_yaml && !*(const uint32_t *)field(k, base);
	case SCHEMA_MAP:
		for (const struct schema_key *i = k->object->keys; i->key; i++)
			if (!is_unset(i, base))
				return false;
		return true;
	default:
		return false;
	}
}

static void show_key(const struct recipe *r, const struct schema_key *k, const void *base,
		     int indent, struct buf *out)
{
	buf_addf(out, "%s:", k->key);
	switch (k->type) {
	case SCHEMA_MAP:
		buf_addc(out, '\n');
		show_object(r, k->object, base, indent + 2, false, out);
		return;
	case SCHEMA_WORDS:
		show_words(field(k, base), indent + 2, out);
		return;
	case SCHEMA_ITEMS:
		show_items(r, k, base, indent + 2, out);
		return;
	case SCHEMA_TEXT:
		buf_addc(out, ' ');
		if (is_block(*(char *const *)field(k, base))) {
			show_block(out, *(char *const *)field(k, base), indent + 2);
			return;
		}
		show_text(out, *(char *const *)field(k, base));
		break;
	case SCHEMA_HOST:
		buf_addc(out, ' ');
		show_text(out, host_name(r, *(char *const *)field(k, base)));
		break;
	default:
		buf_addc(out, ' ');
		value_write(k, base, out);
	}
	buf_addc(out, '\n');
}

static void show_object(const struct recipe *r, const struct schema_object *o, const void *base,
			int indent, bool first_inline, struct buf *out)
{
	for (const struct schema_key *k = o->keys; k->key; k++) {
		if (is_unset(k, base))
			continue;
		if (!first_inline)
			pad(out, indent);
		first_inline = false;
		show_key(r, k, base, indent, out);
	}
}

void recipe_show(const struct recipe *r, struct buf *out)
{
	show_object(r, &schema_recipe, r, 0, false, out);
}

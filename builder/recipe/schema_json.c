/* The schema table as JSON Schema 2020-12, so that editors complete and check recipes. */
#include <stdlib.h>
#include <string.h>

#include "builder/recipe/schema.h"
#include "lib/base/json.h"

static void add_object(struct json *j, const struct schema_object *o, bool is_item);

static void add_types(struct json *j, const char *a, const char *b)
{
	if (!b) {
		json_str(j, "type", a);
		return;
	}
	json_open(j, "type", '[');
	json_str(j, NULL, a);
	json_str(j, NULL, b);
	json_close(j);
}

static void add_word(struct json *j, const struct schema_word *w)
{
	_cleanup_buf_ struct buf pattern = BUF_INIT;

	/* An editor reads an unquoted 1.10 as a number; kiln reads it as the text it is. */
	add_types(j, "string", w == &word_version ? "number" : NULL);
	if (w->choices) {
		json_open(j, "enum", '[');
		for (const char *const *c = w->choices; *c; c++)
			json_str(j, NULL, *c);
		json_close(j);
		return;
	}
	if (w->first) {
		schema_word_pattern(w, &pattern);
		if (!buf_ok(&pattern))
			j->out->oom = true;
		else
			json_str(j, "pattern", pattern.data);
	} else if (!w->may_be_empty) {
		json_u64(j, "minLength", 1);
	}
	json_u64(j, "maxLength", w->max_chars);
	json_open(j, "examples", '[');
	json_str(j, NULL, w->example);
	json_close(j);
}

static void add_default(struct json *j, const struct schema_key *k)
{
	if (!k->default_yaml)
		return;
	if (k->type == SCHEMA_BOOL) {
		json_bool(j, "default", !strcmp(k->default_yaml, "true"));
	} else if (k->type == SCHEMA_UINT) {
		json_u64(j, "default", strtoull(k->default_yaml, NULL, 10));
	} else if (k->type == SCHEMA_WORDS) {
		json_open(j, "default", '[');
		for (const char *p = k->default_yaml; *p; p += strspn(p, " ")) {
			size_t n = strcspn(p, " ");
			char word[64] = { 0 };

			memcpy(word, p, n < sizeof(word) ? n : sizeof(word) - 1);
			json_str(j, NULL, word);
			p += n;
		}
		json_close(j);
	} else {
		json_str(j, "default", k->default_yaml);
	}
}

static void add_list(struct json *j, const struct schema_key *k)
{
	json_str(j, "type", "array");
	json_u64(j, "maxItems", RECIPE_LIST_MAX);
	if (k->type == SCHEMA_WORDS && k->default_yaml)
		json_u64(j, "minItems", 1);
	json_open(j, "items", '{');
	if (k->type == SCHEMA_WORDS)
		add_word(j, k->word);
	else if (k->type == SCHEMA_INCLUDE)
		json_str(j, "type", "string");
	else
		add_object(j, k->object, true);
	json_close(j);
}

static void add_type(struct json *j, const struct schema_key *k)
{
	switch (k->type) {
	case SCHEMA_TEXT:
		add_word(j, k->word);
		return;
	case SCHEMA_BOOL:
		json_str(j, "type", "boolean");
		return;
	case SCHEMA_UINT:
		json_str(j, "type", "integer");
		json_u64(j, "minimum", k->min);
		json_u64(j, "maximum", k->max);
		return;
	case SCHEMA_MODE:
		add_types(j, "string", "integer");
		json_str(j, "pattern", "^0[0-7]{2,4}$");
		return;
	case SCHEMA_SIZE:
		add_types(j, "string", "integer");
		json_str(j, "pattern", "^[0-9]+[KMGT]?$");
		return;
	case SCHEMA_DURATION:
		json_str(j, "type", "string");
		json_str(j, "pattern", "^[0-9]+[smh]$");
		return;
	case SCHEMA_HOST:
		json_str(j, "type", "string");
		json_u64(j, "minLength", 1);
		return;
	case SCHEMA_MAP:
		add_object(j, k->object, false);
		return;
	case SCHEMA_WORDS:
	case SCHEMA_ITEMS:
	case SCHEMA_INCLUDE:
		add_list(j, k);
		return;
	}
}

/* What an item must have; at the top an included file may bring it. */
static void add_required(struct json *j, const struct schema_object *o)
{
	bool open = false;

	for (const struct schema_key *k = o->keys; k->key; k++) {
		if (!k->required)
			continue;
		if (!open)
			json_open(j, "required", '[');
		open = true;
		json_str(j, NULL, k->key);
	}
	if (open)
		json_close(j);
}

static void add_object(struct json *j, const struct schema_object *o, bool is_item)
{
	json_str(j, "type", "object");
	json_bool(j, "additionalProperties", false);
	if (is_item)
		add_required(j, o);
	json_open(j, "properties", '{');
	for (const struct schema_key *k = o->keys; k->key; k++) {
		json_open(j, k->key, '{');
		json_str(j, "description", k->doc);
		add_type(j, k);
		add_default(j, k);
		json_close(j);
	}
	json_close(j);
}

void recipe_schema(struct buf *out)
{
	struct json j = JSON_INIT(out);

	json_open(&j, NULL, '{');
	json_str(&j, "$schema", "https://json-schema.org/draft/2020-12/schema");
	json_str(&j, "title", "kiln recipe");
	add_object(&j, &schema_recipe, false);
	json_close(&j);
	buf_addc(out, '\n');
}

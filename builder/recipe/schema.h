/*
 * The recipe language as one table.
 *
 * Every key is one row: its type, default, bounds and documentation. The
 * binder, the error messages, `kiln recipe --schema`, `--show` and recipe(5)
 * all walk these rows; nothing about a key is written anywhere else.
 */
#ifndef BUILDER_RECIPE_SCHEMA_H
#define BUILDER_RECIPE_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "builder/recipe/recipe.h"

enum schema_type {
	SCHEMA_TEXT, /* char *: one text by the rules of a word */
	SCHEMA_BOOL, /* bool: true or false */
	SCHEMA_UINT, /* uint32_t: decimal */
	SCHEMA_MODE, /* uint32_t: octal permission bits */
	SCHEMA_SIZE, /* uint64_t: bytes, written 64M, 1G */
	SCHEMA_DURATION, /* uint32_t: seconds, written 120s, 2m */
	SCHEMA_WORDS, /* struct recipe_strv: list of texts by the rules of a word */
	SCHEMA_HOST, /* char *: a file of the host beside the recipe, resolved */
	SCHEMA_INCLUDE, /* handled by the loader, bound to nothing */
	SCHEMA_MAP, /* a group of further keys, in the same structure */
	SCHEMA_ITEMS, /* an array of structures, each a map of its own */
};

/* What a text may look like: one of @choices where they are set, else characters and length. */
struct schema_word {
	const char *what; /* "package name": for messages and the manual */
	const char *example;
	const char *first, *rest; /* allowed characters, written like a bracket expression */
	size_t min_chars, max_chars;
	bool may_be_empty;
	const char *const *choices; /* ends with NULL */
	/* What the characters cannot say. Returns why @text is refused, or NULL. */
	const char *(*check)(const char *text);
};

struct schema_object;

/* Why a value or item is refused; @at_key names the key of the item to point at, or NULL. */
struct schema_fault {
	char what[256];
	const char *at_key;
};

struct schema_key {
	const char *key; /* NULL ends a table */
	enum schema_type type;
	size_t offset; /* of the field in the object's structure; unused by SCHEMA_MAP */
	size_t count_offset; /* of the size_t count of SCHEMA_ITEMS */
	const struct schema_word *word; /* of SCHEMA_TEXT and SCHEMA_WORDS */
	const struct schema_object *object; /* of SCHEMA_MAP and SCHEMA_ITEMS */
	const char *default_yaml; /* scalars: as written; SCHEMA_WORDS: words with spaces between */
	uint64_t min, max, align; /* of numbers; align 0 is none */
	bool required; /* must be there after all includes */
	/* Rules against what the recipe holds already, for one text or item. 0 or -EINVAL. */
	int (*accept)(const struct recipe *r, const void *value, struct schema_fault *fault);
	const char *doc; /* sentences for recipe(5) and editors */
};

struct schema_object {
	const struct schema_key *keys;
	size_t size_bytes; /* of the structure of an item; 0 for a map */
	bool exclusive; /* a text stands in only one of this map's lists */
	const char *identity; /* key by which two items are the same one, or NULL */
	/*
	 * Rules between the keys of one item, and computed defaults. Returns 0,
	 * -EINVAL with @fault, or -ENOMEM.
	 */
	int (*finish)(void *item, struct schema_fault *fault);
	const char *doc; /* a sentence after the table of the keys, or NULL */
};

/* The top of a recipe. */
extern const struct schema_object schema_recipe;

/* Key @name of @o, or NULL. */
const struct schema_key *schema_find(const struct schema_object *o, const char *name);

/* True when the key holds text on the heap at its offset. */
bool schema_is_text(const struct schema_key *k);

/* Release what the rows of @o own in @base (not @base itself). */
void schema_release(const struct schema_object *o, void *base);

/* Why @text is no such word, or NULL when it is one. May point to a static buffer's text. */
const char *schema_word_check(const struct schema_word *w, const char *text);

/* The word's rule as a regular expression of ECMA 262, into @out (a struct buf). */
void schema_word_pattern(const struct schema_word *w, struct buf *out);

/* The words, for the table. */
extern const struct schema_word word_image, word_version, word_architecture, word_suite,
	word_component, word_package, word_path, word_link, word_user, word_unit, word_cmdline,
	word_module, word_initrd, word_persist, word_output, word_content, word_url, word_proxy,
	word_reboot;

#endif

/* Operations on the lists of texts of a recipe: struct recipe_strv owns its array and texts. */
#ifndef BUILDER_RECIPE_STRV_H
#define BUILDER_RECIPE_STRV_H

#include <stdbool.h>

#include "builder/recipe/recipe.h"

/* True when @text is in the list. */
bool strv_has(const struct recipe_strv *v, const char *text);

/* Append a copy of @text; false when out of memory. */
bool strv_add(struct recipe_strv *v, const char *text);

/* Take @text out of the list, if it is there. */
void strv_remove(struct recipe_strv *v, const char *text);

/* Append the words of @words, which are separated by spaces; false when out of memory. */
bool strv_add_words(struct recipe_strv *v, const char *words);

/* Free all and leave the empty list. */
void strv_done(struct recipe_strv *v);

#endif

/* See strv.h. */
#include "builder/recipe/strv.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"

bool strv_has(const struct recipe_strv *v, const char *text)
{
	for (size_t i = 0; i < v->n; i++)
		if (!strcmp(v->item[i], text))
			return true;
	return false;
}

bool strv_add(struct recipe_strv *v, const char *text)
{
	char *copy = strdup(text), **item;

	/* Grow in powers of two. */
	if (copy && !(v->n & (v->n - 1))) {
		item = reallocarray(v->item, v->n ? 2 * v->n : 1, sizeof(*item));
		if (!item) {
			free(copy);
			return false;
		}
		v->item = item;
	}
	if (!copy)
		return false;
	v->item[v->n++] = copy;
	return true;
}

void strv_remove(struct recipe_strv *v, const char *text)
{
	for (size_t i = 0; i < v->n; i++) {
		if (strcmp(v->item[i], text))
			continue;
		free(v->item[i]);
		memmove(&v->item[i], &v->item[i + 1], (v->n - i - 1) * sizeof(*v->item));
		v->n--;
		return;
	}
}

bool strv_add_words(struct recipe_strv *v, const char *words)
{
	for (const char *p = words; *p; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");
		_cleanup_free_ char *word = strndup(p, n);

		if (!word || !strv_add(v, word))
			return false;
		p += n;
	}
	return true;
}

void strv_done(struct recipe_strv *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->item[i]);
	free(v->item);
	*v = (struct recipe_strv){ 0 };
}

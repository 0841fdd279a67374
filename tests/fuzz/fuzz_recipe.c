/*
 * Recipes of any bytes, from memory: the reader, the schema's binder, the
 * messages, and the promise that what is shown reads back to the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "builder/recipe/load.h"
#include "builder/recipe/recipe.h"
#include "lib/base/buf.h"
#include "lib/base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct recipe *load(const char *data, size_t len, struct err *err)
{
	struct recipe_options opt = { .version = NULL };
	struct recipe *r = NULL;
	int rc;

	err_init(err);
	rc = recipe_load_text("fuzz.yaml", data, len, &opt, &r, err);
	/* A refusal says something and hands out nothing; success says nothing. */
	if (!!rc != !!err->text[0] || !rc != !!r)
		abort();
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct err err;
	struct buf first = BUF_INIT, second = BUF_INIT;
	struct recipe *r = load((const char *)data, size, &err), *again;

	if (!r)
		return 0;
	recipe_show(r, &first);
	again = load(first.data, first.len, &err);
	if (!again)
		abort();
	recipe_show(again, &second);
	if (first.len != second.len || memcmp(first.data, second.data, first.len))
		abort();
	recipe_free(r);
	recipe_free(again);
	buf_done(&first);
	buf_done(&second);
	return 0;
}

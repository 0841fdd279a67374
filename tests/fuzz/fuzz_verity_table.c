/* kiln.verity and whole command lines: what is accepted has one text and fits a table. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/verity_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define ROOT "78ee4f72233c8433f2ec9b398a8e36753aa57652c229df497a40bba916d568c8"

static void use_params(const struct verity_params *p)
{
	char text[VERITY_PARAM_TEXT_SIZE], table[VERITY_TABLE_TEXT_SIZE];
	struct verity_params again;
	struct verity_tree tree;

	if (verity_params_format(p, text, sizeof(text)) ||
	    verity_params_parse(ROOT, text, &again) || again.data_blocks != p->data_blocks ||
	    again.hash_start_block != p->hash_start_block || again.salt_bytes != p->salt_bytes ||
	    memcmp(again.salt, p->salt, p->salt_bytes))
		abort();
	if (verity_table_format(p, "253:1", "253:2", VERITY_DAMAGE_PANIC, table, sizeof(table)) ||
	    verity_tree_shape(p->data_blocks, &tree))
		abort();
	verity_params_fit(p, UINT64_MAX, UINT64_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char text[1024];
	struct verity_params p;

	if (len >= sizeof(text))
		return 0;
	memcpy(text, data, len);
	text[len] = '\0';
	if (!verity_params_parse(ROOT, text, &p))
		use_params(&p);
	if (!verity_params_from_cmdline(text, len, &p))
		use_params(&p);
	return 0;
}

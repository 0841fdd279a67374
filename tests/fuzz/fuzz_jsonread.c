/*
 * The JSON reader: whatever it takes is well nested and can be walked and decoded.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "qemu/jsonread.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct jsonread doc;
	char text[64];

	if (jsonread_parse(&doc, (const char *)data, size) < 0)
		return 0;
	if (doc.n == 0 || doc.node[0].end != doc.n)
		abort();
	for (unsigned i = 0; i < doc.n; i++) {
		if (doc.node[i].end <= i || doc.node[i].end > doc.n)
			abort();
		(void)jsonread_get(&doc, i, "return");
		(void)jsonread_string(&doc.node[i], text, sizeof(text));
	}
	return 0;
}

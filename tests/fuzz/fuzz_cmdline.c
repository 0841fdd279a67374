/* Kernel command lines: tokens lie inside the line, and lookups agree with the walk. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/cmdline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *line = (const char *)data, *at = line, *end, *before;
	char value[256];
	struct cmdline_token t;
	unsigned int n = 0;
	int r;

	if (len > CMDLINE_MAX)
		return 0;
	end = line + (memchr(line, 0, len) ? strnlen(line, len) : len);
	for (;;) {
		before = at;
		if (!cmdline_next(&at, end, &t))
			break;
		if (at <= before || at > end || t.key < line || t.key + t.key_len > end)
			abort();
		if (t.value && (t.value < t.key || t.value > end ||
				t.value_len > (size_t)(end - t.value)))
			abort();
		n += t.key_len == 1 && t.key[0] == 'k';
	}
	r = cmdline_get(line, len, "k", value, sizeof(value));
	if ((n == 0) != (r == CMDLINE_E_MISSING) || (n > 1) != (r == CMDLINE_E_TWICE))
		abort();
	cmdline_check(line, len, "kiln.");
	return 0;
}

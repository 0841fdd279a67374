/* What `systemctl show` prints about one to four units: every text ends within its field. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "update/systemd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define UNITS 4

static void check_text(const char *field, size_t size)
{
	if (strnlen(field, size) == size || memchr(field, '\n', strlen(field)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct unit_state s[UNITS];
	unsigned fits = 0;

	for (size_t n = 0; n <= UNITS; n++) {
		if (!systemd_parse((const char *)data, len, n, s))
			continue;
		fits++;
		for (size_t i = 0; i < n; i++) {
			check_text(s[i].load, sizeof(s[i].load));
			check_text(s[i].active, sizeof(s[i].active));
			check_text(s[i].sub, sizeof(s[i].sub));
			check_text(s[i].result, sizeof(s[i].result));
			check_text(s[i].invocation, sizeof(s[i].invocation));
			if (s[i].restarts > 10 * 1000 * 1000)
				abort();
		}
	}
	/* An answer is about one number of units only. */
	if (fits > 1)
		abort();
	return 0;
}

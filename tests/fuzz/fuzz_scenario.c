/*
 * The scenario parser: a file is refused with a place, or is within all bounds.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/err.h"
#include "qemu/scenario.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct err err;
	struct scenario *s;
	char text[256];

	err_init(&err);
	s = scenario_parse("f", (const char *)data, size, &err);
	if (!s) {
		if (strncmp(err.text, "f:", 2))
			abort();
		return 0;
	}
	if (*err.text || !s->title || s->n == 0 || s->n > SCENARIO_STEPS_MAX || !s->deadline_ms)
		abort();
	for (unsigned i = 0; i < s->n; i++) {
		if (s->step[i].slot > 1 || s->step[i].line == 0)
			abort();
		scenario_step_text(&s->step[i], text, sizeof(text));
	}
	scenario_free(s);
	return 0;
}

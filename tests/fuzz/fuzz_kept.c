/* The PERSIST lines of image.conf: absolute paths of proper parts, sorted, found again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/err.h"
#include "update/kept.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_path(const struct kept *kept, const char *path)
{
	size_t n = strlen(path);

	if (path[0] != '/' || path[n - 1] == '/' || strstr(path, "//") || strchr(path, '\n') || !kept_has(kept, path))
		abort();
	for (const char *at = path; (at = strstr(at, "/.")); at++)
		if (!at[2] || at[2] == '/' || (at[2] == '.' && (!at[3] || at[3] == '/')))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct kept kept = { .n = 77 };
	static struct err err;

	if (kept_parse((const char *)data, len, &kept, &err)) {
		if (kept.n != 77 || !err.text[0])
			abort();
		return 0;
	}
	if (kept.n > KEPT_MAX)
		abort();
	for (size_t i = 0; i < kept.n; i++) {
		check_path(&kept, kept.path[i]);
		if (i && strcmp(kept.path[i - 1], kept.path[i]) > 0)
			abort();
	}
	kept_done(&kept);
	return 0;
}

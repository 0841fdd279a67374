/*
 * Cutting: whatever stands in a squashfs or a PE file, chunks cover it exactly, none is
 * empty or too long. Magic, version and compression of a squashfs are repaired.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "builder/bundle/cuts.h"
#include "install/bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(struct cuts *c, uint64_t bytes)
{
	uint64_t start = 0;

	for (unsigned thin = 0; thin < 2; thin++, start = 0) {
		if (cuts_finish(c, bytes, BUNDLE_CHUNK_MAX))
			abort();
		if (thin)
			cuts_thin(c, 1000, BUNDLE_CHUNK_MAX);
		for (size_t i = 0; i < c->n; start = c->end[i++])
			if (c->end[i] <= start || c->end[i] - start > BUNDLE_CHUNK_MAX)
				abort();
		if (start != bytes)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t image[1 << 20];
	struct cuts c = { .n = 0 };

	if (len > sizeof(image))
		return 0;
	if (len)
		memcpy(image, data, len);
	cuts_pe(&c, image, len, NULL);
	check(&c, len);
	cuts_done(&c);
	if (len >= 32) {
		memcpy(image, "hsqs", 4);
		memcpy(image + 20, "\6\0", 2);
		memcpy(image + 28, "\4\0", 2);
	}
	cuts_squashfs(&c, image, len, NULL);
	check(&c, len);
	cuts_done(&c);
	return 0;
}

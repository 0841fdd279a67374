/*
 * InRelease files of any bytes. gpgv is not run: what it would be given is checked
 * for its shape, and the bytes are then read as if they had been signed.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "builder/resolve/release.h"
#include "lib/base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct err err;
	struct release *r;

	if (release_check_armor((const char *)data, size, &err) == 0 &&
	    (size < 34 || memcmp(data, "-----BEGIN PGP SIGNED MESSAGE-----", 34)))
		abort();
	if (release_parse((const char *)data, size, "fuzz", &r, &err) < 0)
		return 0;
	if (!r->date || !r->n_files)
		abort();
	for (size_t i = 0; i < r->n_files; i++) {
		const struct release_file *f = &r->files[i];
		char *path = strndup(f->path, f->path_len);

		if (!path || strlen(f->sha256) != 64 || !release_find(r, path))
			abort();
		free(path);
	}
	release_lists(r->architectures, "amd64");
	release_free(r);
	return 0;
}

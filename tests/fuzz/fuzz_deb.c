/*
 * A .deb from a stranger, from the ar container to the last file. Whatever
 * comes out must keep the reader's promises: normalised paths, sizes as
 * announced, ids in range.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "builder/rootfs/deb.h"
#include "lib/base/err.h"
#include "lib/base/io.h"

#define INPUT_MAX (1u << 20)
/* A bomb is an input like any other; stop well before it hurts. */
#define OUTPUT_MAX (64u << 20)

static void expect(int condition)
{
	if (!condition)
		abort();
}

static int check_entry(void *arg, const struct deb_entry *e, struct deb_stream *content,
		       struct err *err)
{
	uint64_t *total = arg, seen = 0;
	char again[DEB_PATH_MAX + 1];
	const void *data;
	size_t len;
	int r;

	expect(deb_normalise(e->path, again, sizeof(again)) == 0 && !strcmp(again, e->path));
	expect(e->path[0] != '/' && !strchr(e->path, '\n'));
	expect(strchr("fdlh", e->type) && e->mode <= 07777);
	expect(e->uid <= DEB_ID_MAX && e->gid <= DEB_ID_MAX);
	expect((e->type == 'l' || e->type == 'h') == (e->link != NULL));
	while ((r = deb_stream_next(content, &data, &len, err)) == 0 && len) {
		seen += len;
		*total += len;
		if (*total > OUTPUT_MAX)
			return 1;
	}
	expect(r < 0 || seen == e->size_bytes);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct err err;
	struct deb_control control = { 0 };
	struct deb *deb = NULL;
	uint64_t total = 0;
	int fd;

	if (size > INPUT_MAX)
		return 0;
	fd = memfd_create("deb", MFD_CLOEXEC);
	if (fd < 0 || io_write_all(fd, bytes, size) < 0)
		abort();
	if (deb_open(&deb, fd, "fuzz", &err) == 0) {
		if (deb_control(deb, &control, &err) == 0)
			expect(deb_control_find(&control, "control") != NULL);
		deb_data(deb, check_entry, &total, &err);
	}
	deb_control_done(&control);
	deb_close(deb);
	close(fd);
	return 0;
}

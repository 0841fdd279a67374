/* See cpio.h. The header is thirteen 8-digit hex fields; name and data are padded to 4 bytes. */
#include "uki/cpio.h"

#include <assert.h>
#include <string.h>

enum { CPIO_TYPE_DIR = 0040000, CPIO_TYPE_FILE = 0100000, CPIO_TYPE_LINK = 0120000 };

static void pad_to(struct buf *b, size_t align)
{
	static const char zeroes[512];
	size_t rest = b->len % align;

	assert(align <= sizeof(zeroes));
	if (rest)
		buf_add(b, zeroes, align - rest);
}

static void entry(struct cpio *c, uint32_t ino, const char *path, uint32_t mode, unsigned n_links,
		  const void *data, size_t len)
{
	size_t name_len = strlen(path) + 1;

	assert(len <= UINT32_MAX && path[0] != '/');
	pad_to(c->out, 4);
	buf_addf(c->out, "070701%08X%08X%08X%08X%08X%08X%08X", ino, mode, 0u, 0u, n_links,
		 c->mtime_s, (unsigned)len);
	buf_addf(c->out, "%08X%08X%08X%08X%08X%08X", 0u, 0u, 0u, 0u, (unsigned)name_len, 0u);
	buf_add(c->out, path, name_len);
	pad_to(c->out, 4);
	if (len)
		buf_add(c->out, data, len);
	pad_to(c->out, 4);
}

void cpio_dir(struct cpio *c, const char *path, uint32_t mode)
{
	entry(c, c->next_ino++, path, CPIO_TYPE_DIR | mode, 2, NULL, 0);
}

void cpio_file(struct cpio *c, const char *path, uint32_t mode, const void *data, size_t len)
{
	entry(c, c->next_ino++, path, CPIO_TYPE_FILE | mode, 1, data, len);
}

void cpio_symlink(struct cpio *c, const char *path, const char *target)
{
	entry(c, c->next_ino++, path, CPIO_TYPE_LINK | 0777, 1, target, strlen(target));
}

void cpio_end(struct cpio *c)
{
	uint32_t mtime_s = c->mtime_s;

	c->mtime_s = 0;
	entry(c, 0, "TRAILER!!!", 0, 1, NULL, 0);
	c->mtime_s = mtime_s;
	pad_to(c->out, 512);
}

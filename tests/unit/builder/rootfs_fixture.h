/* Debs made by hand for the rootfs tests: an ar of tars with any header we like. */
#ifndef TESTS_UNIT_BUILDER_ROOTFS_FIXTURE_H
#define TESTS_UNIT_BUILDER_ROOTFS_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/io.h"

struct tar_item {
	const char *name;
	char type; /* ustar's: '0' file, '1' hard link, '2' link, '3' char device, '5' directory */
	const char *content; /* of a file */
	const char *link;
	unsigned mode; /* 0: 0644, directories 0755 */
	unsigned uid, gid;
	const char *size_field; /* instead of the right one */
};

/* An octal field of @n - 1 digits. */
static inline void octal(char *field, int n, unsigned long v)
{
	char text[40];

	snprintf(text, sizeof(text), "%0*lo", n - 1, v);
	memcpy(field, text, (size_t)n);
}

static inline void tar_add(struct buf *out, const struct tar_item *it)
{
	char h[512] = { 0 };
	size_t len = it->content ? strlen(it->content) : 0;
	unsigned sum = 0;

	snprintf(h, 100, "%s", it->name);
	octal(h + 100, 8, it->mode ? it->mode : it->type == '5' ? 0755 : 0644);
	octal(h + 108, 8, it->uid);
	octal(h + 116, 8, it->gid);
	if (it->size_field)
		memcpy(h + 124, it->size_field, strlen(it->size_field));
	else
		octal(h + 124, 12, len);
	octal(h + 136, 12, 1000000000u);
	h[156] = it->type;
	if (it->link)
		snprintf(h + 157, 100, "%s", it->link);
	memcpy(h + 257, "ustar\0" "00", 8);
	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < sizeof(h); i++)
		sum += (unsigned char)h[i];
	octal(h + 148, 7, sum);
	buf_add(out, h, sizeof(h));
	if (len) {
		static const char zero[512];

		buf_add(out, it->content, len);
		buf_add(out, zero, (512 - len % 512) % 512);
	}
}

static inline struct buf tar_make(const struct tar_item *items, size_t n)
{
	static const char end[1024];
	struct buf out = BUF_INIT;

	for (size_t i = 0; i < n; i++)
		tar_add(&out, &items[i]);
	buf_add(&out, end, sizeof(end));
	return out;
}

static inline void ar_add(struct buf *out, const char *name, const char *size, const void *data,
			  size_t len)
{
	char own_size[24];

	snprintf(own_size, sizeof(own_size), "%zu", len);
	buf_addf(out, "%-16s%-12s%-6s%-6s%-8s%-10s`\n", name, "0", "0", "0", "100644",
		 size ? size : own_size);
	buf_add(out, data, len);
	if (len % 2)
		buf_addc(out, '\n');
}

/* A deb of one control file @control and @items as its data.tar. */
static inline struct buf deb_make(const char *control, const struct tar_item *items, size_t n)
{
	const struct tar_item c = { .name = "./control", .type = '0', .content = control };
	struct buf ctl = tar_make(&c, 1), data = tar_make(items, n), out = BUF_INIT;

	buf_adds(&out, "!<arch>\n");
	ar_add(&out, "debian-binary", NULL, "2.0\n", 4);
	ar_add(&out, "control.tar", NULL, ctl.data, ctl.len);
	ar_add(&out, "data.tar", NULL, data.data, data.len);
	buf_done(&ctl);
	buf_done(&data);
	return out;
}

/* @b as a file that exists only in memory; the fd is the caller's. */
static inline int fd_of(const struct buf *b)
{
	int fd = memfd_create("deb", MFD_CLOEXEC);

	if (fd < 0 || io_write_all(fd, b->data, b->len) < 0)
		abort();
	return fd;
}

static inline void write_text(const char *dir, const char *name, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		abort();
}

#endif

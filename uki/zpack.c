/* See zpack.h. */
#include "uki/zpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <sys/types.h>

#include "lib/base/buf.h"
#include "lib/base/err.h"

static la_ssize_t collect(struct archive *a, void *arg, const void *data, size_t len)
{
	struct buf *b = arg;

	(void)a;
	buf_add(b, data, len);
	return buf_ok(b) ? (la_ssize_t)len : -1;
}

static void writer_free(struct archive **a)
{
	if (*a)
		archive_write_free(*a);
}

static void entry_free(struct archive_entry **e)
{
	if (*e)
		archive_entry_free(*e);
}

int zpack_zstd(const void *data, size_t len, int level, struct buf *ret, struct err *err)
{
	__attribute__((cleanup(writer_free))) struct archive *a = archive_write_new();
	__attribute__((cleanup(entry_free))) struct archive_entry *e = archive_entry_new();
	char text[16];

	if (!a || !e)
		return err_oom(err);
	snprintf(text, sizeof(text), "%d", level);
	if (archive_write_set_format_raw(a) != ARCHIVE_OK ||
	    archive_write_add_filter_zstd(a) != ARCHIVE_OK ||
	    archive_write_set_filter_option(a, "zstd", "compression-level", text) != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(a, 0) != ARCHIVE_OK ||
	    archive_write_open(a, ret, NULL, collect, NULL) != ARCHIVE_OK)
		return err_set(err, -EINVAL, "zstd level %d: %s", level, archive_error_string(a));
	archive_entry_set_filetype(e, AE_IFREG);
	if (archive_write_header(a, e) != ARCHIVE_OK ||
	    archive_write_data(a, data, len) != (la_ssize_t)len ||
	    archive_write_close(a) != ARCHIVE_OK || !buf_ok(ret))
		return buf_ok(ret) ? err_set(err, -EIO, "zstd: %s", archive_error_string(a)) :
				     err_oom(err);
	return 0;
}

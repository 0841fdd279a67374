/* See decompress.h. The only file of the resolver that knows libarchive. */
#include "builder/resolve/decompress.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"

static struct archive *open_raw(const void *data, size_t len)
{
	struct archive *a = archive_read_new();
	struct archive_entry *entry;

	if (!a)
		return NULL;
	archive_read_support_format_raw(a);
	archive_read_support_format_empty(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_zstd(a);
	if (archive_read_open_memory(a, data, len) != ARCHIVE_OK ||
	    archive_read_next_header(a, &entry) < ARCHIVE_WARN) {
		archive_read_free(a);
		return NULL;
	}
	return a;
}

int decompress(const void *data, size_t len, size_t size_bytes, char **ret, struct err *err)
{
	_cleanup_free_ char *out = malloc(size_bytes + 1);
	struct archive *a = open_raw(data, len);
	size_t have = 0;
	la_ssize_t n = 1;
	char more;

	if (!a || !out) {
		archive_read_free(a);
		return out ? err_set(err, -EBADMSG, "cannot be unpacked") : err_oom(err);
	}
	while (have < size_bytes && n > 0) {
		n = archive_read_data(a, out + have, size_bytes - have);
		have += n > 0 ? (size_t)n : 0;
	}
	if (n >= 0 && have == size_bytes)
		n = archive_read_data(a, &more, 1);
	archive_read_free(a);
	if (n < 0)
		return err_set(err, -EBADMSG, "cannot be unpacked: damaged");
	if (n > 0 || have != size_bytes)
		return err_set(err, -EBADMSG, "unpacks to %s than the %zu bytes it is signed for",
			       n > 0 ? "more" : "less", size_bytes);
	out[have] = '\0';
	*ret = TAKE_PTR(out);
	return 0;
}

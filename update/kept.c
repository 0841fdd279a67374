/* See kept.h. */
#include "update/kept.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"

#define PERSIST "PERSIST="
#define FILE_MAX 65536u

/* Absolute, and every part a name: it is joined to directories and compared part by part. */
static bool path_valid(const char *path, size_t len)
{
	size_t at = 0;

	if (!len || path[0] != '/' || memchr(path, '\0', len))
		return false;
	while (at < len) {
		const char *part = path + at + 1;
		const char *slash = memchr(part, '/', len - at - 1);
		size_t n = slash ? (size_t)(slash - part) : len - at - 1;

		if (!n || (n == 1 && part[0] == '.') || (n == 2 && !memcmp(part, "..", 2)))
			return false;
		at += 1 + n;
	}
	return true;
}

static int add(struct kept *kept, const char *path, size_t len, unsigned line, struct err *err)
{
	if (!path_valid(path, len))
		return err_set(err, -EINVAL, "image.conf:%u: no absolute path", line);
	if (kept->n == KEPT_MAX)
		return err_set(err, -EINVAL, "image.conf:%u: more than %d paths", line, KEPT_MAX);
	kept->path[kept->n] = strndup(path, len);
	if (!kept->path[kept->n])
		return err_oom(err);
	kept->n++;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int kept_parse(const char *text, size_t len, struct kept *ret, struct err *err)
{
	struct kept kept = { .path = calloc(KEPT_MAX, sizeof(*kept.path)) };
	const char *at = text, *end = text + len;
	int r = kept.path ? 0 : err_oom(err);

	for (unsigned line = 1; r == 0 && at < end; line++) {
		const char *eol = memchr(at, '\n', (size_t)(end - at));
		size_t n = (size_t)((eol ? eol : end) - at), head = strlen(PERSIST);

		if (n >= head && !memcmp(at, PERSIST, head))
			r = add(&kept, at + head, n - head, line, err);
		at = eol ? eol + 1 : end;
	}
	if (r) {
		kept_done(&kept);
		return r;
	}
	qsort(kept.path, kept.n, sizeof(*kept.path), by_name);
	*ret = kept;
	return 0;
}

int kept_read(int root, struct kept *ret, struct err *err)
{
	_cleanup_close_ int fd = path_open_in_root(root, KEPT_CONF, O_RDONLY, 0);
	_cleanup_free_ char *text = NULL;
	uint64_t size;
	int r;

	if (fd < 0)
		return err_errno(err, fd, "cannot open " KEPT_CONF " of the image");
	r = io_size(fd, &size);
	if (r == 0 && size > FILE_MAX)
		r = -EFBIG;
	if (r == 0 && !(text = malloc(size + 1)))
		r = -ENOMEM;
	if (r == 0)
		r = io_read_all(fd, text, size);
	if (r)
		return err_errno(err, r, "cannot read " KEPT_CONF " of the image");
	return kept_parse(text, size, ret, err);
}

bool kept_has(const struct kept *kept, const char *path)
{
	for (size_t i = 0; i < kept->n; i++) {
		size_t n = strlen(kept->path[i]);

		if (!strncmp(kept->path[i], path, n) && (!path[n] || path[n] == '/'))
			return true;
	}
	return false;
}

void kept_done(struct kept *kept)
{
	for (size_t i = 0; i < kept->n; i++)
		free(kept->path[i]);
	free(kept->path);
	*kept = (struct kept){ 0 };
}

/* See err.h. The one invariant: text is always NUL-terminated. */
#include "lib/base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void err_init(struct err *err)
{
	if (err)
		err->text[0] = '\0';
}

static void mark_cut(struct err *err, size_t want)
{
	if (want >= sizeof(err->text))
		memcpy(err->text + sizeof(err->text) - 4, "...", 4);
}

static void put(struct err *err, size_t at, const char *fmt, va_list ap)
{
	int n = vsnprintf(err->text + at, sizeof(err->text) - at, fmt, ap);

	if (n > 0)
		mark_cut(err, at + (size_t)n);
}

int err_set(struct err *err, int rc, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return rc;
	va_start(ap, fmt);
	put(err, 0, fmt, ap);
	va_end(ap);
	return rc;
}

int err_errno(struct err *err, int rc, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return rc;
	va_start(ap, fmt);
	put(err, 0, fmt, ap);
	va_end(ap);
	err_append(err, ": %s", strerror(rc < 0 ? -rc : rc));
	return rc;
}

int err_add(struct err *err, int rc, const char *fmt, ...)
{
	char old[ERR_TEXT_MAX];
	va_list ap;

	if (!err)
		return rc;
	memcpy(old, err->text, sizeof(old));
	va_start(ap, fmt);
	put(err, 0, fmt, ap);
	va_end(ap);
	if (old[0])
		err_append(err, ": %s", old);
	return rc;
}

void err_append(struct err *err, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return;
	va_start(ap, fmt);
	put(err, strlen(err->text), fmt, ap);
	va_end(ap);
}

int err_oom(struct err *err)
{
	return err_set(err, -ENOMEM, "out of memory");
}

/* See declined.h. The note is three lines: version, reason, message. */
#include "update/declined.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "lib/core/bytes.h"

bool declined_is_reason(const char *reason)
{
	static const char *const reasons[] = { "floor", "no-room", "refused", "state",
					       "unconfirmed" };

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		if (strcmp(reason, reasons[i]) == 0)
			return true;
	return false;
}

int declined_note(const char *run_dir, const char *version, const char *reason, const char *message,
		  struct err *err)
{
	_cleanup_free_ char *path = path_join(run_dir, DECLINED_NOTE);
	_cleanup_free_ char *text = str_printf("%s\n%s\n%.*s\n", version, reason,
					       DECLINED_MESSAGE_MAX, message);

	if (!path || !text)
		return err_oom(err);
	return atomic_file_write(path, text, strlen(text), 0644, err);
}

int declined_forget(const char *run_dir, struct err *err)
{
	_cleanup_free_ char *path = path_join(run_dir, DECLINED_NOTE);

	if (!path)
		return err_oom(err);
	if (unlink(path) && errno != ENOENT)
		return err_errno(err, -errno, "cannot remove %s", path);
	return 0;
}

/* The next line of *@at into @ret of @size bytes; false: there is none, or it is too long. */
static bool take_line(const char **at, char *ret, size_t size)
{
	size_t len = strcspn(*at, "\n");

	if (len == 0 || len >= size || (*at)[len] != '\n')
		return false;
	memcpy(ret, *at, len);
	ret[len] = '\0';
	*at += len + 1;
	return true;
}

bool declined_read(const char *run_dir, struct declined *ret)
{
	_cleanup_free_ char *path = path_join(run_dir, DECLINED_NOTE), *text = NULL;
	const char *at;
	struct declined d;

	if (!path || io_read_file(path, sizeof(*ret) + 3, &text, NULL, NULL))
		return false;
	at = text;
	if (!take_line(&at, d.version, sizeof(d.version)) || !version_valid(d.version, true) ||
	    !take_line(&at, d.reason, sizeof(d.reason)) || !declined_is_reason(d.reason) ||
	    !take_line(&at, d.message, sizeof(d.message)))
		return false;
	*ret = d;
	return true;
}

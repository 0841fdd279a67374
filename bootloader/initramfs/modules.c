#include "bootloader/initramfs/modules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bootloader/initramfs/boot.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"

static bool module_path_valid(const char *path)
{
	size_t len = strlen(path);

	if (*path == '/')
		path++, len--;
	if (strncmp(path, "lib/modules/", 12) && strncmp(path, "usr/lib/modules/", 16))
		return false;
	return len > 3 && !strcmp(path + len - 3, ".ko") && !strstr(path, "..");
}

int modules_list_each(const char *text, size_t len,
		      int (*load)(void *ctx, const char *path, struct err *err), void *ctx,
		      struct err *err)
{
	unsigned int n = 0;

	while (len) {
		const char *end = memchr(text, '\n', len);
		size_t line = end ? (size_t)(end - text) : len;
		char path[MODULE_PATH_MAX];
		int r;

		if (++n > MODULES_MAX)
			return err_set(err, -E2BIG, "modules.list: more than %u lines",
				       MODULES_MAX);
		if (line >= sizeof(path) || memchr(text, 0, line))
			return err_set(err, -EINVAL, "modules.list:%u: not a path", n);
		memcpy(path, text, line);
		path[line] = 0;
		if (!module_path_valid(path))
			return err_set(err, -EINVAL, "modules.list:%u: '%s' is no module", n, path);
		r = load(ctx, path, err);
		if (r)
			return r;
		text += line + (end != NULL);
		len -= line + (end != NULL);
	}
	return 0;
}

/*
 * A module for hardware that is not here says ENODEV, a built-in or doubled one EEXIST: both are
 * no failure. What is really missing shows when the disk or dm-verity is not there.
 */
static int load_module(void *ctx, const char *path, struct err *err)
{
	struct boot *b = ctx;
	_cleanup_close_ int fd = -1;
	bool loaded;

	fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, -errno, "%s", path);
	loaded = !syscall(SYS_finit_module, fd, "", 0) || errno == EEXIST || errno == ENODEV;
	if (!loaded)
		return err_errno(err, -errno, "%s", path_base(path));
	watchdog_take(&b->watchdog, false);
	watchdog_feed(&b->watchdog);
	return 0;
}

int step_modules(struct boot *b, struct err *err)
{
	_cleanup_free_ char *list = NULL;
	size_t len;
	int r;

	r = io_read_file("/modules.list", MODULES_LIST_MAX_BYTES, &list, &len, err);
	if (r)
		return r;
	return modules_list_each(list, len, load_module, b, err);
}

#include "bootloader/initramfs/modules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bootloader/initramfs/boot.h"
#include "bootloader/initramfs/watchdog.h"
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

/* What modprobe would add by its configuration: finit_module(2) knows only what it is given. */
static const struct {
	const char *module, *parameters;
} parameters[] = {
	/* Some have it off by default; the last words of a panic are worth the room. */
	{ "efi-pstore.ko", "pstore_disable=N" },
};

static const char *parameters_of(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(parameters); i++)
		if (!strcmp(path_base(path), parameters[i].module))
			return parameters[i].parameters;
	return "";
}

/* The failures of all modules; the first one is told. */
struct loading {
	struct boot *boot;
	unsigned int failed;
	int first;
};

/*
 * A module for hardware that is not here says ENODEV, a built-in or doubled one EEXIST: both are
 * no failure. What is really missing shows when the disk or dm-verity is not there. After
 * a failure the others are loaded all the same: the disk is needed to record it.
 */
static int load_module(void *ctx, const char *path, struct err *err)
{
	struct loading *l = ctx;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r = 0;

	if (fd < 0)
		r = -errno;
	else if (syscall(SYS_finit_module, fd, parameters_of(path), 0) && errno != EEXIST &&
		 errno != ENODEV)
		r = -errno;
	watchdog_take(&l->boot->watchdog, false);
	watchdog_feed(&l->boot->watchdog);
	if (!r)
		return 0;
	if (!l->failed++) {
		err_errno(err, r, "kernel module %s", fd < 0 ? path : path_base(path));
		l->first = r;
	}
	return 0;
}

int step_modules(struct boot *b, struct err *err)
{
	struct loading l = { .boot = b };
	_cleanup_free_ char *list = NULL;
	struct verdict v;
	size_t len;
	int r;

	r = io_read_file("/modules.list", MODULES_LIST_MAX_BYTES, &list, &len, err);
	if (!r)
		r = modules_list_each(list, len, load_module, &l, err);
	if (!r && l.failed > 1)
		err_append(err, " (and %u more)", l.failed - 1);
	r = r ?: l.first;
	v = verdict_of_module(r);
	return r ? boot_blame(b, v.reason, v.hopeless, r) : 0;
}

/* See esp.h. */
#include "qemu/esp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/path.h"
#include "lib/base/proc.h"
#include "qemu/offdisk.h"

static int mtool(char *const *argv, struct err *err)
{
	const char *search = getenv("PATH");
	_cleanup_free_ char *path = str_printf("PATH=%s", search ? search : "/usr/bin:/bin");
	char *env[] = { path, "LC_ALL=C", "MTOOLS_SKIP_CHECK=1", "MTOOLSRC=/dev/null", NULL };
	const struct proc_options opts = { .env = env };
	int r = path ? proc_run(argv, &opts, err) : err_oom(err);

	if (r == -ENOENT)
		err_append(err, ": install the package mtools");
	return r > 0 ? -EIO : r;
}

/* Make the directories above @path, which exist or not; what went wrong shows when copying. */
static void make_directories(char *image, const char *path)
{
	for (const char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
		_cleanup_free_ char *dir = str_printf("::%.*s", (int)(at - path), path);
		char *argv[] = { "mmd", "-D", "s", "-i", image, dir, NULL };

		if (dir)
			(void)mtool(argv, NULL);
	}
}

int esp_put(const char *disk, const char *work, const char *path, const void *data, size_t len,
	    struct err *err)
{
	_cleanup_offdisk_ struct offdisk *d = offdisk_open(disk, false, err);
	_cleanup_free_ char *image = NULL, *to = NULL, *from = path_join(work, "esp-file");
	struct gpt_partition p;
	int r;

	if (!d)
		return -EIO;
	r = gpt_find_name(&d->gpt, GPT_NAME_ESP, &p);
	if (r)
		return err_set(err, -ENOENT, "the disk's ESP: %s", gpt_error_text(r));
	image = str_printf("%s@@%" PRIu64, disk, gpt_offset_bytes(&d->gpt, &p));
	to = str_printf("::%s", path);
	if (!image || !to || !from)
		return err_oom(err);

	char *argv[] = { "mcopy", "-D", "o", "-i", image, from, to, NULL };

	r = atomic_file_write(from, data, len, 0600, err);
	if (r < 0)
		return r;
	make_directories(image, path);
	r = mtool(argv, err);
	(void)unlink(from);
	return r;
}

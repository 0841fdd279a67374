/* See esp.h. mtools takes its clock from SOURCE_DATE_EPOCH; the environment is wholly ours. */
#include "builder/disk/esp.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/proc.h"

#define SECTOR_BYTES 512

static int run(char *const *argv, char *const *env, struct err *err)
{
	const struct proc_options opts = { .env = env };
	int r = proc_run(argv, &opts, err);

	if (r == -ENOENT) {
		err_append(err, ": install the package mtools");
		return r;
	}
	return r > 0 ? -EIO : r;
}

static int make_blank(const char *path, uint64_t bytes, struct err *err)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int r = 0;

	if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0)
		r = -errno;
	return r < 0 ? err_errno(err, r, "%s", path) : 0;
}

int esp_make(const char *path, uint64_t size_bytes, const char *program, uint32_t volume_id,
	     uint64_t epoch_s, struct err *err)
{
	char sectors[32], serial[16], epoch[64];
	const char *search = getenv("PATH");
	_cleanup_free_ char *env_path = str_printf("PATH=%s", search ? search : "/usr/bin:/bin");
	char *env[] = { env_path, epoch, "TZ=UTC", "LC_ALL=C", "MTOOLS_SKIP_CHECK=1",
			"MTOOLSRC=/dev/null", NULL };
	char *image = (char *)path;
	/* 0xf8: a fixed disk. The ESP is the first partition, at the first aligned sector. */
	char *format[] = { "mformat", "-i", image, "-F", "-c", "1", "-h", "64", "-s", "32",
			   "-m", "0xf8", "-H", "2048", "-T", sectors, "-N", serial,
			   "-v", "KILN-ESP", "::", NULL };
	char *dirs[] = { "mmd", "-i", image, "::/EFI", "::/EFI/BOOT", NULL };
	char *copy[] = { "mcopy", "-i", image, (char *)program, "::/EFI/BOOT/BOOTX64.EFI", NULL };
	int r;

	if (size_bytes < ESP_MIN_BYTES)
		return err_set(err, -EINVAL,
			       "an ESP of %" PRIu64 " MiB is no FAT32: at least %llu MiB",
			       size_bytes >> 20, ESP_MIN_BYTES >> 20);
	if (!env_path)
		return err_oom(err);
	snprintf(sectors, sizeof(sectors), "%" PRIu64, size_bytes / SECTOR_BYTES);
	snprintf(serial, sizeof(serial), "%08" PRIx32, volume_id);
	snprintf(epoch, sizeof(epoch), "SOURCE_DATE_EPOCH=%" PRIu64, epoch_s);
	r = make_blank(path, size_bytes, err);
	if (r == 0)
		r = run(format, env, err);
	if (r == 0)
		r = run(dirs, env, err);
	if (r == 0)
		r = run(copy, env, err);
	return r;
}

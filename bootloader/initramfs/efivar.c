#include "bootloader/initramfs/efivar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

#define EFIVARS "/sys/firmware/efi/efivars"
#define ATTRIBUTES_BYTES 4
#define VALUE_MAX 256u
#define PATH_BYTES_MAX 256

static int read_file(const char *name, void *data, size_t size)
{
	_cleanup_close_ int fd = -1;
	uint8_t raw[ATTRIBUTES_BYTES + VALUE_MAX];
	char path[PATH_BYTES_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), EFIVARS "/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, raw, sizeof(raw));
	if (n < ATTRIBUTES_BYTES)
		return n < 0 ? -errno : -ENODATA;
	n -= ATTRIBUTES_BYTES;
	if ((size_t)n > size)
		n = (ssize_t)size;
	memcpy(data, raw + ATTRIBUTES_BYTES, (size_t)n);
	return (int)n;
}

/* The file system is mounted for one reading only: the real root shall find it as it likes. */
int efivar_read(const char *name, void *data, size_t size)
{
	int r;

	if (mount("efivarfs", EFIVARS, "efivarfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  NULL) && errno != EBUSY)
		return -ENOENT;
	r = read_file(name, data, size);
	umount2(EFIVARS, MNT_DETACH);
	return r;
}

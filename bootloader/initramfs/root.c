/*
 * Mounting the verified root, and the first reads in it: what will be needed in any case, read now
 * while a damaged block still has a name of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bootloader/initramfs/boot.h"
#include "bootloader/initramfs/root.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/path.h"

/* Read up to so much of the first program; it stays cached for its start. */
#define INIT_READ_MAX (4u << 20)
#define CHUNK_BYTES 65536u

static int read_through(int fd, struct err *err)
{
	static uint8_t chunk[CHUNK_BYTES];
	size_t total = 0;
	ssize_t n;

	while (total < INIT_READ_MAX && (n = read(fd, chunk, sizeof(chunk)))) {
		if (n < 0 && errno != EINTR)
			return err_errno(err, -errno, ROOT_INIT);
		total += n > 0 ? (size_t)n : 0;
	}
	return total ? 0 : err_set(err, -ENOEXEC, ROOT_INIT " is empty");
}

int root_check_init(int root, struct err *err)
{
	_cleanup_close_ int fd = path_open_in_root(root, ROOT_INIT, O_RDONLY | O_NOCTTY, 0);
	struct stat st;

	if (fd < 0)
		return err_errno(err, fd, "the image has no usable " ROOT_INIT);
	if (fstat(fd, &st))
		return err_errno(err, -errno, ROOT_INIT);
	if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		return err_set(err, -EACCES, ROOT_INIT " of the image is not a program");
	return read_through(fd, err);
}

static int first_reads(struct boot *b, struct err *err)
{
	_cleanup_close_ int root = open(BOOT_SYSROOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct verdict v;
	int r;

	if (root < 0)
		return err_errno(err, -errno, BOOT_SYSROOT);
	r = root_check_init(root, err);
	if (!r)
		return 0;
	v = verdict_of_init(r);
	return boot_blame(b, v.reason, v.hopeless, r);
}

static int cannot_use(struct boot *b, int r, const char *what, const char *where, struct err *err)
{
	struct verdict v = verdict_of_root(r);

	return boot_blame(b, v.reason, v.hopeless, err_errno(err, r, "%s: %s", where, what));
}

/* The kernel's file systems are needed in the root too: mke2fs and e2fsck run there. */
static int bind_kernel_dirs(struct boot *b, struct err *err)
{
	static const char *const dirs[] = { "/proc", "/sys", "/dev", "/run" };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		char to[32];

		snprintf(to, sizeof(to), BOOT_SYSROOT "%s", dirs[i]);
		if (mount(dirs[i], to, NULL, MS_BIND | MS_REC, NULL))
			return cannot_use(b, -errno, "a place for the kernel's files", to, err);
	}
	return 0;
}

int step_root(struct boot *b, struct err *err)
{
	int r;

	mkdir(BOOT_SYSROOT, 0755);
	if (mount(b->root_device, BOOT_SYSROOT, "squashfs", MS_RDONLY | MS_NODEV, NULL))
		return cannot_use(b, -errno, "it cannot be mounted as squashfs", b->root_device,
				  err);
	r = first_reads(b, err);
	if (r)
		return r;
	record_stage(&b->record, BS_STAGE_VERITY);
	return bind_kernel_dirs(b, err);
}

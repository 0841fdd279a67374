/*
 * The places of a read-only root that may change: /var and /root in state, the
 * kept paths in state, /etc and /tmp in memory. Anything else forgets at the
 * next boot, because it cannot be written at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bootloader/initramfs/boot.h"
#include "bootloader/initramfs/keep.h"
#include "bootloader/initramfs/seed.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define ETC_MEMORY "/etc-memory"
#define ETC_OPTIONS                                                              \
	"lowerdir=" BOOT_SYSROOT "/etc,upperdir=" ETC_MEMORY "/upper,workdir=" ETC_MEMORY \
	"/work,redirect_dir=off,metacopy=off"

/* Seed @name of the image as @kept of the state, and bind it back. */
static int keep_whole(const char *name, const char *kept, const char *path, struct err *err)
{
	_cleanup_close_ int root = open(BOOT_SYSROOT, DIR_FLAGS);
	_cleanup_close_ int state = open(BOOT_STATE_DIR, DIR_FLAGS);
	_cleanup_close_ int from = -1, to = -1;
	int r;

	if (root < 0 || state < 0)
		return err_errno(err, -errno, "%s", path);
	r = seed_once(root, name, state, kept, err);
	if (r)
		return r;
	from = openat(root, name, DIR_FLAGS);
	to = openat(state, kept, DIR_FLAGS);
	if (from < 0 || to < 0)
		return err_errno(err, -errno, "%s", path);
	r = seed_directories(from, to, err);
	if (r)
		return err_add(err, r, "%s", path);
	return keep_bind(state, kept, root, path, err);
}

int step_var(struct boot *b, struct err *err)
{
	int r = keep_whole("var", "var", "/var", err);

	(void)b;
	return r ?: keep_whole("root", "root-home", "/root", err);
}

/* The memory behind /etc stays mounted under it, reachable by no path. */
static int mount_etc(struct err *err)
{
	mkdir(ETC_MEMORY, 0700);
	if (mount("kiln-etc", ETC_MEMORY, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700,size=10%"))
		return err_errno(err, -errno, "memory for /etc");
	if (mkdir(ETC_MEMORY "/upper", 0755) || mkdir(ETC_MEMORY "/work", 0700))
		return err_errno(err, -errno, "memory for /etc");
	if (mount("kiln-etc", BOOT_SYSROOT "/etc", "overlay", MS_NOSUID | MS_NODEV, ETC_OPTIONS))
		return err_errno(err, -errno, "overlay on /etc");
	return umount2(ETC_MEMORY, MNT_DETACH) ? err_errno(err, -errno, ETC_MEMORY) : 0;
}

int step_etc(struct boot *b, struct err *err)
{
	int r = mount_etc(err);

	(void)b;
	if (r)
		return r;
	if (mount("tmpfs", BOOT_SYSROOT "/tmp", "tmpfs", MS_NOSUID | MS_NODEV,
		  "mode=1777,size=50%"))
		return err_errno(err, -errno, "mount /tmp");
	return 0;
}

int step_persist(struct boot *b, struct err *err)
{
	_cleanup_close_ int root = open(BOOT_SYSROOT, DIR_FLAGS);
	_cleanup_close_ int store = -1;

	if (mkdir(BOOT_STATE_DIR "/persist", 0755) && errno != EEXIST)
		return err_errno(err, -errno, "/state/persist");
	store = open(BOOT_STATE_DIR "/persist", DIR_FLAGS);
	if (root < 0 || store < 0)
		return err_errno(err, -errno, "/state/persist");
	for (size_t i = 0; i < b->conf.n_persist; i++) {
		const char *path = b->conf.persist[i], *name;
		_cleanup_close_ int parent = -1;
		int r = keep_seed(root, store, path, err);

		if (r)
			return r;
		parent = keep_parent(store, path, &name, err);
		if (parent < 0)
			return parent;
		r = keep_bind(parent, name, root, path, err);
		if (r)
			return r;
	}
	return 0;
}

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
#include "bootloader/initramfs/standin.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define ETC_MEMORY "/etc-memory"
#define ETC_OPTIONS                                                              \
	"lowerdir=" BOOT_SYSROOT "/etc,upperdir=" ETC_MEMORY "/upper,workdir=" ETC_MEMORY \
	"/work,redirect_dir=off,metacopy=off"

/* One path that lives in state: where in the image, where in the store, where it is seen. */
struct kept {
	const char *path; /* "/var" */
	const char *name; /* of a top directory of the image ("var"); NULL for a persist path */
	const char *in_store; /* what it is called there */
};

/*
 * Make @k of the image a copy in @store, and bind it back. Directories that a later version
 * brought and that cannot be made are no reason to go without the others.
 */
static int keep_whole(struct boot *b, int root, int store, const struct kept *k, struct err *err)
{
	_cleanup_close_ int from = -1, to = -1;
	int r = seed_once(root, k->name, store, k->in_store, err);

	if (r)
		return r;
	from = openat(root, k->name, DIR_FLAGS);
	to = openat(store, k->in_store, DIR_FLAGS);
	if (from < 0 || to < 0)
		return err_errno(err, -errno, "%s", k->path);
	r = seed_directories(from, to, err);
	if (r == -ENOMEM)
		return r;
	if (r)
		degraded_add(&b->degraded, "%s: new directories of this version are missing: %s; "
			     "make room in /state, then reboot", k->path, err->text);
	return keep_bind(store, k->in_store, root, k->path, err);
}

static int keep_path(struct boot *b, int root, int store, const struct kept *k, struct err *err)
{
	_cleanup_close_ int parent = -1;
	const char *name;
	int r = keep_seed(root, store, k->path, err);

	(void)b;
	if (r)
		return r;
	parent = keep_parent(store, k->path, &name, err);
	return parent < 0 ? parent : keep_bind(parent, name, root, k->path, err);
}

static int keep_in(struct boot *b, int root, int store, const struct kept *k, struct err *err)
{
	return k->name ? keep_whole(b, root, store, k, err) : keep_path(b, root, store, k, err);
}

/*
 * Keep @k in @store, a directory of the state partition (negative: a negative errno, it cannot be
 * opened). What fails there is tried again in memory: if it works, the state partition is at fault,
 * which is full, damaged or tampered with, and the boot goes on; if not, the image is.
 */
static int keep(struct boot *b, int store, const struct kept *k, struct err *err)
{
	_cleanup_close_ int root = open(BOOT_SYSROOT, DIR_FLAGS);
	_cleanup_close_ int memory = -1;
	static struct err first;
	int r;

	if (root < 0)
		return err_errno(err, -errno, BOOT_SYSROOT);
	err_init(&first);
	r = store < 0 ? err_errno(&first, store, "%s", k->path) :
			keep_in(b, root, store, k, &first);
	if (!r)
		return 0;
	if (r == -ENOMEM)
		return err_set(err, r, "%s", first.text);
	memory = standin_directory(err);
	r = memory < 0 ? memory : keep_in(b, root, memory, k, err);
	if (r)
		return r == -ENOSPC ? boot_blame(b, BS_REASON_MEMORY, MAY_PASS, r) :
				      boot_blame(b, BS_REASON_STATE, r != -EIO, r);
	degraded_add(&b->degraded, "%s: %s; changes are kept in memory until the reboot; look at "
		     "/state (df /state, ls -la /state)", k->path, first.text);
	return 0;
}

int step_var(struct boot *b, struct err *err)
{
	static const struct kept table[] = {
		{ "/var", "var", "var" },
		{ "/root", "root", "root-home" },
	};
	_cleanup_close_ int state = open(BOOT_STATE_DIR, DIR_FLAGS);
	int store = state < 0 ? -errno : state, r = 0;

	for (size_t i = 0; !r && i < ARRAY_SIZE(table); i++)
		r = keep(b, store, &table[i], err);
	return r;
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

/* Where the kept paths lie in the state partition: an fd or a negative errno. */
static int open_persist(void)
{
	int fd;

	if (mkdir(BOOT_STATE_DIR "/persist", 0755) && errno != EEXIST)
		return -errno;
	fd = open(BOOT_STATE_DIR "/persist", DIR_FLAGS);
	return fd < 0 ? -errno : fd;
}

int step_persist(struct boot *b, struct err *err)
{
	_cleanup_close_ int persist = -1;
	int store = open_persist(), r = 0;

	persist = store;
	for (size_t i = 0; !r && i < b->conf.n_persist; i++) {
		const struct kept k = { .path = b->conf.persist[i] };

		r = keep(b, store, &k, err);
	}
	return r;
}

#include "bootloader/initramfs/standin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bootloader/initramfs/boot.h"
#include "lib/base/err.h"

/* /run is bound into the root already: a mount in the first one would stay behind. */
#define FOUND BOOT_SYSROOT STANDIN_FOUND
#define MEMORY "/state-memory"
#define MEMORY_OPTIONS "mode=0755,size=50%"
#define OVERLAY_OPTIONS                                                                  \
	"lowerdir=" FOUND ",upperdir=" MEMORY "/upper,workdir=" MEMORY "/work," \
	"redirect_dir=nofollow,metacopy=off"
#define PATHS "/paths-memory"

/*
 * The journal is not replayed: that would write to what may be damaged. The mount stays where it
 * can be seen, so that e2fsck knows that the file system it is asked to repair is read-only.
 */
static int mount_found(const char *device, struct err *err)
{
	mkdir(BOOT_RUN, 0755);
	mkdir(FOUND, 0755);
	if (mount(device, FOUND, "ext4", MS_RDONLY | MS_NOSUID | MS_NODEV, "noload"))
		return err_errno(err, -errno, "mount %s read-only", device);
	return 0;
}

static int mount_overlay(struct err *err)
{
	mkdir(MEMORY, 0700);
	if (mount("kiln-state", MEMORY, "tmpfs", MS_NOSUID | MS_NODEV, MEMORY_OPTIONS))
		return err_errno(err, -errno, "memory for /state");
	if (mkdir(MEMORY "/upper", 0755) || mkdir(MEMORY "/work", 0700) ||
	    mount("kiln-state", BOOT_STATE_DIR, "overlay", MS_NOSUID | MS_NODEV, OVERLAY_OPTIONS)) {
		int r = -errno;

		umount2(MEMORY, MNT_DETACH);
		return err_errno(err, r, "overlay on /state");
	}
	return umount2(MEMORY, MNT_DETACH) ? err_errno(err, -errno, MEMORY) : 0;
}

static void note(struct boot *b, const struct standin *s, const char *why, const char *what)
{
	char repair[160] = "the partition table must be written again";

	if (s->repair && s->device[0])
		snprintf(repair, sizeof(repair), s->repair, s->device);
	degraded_add(&b->degraded, "state: %s; %s; %s", why, what, repair);
}

int standin_mount(struct boot *b, const struct standin *s, struct err *err)
{
	static struct err second;

	err_init(&second);
	if (s->content == STATE_EXT4 && !mount_found(s->device, &second)) {
		if (!mount_overlay(&second)) {
			note(b, s, err->text, "its files can be read, changes are kept in memory "
			     "until the reboot");
			return 0;
		}
		umount2(FOUND, MNT_DETACH);
	}
	note(b, s, err->text, "/state is in memory, and empty after every reboot");
	if (mount("kiln-state", BOOT_STATE_DIR, "tmpfs", MS_NOSUID | MS_NODEV, MEMORY_OPTIONS))
		return err_errno(err, -errno, "memory for /state");
	return 0;
}

/* It stays mounted where the real root will hide it: what is bound out of it lives on. */
int standin_directory(struct err *err)
{
	static bool mounted;
	int fd;

	mkdir(PATHS, 0700);
	if (!mounted && mount("kiln-paths", PATHS, "tmpfs", MS_NOSUID | MS_NODEV, MEMORY_OPTIONS))
		return err_errno(err, -errno, "memory for kept paths");
	mounted = true;
	fd = open(PATHS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_errno(err, -errno, PATHS) : fd;
}

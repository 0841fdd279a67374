/*
 * The state partition on its way to /state: formatted when it is blank and never otherwise,
 * checked, mounted. Where that fails something stands in for it (standin.c), nothing is
 * repaired that a person has not asked for, and nothing on it is given up.
 *
 * A power cut while it is being formatted leaves something that is neither blank nor a file
 * system; a promise written to the boot-state partition before says that it is debris.
 */
#include "bootloader/initramfs/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "bootloader/initramfs/boot.h"
#include "bootloader/initramfs/console.h"
#include "bootloader/initramfs/random.h"
#include "bootloader/initramfs/standin.h"
#include "bootloader/initramfs/tool.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

#define BLOCK_BYTES 4096u
#define RESIZE_FS _IOW('f', 16, uint64_t) /* EXT4_IOC_RESIZE_FS */
/* Fast now, the rest in the background. */
#define FORMAT_OPTIONS "lazy_itable_init=1,lazy_journal_init=1"
#define FSCK_CORRECTED 3 /* bits 0 and 1: errors were corrected (and a reboot suggested) */

#define REPAIR "e2fsck -f -y %s, then reboot"
#define REPAIR_HEADLESS "e2fsck -f -y -b 32768 -B 4096 %s, then reboot"
#define REPAIR_FOREIGN "to give up what it holds: mke2fs -F -t ext4 -b 4096 %s, then reboot"
#define REPAIR_DISK "look at the disk of %s, then reboot"

/* Run one of e2fsprogs. An image without it is itself at fault; the other slot may have it. */
static int run(struct boot *b, char *const *argv, struct err *err)
{
	int r = tool_run(argv, err);

	return r == -ENOEXEC ? boot_blame(b, BS_REASON_STATE, HOPELESS, r) : r;
}

/* Is everything written to @device really there? */
static int settle(const char *device, struct err *err)
{
	_cleanup_close_ int fd = open(device, O_RDONLY | O_CLOEXEC);
	struct state_super super;
	int r;

	if (fd < 0 || fsync(fd))
		return err_errno(err, -errno, "%s", device);
	r = state_superblock(fd, &super);
	return r ? err_errno(err, r, "%s: the new file system cannot be read back", device) : 0;
}

/* The promise is taken back only when the new file system survives a power cut. */
static int format(struct boot *b, const char *device, bool reset, struct err *err)
{
	char *const argv[] = { "/usr/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096",
			       "-L", "kiln-state", "-E",
			       reset ? FORMAT_OPTIONS ",discard" : FORMAT_OPTIONS ",nodiscard",
			       (char *)device, NULL };
	int r = 0;

	random_wait();
	if (!reset)
		r = record_set_promise(&b->record, RECORD_PROMISE_FORMATTING);
	if (r)
		return err_errno(err, r, "%s: that it is being formatted cannot be noted", device);
	r = run(b, argv, err);
	if (r)
		return r < 0 ? r : err_set(err, -EIO, "%s: mke2fs failed (exit %d)", device, r);
	r = settle(device, err);
	if (r)
		return r;
	r = record_set_promise(&b->record, RECORD_PROMISE_NONE);
	if (r)
		return err_errno(err, r, "%s: that it was formatted cannot be noted", device);
	console_line("state: formatted %s%s", device, reset ? ": factory reset" : "");
	return 0;
}

static int check(struct boot *b, const char *device, struct err *err)
{
	char *const argv[] = { "/usr/sbin/e2fsck", "-p", (char *)device, NULL };
	int r = run(b, argv, err);

	if (r < 0 || !(r & ~FSCK_CORRECTED))
		return r < 0 ? r : 0;
	return err_set(err, -EUCLEAN, "%s: e2fsck does not repair it without being told to "
		       "(exit %d)", device, r);
}

static int leave(const char *device, enum state_content content, bool read_only, struct err *err)
{
	if (read_only)
		return err_set(err, -EROFS, "%s is read-only", device);
	if (content == STATE_HEADLESS)
		return err_set(err, -EUCLEAN, "%s is a file system without its first superblock",
			       device);
	return err_set(err, -EMEDIUMTYPE, "%s holds %s, not our file system: it is not touched",
		       device, content == STATE_LUKS ? "a LUKS volume" : "something else");
}

static int look(struct standin *s, struct err *err)
{
	_cleanup_close_ int fd = open(s->device, O_RDONLY | O_CLOEXEC);
	int read_only = 0, r;

	if (fd < 0)
		return err_errno(err, -errno, "%s", s->device);
	r = state_look(fd, s->size_bytes, &s->content);
	if (r)
		return err_errno(err, r, "%s", s->device);
	if (!ioctl(fd, BLKROGET, &read_only))
		s->read_only |= read_only;
	return 0;
}

/* Fill in @s as far as it can be known, and mount the partition if it is as it should be. */
static int set_up(struct boot *b, struct standin *s, struct err *err)
{
	char node[RAWDISK_NAME_MAX];
	struct gpt_partition p;
	enum state_plan plan;
	int r;

	r = rawdisk_partition(&b->disk, GPT_NAME_STATE, &p, node, err);
	if (r)
		return r;
	s->size_bytes = gpt_size_bytes(&b->disk.gpt, &p);
	s->read_only = b->disk.read_only;
	snprintf(s->device, sizeof(s->device), "/dev/%s", node);
	s->repair = REPAIR_DISK;
	r = look(s, err);
	if (r)
		return r;
	plan = state_plan(s->content, record_promise(&b->record), s->read_only);
	if (plan == STATE_FORMAT || plan == STATE_RESET) {
		s->content = STATE_BLANK;
		r = format(b, s->device, plan == STATE_RESET, err);
	} else if (plan == STATE_CHECK) {
		s->repair = REPAIR;
		r = check(b, s->device, err);
	} else {
		s->repair = s->read_only ? REPAIR_DISK :
			    s->content == STATE_HEADLESS ? REPAIR_HEADLESS : REPAIR_FOREIGN;
		r = leave(s->device, s->content, s->read_only, err);
	}
	if (!r && mount(s->device, BOOT_STATE_DIR, "ext4", MS_NOSUID | MS_NODEV,
			"errors=remount-ro"))
		r = err_errno(err, -errno, "mount %s on /state", s->device);
	return r;
}

/* Make the mounted file system as large as its partition. */
static int enlarge(const struct standin *s, struct err *err)
{
	_cleanup_close_ int dev = open(s->device, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int dir = open(BOOT_STATE_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t blocks = s->size_bytes / BLOCK_BYTES;
	struct state_super super;
	int r;

	if (dev < 0 || dir < 0)
		return err_errno(err, -errno, "%s", s->device);
	r = state_superblock(dev, &super);
	if (r)
		return err_errno(err, r, "%s: no ext4 with 4096-byte blocks", s->device);
	if (super.blocks >= blocks)
		return 0;
	if (ioctl(dir, RESIZE_FS, &blocks))
		return err_errno(err, -errno, "%s: enlarge the file system", s->device);
	console_line("state: enlarged from %llu to %llu MiB",
		     (unsigned long long)super.blocks * BLOCK_BYTES >> 20,
		     (unsigned long long)blocks * BLOCK_BYTES >> 20);
	return 0;
}

int step_state(struct boot *b, struct err *err)
{
	struct standin s = { .content = STATE_OTHER };
	int r = set_up(b, &s, err);

	if (r == -ENOMEM || (r && b->said.reason != BS_REASON_NONE))
		return r;
	if (r)
		return standin_mount(b, &s, err);
	if (enlarge(&s, err))
		console_line("state: %s; it stays as it is", err->text);
	return 0;
}

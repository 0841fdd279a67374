/*
 * The state partition on its way to /state: enlarged to the end of the disk,
 * formatted when it is blank and never otherwise, checked, mounted.
 *
 * A power cut while it is being formatted leaves something that is neither blank nor a file
 * system; a promise written to the boot-state partition before says that it is debris.
 */
#include "bootloader/initramfs/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <unistd.h>

#include "bootloader/initramfs/boot.h"
#include "bootloader/initramfs/console.h"
#include "bootloader/initramfs/tool.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"

#define BLOCK_BYTES 4096u
#define RESIZE_FS _IOW('f', 16, uint64_t) /* EXT4_IOC_RESIZE_FS */
/* Fast now, the rest in the background; a fresh disk has nothing to discard. */
#define FORMAT_OPTIONS "lazy_itable_init=1,lazy_journal_init=1,nodiscard"
#define FSCK_CORRECTED 3 /* bits 0 and 1: errors were corrected (and a reboot suggested) */

static int write_table(struct boot *b, struct err *err)
{
	_cleanup_free_ uint8_t *scratch = malloc(GPT_HEAD_BYTES(b->disk.gpt.sector_bytes));
	struct rawdisk_window w = { .fd = b->disk.fd, .read_only = b->disk.read_only };
	struct disk_ops ops;
	int r;

	if (!scratch)
		return err_oom(err);
	r = io_size(b->disk.fd, &w.size_bytes);
	if (r)
		return err_errno(err, r, "%s", b->disk.name);
	ops = rawdisk_ops(&w);
	if (!ops.write)
		return err_set(err, -EROFS, "%s is read-only", b->disk.name);
	r = gpt_write(&b->disk.gpt, &ops, scratch);
	return r ? err_errno(err, r, "%s: write the partition table", b->disk.name) : 0;
}

/*
 * Both copies of the table are written, the backup first, so that one whole copy is there at every
 * instant. Until the kernel knows the new size the file system stays as it is.
 */
int step_grow(struct boot *b, struct err *err)
{
	struct gpt_partition p;
	bool changed = false;
	uint64_t size;
	int r;

	if (!b->conf.state_grow)
		return 0;
	r = gpt_find_name(&b->disk.gpt, GPT_NAME_STATE, &p);
	if (r)
		return err_set(err, -ENOENT, "partition state: %s", gpt_error_text(r));
	r = io_size(b->disk.fd, &size);
	if (r)
		return err_errno(err, r, "%s", b->disk.name);
	r = gpt_grow_last(&b->disk.gpt, p.idx, size / b->disk.gpt.sector_bytes, &changed);
	if (r)
		return err_set(err, -EINVAL, "partition state: %s", gpt_error_text(r));
	if (!changed)
		return 0;
	r = write_table(b, err);
	if (r)
		return r;
	gpt_find_name(&b->disk.gpt, GPT_NAME_STATE, &p);
	console_line("grow: state is now %llu MiB",
		     (unsigned long long)gpt_size_bytes(&b->disk.gpt, &p) >> 20);
	return rawdisk_resize(&b->disk, &p, err);
}

/*
 * mke2fs asks for random UUIDs without waiting, then sleeps a second over each refusal. Waiting for
 * the kernel's generator once is much shorter: the wait itself makes the kernel collect.
 */
static void wait_for_randomness(void)
{
	uint8_t byte;

	while (getrandom(&byte, sizeof(byte), 0) < 0 && errno == EINTR)
		;
}

static int format(struct boot *b, const char *device, struct err *err)
{
	char *const argv[] = { "/usr/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096",
			       "-L", "kiln-state", "-E", FORMAT_OPTIONS, (char *)device, NULL };
	int r;

	wait_for_randomness();
	r = record_format_begin(&b->record);
	if (r)
		return err_errno(err, r, "boot-state");
	r = tool_run(argv, err);
	if (r)
		return r < 0 ? r : err_set(err, -EIO, "mke2fs failed (exit %d)", r);
	sync();
	r = record_format_end(&b->record);
	if (r)
		return err_errno(err, r, "boot-state");
	console_line("state: formatted %s", device);
	return 0;
}

static int check(const char *device, struct err *err)
{
	char *const argv[] = { "/usr/sbin/e2fsck", "-p", (char *)device, NULL };
	int r = tool_run(argv, err);

	if (r < 0 || !(r & ~FSCK_CORRECTED))
		return r < 0 ? r : 0;
	return err_set(err, -EUCLEAN, "%s: e2fsck failed (exit %d)", device, r);
}

static int format_or_check(struct boot *b, const char *device, uint64_t size, struct err *err)
{
	_cleanup_close_ int fd = open(device, O_RDONLY | O_CLOEXEC);
	bool blank = false;
	int r;

	if (fd < 0)
		return err_errno(err, -errno, "%s", device);
	r = state_is_blank(fd, size, &blank);
	if (r)
		return err_errno(err, r, "%s", device);
	close(TAKE_FD(fd));
	if (blank || record_format_pending(&b->record))
		return format(b, device, err);
	return check(device, err);
}

/* Make the mounted file system as large as its partition. */
static int enlarge(const char *device, uint64_t size, struct err *err)
{
	_cleanup_close_ int dev = open(device, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int dir = open(BOOT_STATE_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t blocks = size / BLOCK_BYTES;
	struct state_super super;
	int r;

	if (dev < 0 || dir < 0)
		return err_errno(err, -errno, "%s", device);
	r = state_superblock(dev, &super);
	if (r)
		return err_errno(err, r, "%s: no ext4 with 4096-byte blocks", device);
	if (super.blocks >= blocks)
		return 0;
	if (ioctl(dir, RESIZE_FS, &blocks))
		return err_errno(err, -errno, "%s: enlarge the file system", device);
	console_line("state: enlarged from %llu to %llu MiB",
		     (unsigned long long)super.blocks * BLOCK_BYTES >> 20,
		     (unsigned long long)blocks * BLOCK_BYTES >> 20);
	return 0;
}

int step_state(struct boot *b, struct err *err)
{
	char node[RAWDISK_NAME_MAX], device[RAWDISK_NAME_MAX + 8];
	struct gpt_partition p;
	uint64_t size;
	int r;

	r = rawdisk_partition(&b->disk, GPT_NAME_STATE, &p, node, err);
	if (r)
		return r;
	size = gpt_size_bytes(&b->disk.gpt, &p);
	snprintf(device, sizeof(device), "/dev/%s", node);
	r = format_or_check(b, device, size, err);
	if (r)
		return r;
	if (mount(device, BOOT_STATE_DIR, "ext4", MS_NOSUID | MS_NODEV, "errors=remount-ro"))
		return err_errno(err, -errno, "mount %s on /state", device);
	return enlarge(device, size, err);
}

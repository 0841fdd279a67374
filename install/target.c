/* See target.h. */
#include "install/target.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "install/contents.h"
#include "install/target_use.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "lib/base/printable.h"

#ifndef BLKGETDISKSEQ
#define BLKGETDISKSEQ _IOR(0x12, 128, uint64_t)
#endif

#define DEFAULT_SECTOR_BYTES 512

static int refuse(struct err *err, const char *path, const char *why)
{
	return err_set(err, TARGET_REFUSED, "%s %s", path, why);
}

/* A file of sysfs without the blanks at its end; "" when there is none. */
static void read_attribute(const struct target *t, const struct target_world *world,
			   const char *name, char *out, size_t size)
{
	_cleanup_free_ char *path = str_printf("%s/dev/block/%u:%u/%s", world->sys, major(t->rdev),
					       minor(t->rdev), name);
	_cleanup_buf_ struct buf clean = BUF_INIT;
	_cleanup_free_ char *text = NULL;
	size_t len;

	*out = '\0';
	if (!path || io_read_file(path, 256, &text, &len, NULL))
		return;
	while (len && (text[len - 1] == '\n' || text[len - 1] == ' '))
		len--;
	printable_add(&clean, text, len, false);
	if (clean.len && buf_ok(&clean))
		snprintf(out, size, "%s", clean.data);
}

/* What it says on the drive, so that a person knows which one it is. */
static void read_model(struct target *t, const struct target_world *world)
{
	char vendor[32], model[48], removable[8];

	read_attribute(t, world, "device/vendor", vendor, sizeof(vendor));
	read_attribute(t, world, "device/model", model, sizeof(model));
	read_attribute(t, world, "removable", removable, sizeof(removable));
	/* The vendor of a virtio disk is a number. */
	if (!strncmp(vendor, "0x", 2))
		*vendor = '\0';
	snprintf(t->model, sizeof(t->model), "%s%s%s%s", vendor, *vendor && *model ? " " : "",
		 model, removable[0] == '1' ? " (removable)" : "");
}

static int look_at_disk(struct target *t, int fd, const struct target_options *o, struct err *err)
{
	int sector = 0, read_only = 0;

	if (ioctl(fd, BLKSSZGET, &sector) || ioctl(fd, BLKROGET, &read_only))
		return err_errno(err, -errno, "%s", t->path);
	t->sector_bytes = (uint32_t)sector;
	if (ioctl(fd, BLKGETDISKSEQ, &t->disk_sequence))
		t->disk_sequence = 0; /* before Linux 5.15 */
	if (o->file_sector_bytes)
		return refuse(err, t->path, "has its own sector size; --sector-size is for files");
	read_model(t, &o->world);
	if (read_only)
		return refuse(err, t->path, "is read-only");
	return target_check_use(&o->world, t->path, t->rdev, err);
}

/* The disk that early init found and left in its notes; absent on other systems. */
static int check_running(const struct target *t, const struct target_world *world, struct err *err)
{
	_cleanup_free_ char *path = path_join(world->run_dir, "disk"), *disk = NULL;
	struct stat st;

	if (!path)
		return err_oom(err);
	if (io_read_file(path, 256, &disk, NULL, NULL))
		return 0;
	disk[strcspn(disk, "\n")] = '\0';
	if (stat(disk, &st) || S_ISBLK(st.st_mode) != t->block_device)
		return 0;
	if (t->block_device ? st.st_rdev != t->rdev :
			      st.st_dev != t->dev || st.st_ino != t->ino)
		return 0;
	return refuse(err, t->path, "is the disk this system runs from");
}

static int look_at_file(struct target *t, int fd, const struct target_options *o, struct err *err)
{
	char magic[4];

	/* What it shows is not what lies in it. */
	if (t->size_bytes >= 4 && !io_pread_all(fd, magic, sizeof(magic), 0) &&
	    !memcmp(magic, "QFI\xfb", 4))
		return refuse(err, t->path, "is a qcow2 image; only raw ones are written");
	return target_check_loops(&o->world, t->path, err);
}

static int look(struct target *t, const struct target_options *o, struct err *err)
{
	_cleanup_close_ int fd = open(t->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st))
		return err_errno(err, -errno, "cannot open %s", t->path);
	if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
		return refuse(err, t->path, "is neither a disk nor a file");
	t->exists = true;
	t->block_device = S_ISBLK(st.st_mode);
	t->dev = st.st_dev;
	t->ino = st.st_ino;
	t->rdev = st.st_rdev;
	r = io_size(fd, &t->size_bytes);
	if (r)
		return err_errno(err, r, "%s", t->path);
	r = check_running(t, &o->world, err);
	if (r == 0)
		r = t->block_device ? look_at_disk(t, fd, o, err) : look_at_file(t, fd, o, err);
	if (r == 0 && t->size_bytes == 0)
		r = refuse(err, t->path, t->block_device ? "has no medium in it" : "is empty");
	return r ? r : contents_describe(fd, &t->contents, &t->blank, err);
}

/* A name in /dev that is not there is a disk that is not there, and no file to be made. */
static int look_at_nothing(struct target *t, const struct target_options *o, struct err *err)
{
	if (!strncmp(t->path, "/dev/", 5))
		return err_errno(err, -ENOENT, "%s", t->path);
	if (!o->file_bytes)
		return err_set(err, -ENOENT,
			       "%s: No such file or directory; --size SIZE makes a file", t->path);
	t->size_bytes = o->file_bytes;
	t->blank = true;
	return 0;
}

int target_look(struct target *ret, const char *path, const struct target_options *o,
		struct err *err)
{
	*ret = TARGET_INIT;
	ret->path = path;
	ret->sector_bytes = o->file_sector_bytes ? o->file_sector_bytes : DEFAULT_SECTOR_BYTES;
	if (access(path, F_OK) && errno == ENOENT)
		return look_at_nothing(ret, o, err);
	if (o->file_bytes)
		return refuse(err, path, "is there already; --size is for a file to be made");
	return look(ret, o, err);
}

/* The locks of virtual machines on their disks, which are kept for as long as @fd is open. */
static int lock(int fd, const char *path, struct err *err)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (!fcntl(fd, F_OFD_SETLK, &all))
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return refuse(err, path, "is in use by another program, perhaps a virtual machine");
	return errno == EINVAL ? 0 : err_errno(err, -errno, "cannot lock %s", path);
}

static int check_same(const struct target *t, int fd, struct err *err)
{
	uint64_t size = 0, sequence = 0;
	struct stat st;
	int r = fstat(fd, &st) ? -errno : io_size(fd, &size);

	if (r)
		return err_errno(err, r, "%s", t->path);
	if (t->block_device && ioctl(fd, BLKGETDISKSEQ, &sequence))
		sequence = 0;
	if (S_ISBLK(st.st_mode) != t->block_device || st.st_dev != t->dev || st.st_ino != t->ino ||
	    (t->block_device && st.st_rdev != t->rdev) || size != t->size_bytes ||
	    sequence != t->disk_sequence)
		return refuse(err, t->path, "is not the one it was a moment ago");
	return 0;
}

static int make_file(const struct target *t, struct err *err)
{
	int fd = open(t->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666), r;

	if (fd < 0)
		return err_errno(err, -errno, "cannot make %s", t->path);
	if (!ftruncate(fd, (off_t)t->size_bytes))
		return fd;
	r = err_errno(err, -errno, "%s: %" PRIu64 " MiB", t->path, t->size_bytes >> 20);
	close(fd);
	unlink(t->path);
	return r;
}

static int open_there(const struct target *t, struct err *err)
{
	/* For a disk this claims it: nobody can mount it from now on. */
	int fd = open(t->path, O_RDWR | O_CLOEXEC | (t->block_device ? O_EXCL : 0));

	if (fd < 0 && errno == EBUSY)
		return refuse(err, t->path, "is in use");
	if (fd < 0 && errno == EROFS)
		return refuse(err, t->path, "is read-only");
	return fd < 0 ? err_errno(err, -errno, "cannot open %s", t->path) : fd;
}

int target_open(const struct target *t, int *ret_fd, struct err *err)
{
	_cleanup_close_ int fd = -1;
	int r = 0;

	if (!t->exists) {
		r = make_file(t, err);
		if (r < 0)
			return r;
		*ret_fd = r;
		return 0;
	}
	r = open_there(t, err);
	if (r < 0 || r == TARGET_REFUSED)
		return r;
	fd = r;
	r = check_same(t, fd, err);
	if (r == 0)
		r = lock(fd, t->path, err);
	if (r == 0)
		*ret_fd = TAKE_FD(fd);
	return r;
}

void target_unmake(const struct target *t)
{
	if (!t->exists)
		unlink(t->path);
}

void target_done(struct target *t)
{
	buf_done(&t->contents);
}

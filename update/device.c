/* The boot-state partition through pread, pwrite and fsync: see device.h. */
#include "update/device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/core/bytes.h"

#define NOTE_MAX 127

static int op_read(void *ctx, uint64_t offset_bytes, void *data, size_t len)
{
	struct device *dev = ctx;

	return io_pread_all(dev->fd, data, len, offset_bytes);
}

static int op_write(void *ctx, uint64_t offset_bytes, const void *data, size_t len)
{
	struct device *dev = ctx;

	return io_pwrite_all(dev->fd, data, len, offset_bytes);
}

/* bs_store() reads back after this, so the page cache must not answer for the disk. */
static int op_flush(void *ctx)
{
	struct device *dev = ctx;

	if (fsync(dev->fd))
		return -errno;
	posix_fadvise(dev->fd, 0, BS_PARTITION_BYTES, POSIX_FADV_DONTNEED);
	return 0;
}

/* One line of @run_dir/@name without its newline. */
static int read_note(const char *run_dir, const char *name, char out[NOTE_MAX + 1], struct err *err)
{
	_cleanup_free_ char *path = str_printf("%s/%s", run_dir, name);
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	if (!path)
		return err_oom(err);
	r = io_read_file(path, NOTE_MAX, &text, &len, err);
	if (r == -ENOENT)
		return err_set(err, r, "%s is missing: this system was not started by kiln", path);
	if (r)
		return r;
	len = strcspn(text, "\n");
	if (len == 0)
		return err_set(err, -EBADMSG, "%s is empty", path);
	memcpy(out, text, len);
	out[len] = '\0';
	return 0;
}

static int read_notes(struct device *dev, const char *run_dir, struct err *err)
{
	char hex[NOTE_MAX + 1];
	int r = read_note(run_dir, "boot-state", dev->state_path, err);

	if (r == 0)
		r = read_note(run_dir, "disk", dev->disk_path, err);
	if (r == 0)
		r = read_note(run_dir, "roothash", hex, err);
	if (r == 0 && !bytes_from_hex(hex, strlen(hex), dev->root_hash, sizeof(dev->root_hash)))
		r = err_set(err, -EBADMSG, "%s/roothash is no root hash", run_dir);
	return r;
}

int device_reload(struct device *dev, struct err *err)
{
	int r = bs_load(&dev->disk, &dev->ops, &dev->bs);

	if (r < 0)
		return err_errno(err, r, "cannot read the boot state on %s", dev->state_path);
	if (r)
		return err_set(err, -EBADMSG, "the boot state on %s: %s", dev->state_path,
			       bs_error_text(r));
	dev->counted = bs_running_slot(&dev->bs, dev->root_hash, &dev->running) == BS_OK;
	return 0;
}

int device_open(struct device *dev, const char *run_dir, bool write, struct err *err)
{
	int r;

	memset(dev, 0, sizeof(*dev));
	dev->fd = -1;
	dev->writable = write;
	dev->ops = (struct disk_ops){ .ctx = dev, .read = op_read, .flush = op_flush,
				      .write = write ? op_write : NULL };
	r = read_notes(dev, run_dir ? run_dir : DEVICE_RUN_DIR, err);
	if (r)
		return r;
	dev->fd = open(dev->state_path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (dev->fd < 0)
		return err_errno(err, -errno, "cannot open the boot state %s", dev->state_path);
	/* Two slotctls that load, change and store would lose one of the changes. */
	r = write && flock(dev->fd, LOCK_EX) ? -errno : 0;
	if (r)
		err_errno(err, r, "cannot lock %s", dev->state_path);
	if (r == 0)
		r = device_reload(dev, err);
	if (r)
		device_done(dev);
	return r;
}

int device_store(struct device *dev, struct err *err)
{
	int r = bs_store(&dev->disk, &dev->bs);

	if (r < 0)
		return err_errno(err, r, "cannot store the boot state on %s", dev->state_path);
	if (r)
		return err_set(err, -EIO, "cannot store the boot state on %s: %s", dev->state_path,
			       bs_error_text(r));
	return 0;
}

void device_done(struct device *dev)
{
	if (dev->fd >= 0)
		close(dev->fd);
	dev->fd = -1;
}

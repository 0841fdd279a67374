#include "bootloader/initramfs/rawdisk.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/blkpg.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"

#define NODE_WAIT_MS 2000
#define NODE_STEP_US 5000

static int window_check(const struct rawdisk_window *w, uint64_t offset, size_t len)
{
	return offset > w->size_bytes || len > w->size_bytes - offset ? -EINVAL : 0;
}

static int window_read(void *ctx, uint64_t offset, void *data, size_t len)
{
	struct rawdisk_window *w = ctx;

	return window_check(w, offset, len) ?:
	       io_pread_all(w->fd, data, len, w->offset_bytes + offset);
}

static int window_write(void *ctx, uint64_t offset, const void *data, size_t len)
{
	struct rawdisk_window *w = ctx;

	return window_check(w, offset, len) ?:
	       io_pwrite_all(w->fd, data, len, w->offset_bytes + offset);
}

static int window_flush(void *ctx)
{
	struct rawdisk_window *w = ctx;

	return fdatasync(w->fd) ? -errno : 0;
}

struct disk_ops rawdisk_ops(struct rawdisk_window *w)
{
	return (struct disk_ops){
		.ctx = w,
		.read = window_read,
		.write = w->read_only ? NULL : window_write,
		.flush = window_flush,
	};
}

int rawdisk_open(const char *name, struct rawdisk *ret, struct err *err)
{
	static struct rawdisk d; /* as large as a partition table */
	char path[RAWDISK_NAME_MAX + 8];
	struct rawdisk_window w;
	struct disk_ops ops;
	uint64_t size;
	int sector, r;

	d = RAWDISK_NONE;
	snprintf(path, sizeof(path), "/dev/%s", name);
	d.fd = open(path, O_RDWR | O_CLOEXEC);
	if (d.fd < 0 && (errno == EROFS || errno == EACCES)) {
		d.read_only = true;
		d.fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (d.fd < 0)
		return err_errno(err, -errno, "%s", path);
	snprintf(d.name, sizeof(d.name), "%s", name);
	r = io_size(d.fd, &size);
	if (!r && ioctl(d.fd, BLKSSZGET, &sector))
		r = -errno;
	if (r) {
		close(d.fd);
		return err_errno(err, r, "%s", path);
	}
	w = (struct rawdisk_window){ .fd = d.fd, .size_bytes = size, .read_only = true };
	ops = rawdisk_ops(&w);
	r = gpt_read(&ops, (uint32_t)sector, size / (uint32_t)sector, &d.gpt);
	if (r) {
		close(d.fd);
		return err_set(err, r < 0 ? r : -EBADMSG, "%s: %s", path,
			       r < 0 ? strerror(-r) : gpt_error_text(r));
	}
	*ret = d;
	return 0;
}

void rawdisk_close(struct rawdisk *d)
{
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}

void rawdisk_partition_name(const char *disk, unsigned int idx, char out[RAWDISK_NAME_MAX])
{
	size_t len = strnlen(disk, RAWDISK_NAME_MAX - 6);
	bool digit = len && isdigit((unsigned char)disk[len - 1]);

	snprintf(out, RAWDISK_NAME_MAX, "%.*s%s%u", (int)len, disk, digit ? "p" : "", idx + 1);
}

/* A number from /sys/block/DISK/PARTITION/FILE, in sectors of 512 bytes. */
static int sysfs_number(const char *disk, const char *part, const char *file, uint64_t *ret)
{
	_cleanup_close_ int fd = -1;
	char path[160], text[32] = { 0 };

	snprintf(path, sizeof(path), "/sys/block/%s/%s/%s", disk, part, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (read(fd, text, sizeof(text) - 1) <= 0)
		return -EIO;
	*ret = strtoull(text, NULL, 10);
	return 0;
}

static int blkpg(struct rawdisk *d, int op, const struct gpt_partition *p)
{
	struct blkpg_partition part = {
		.start = (long long)gpt_offset_bytes(&d->gpt, p),
		.length = (long long)gpt_size_bytes(&d->gpt, p),
		.pno = (int)p->idx + 1,
	};
	struct blkpg_ioctl_arg arg = { .op = op, .datalen = sizeof(part), .data = &part };

	return ioctl(d->fd, BLKPG, &arg) ? -errno : 0;
}

/* devtmpfs makes nodes by itself, a moment after the partition is there. */
static int wait_for_node(const char *node)
{
	char path[RAWDISK_NAME_MAX + 8];

	snprintf(path, sizeof(path), "/dev/%s", node);
	for (int waited = 0; waited < NODE_WAIT_MS * 1000; waited += NODE_STEP_US) {
		if (!access(path, F_OK))
			return 0;
		usleep(NODE_STEP_US);
	}
	return -ENODEV;
}

int rawdisk_partition(struct rawdisk *d, const char *label, struct gpt_partition *ret,
		      char ret_node[RAWDISK_NAME_MAX], struct err *err)
{
	struct gpt_partition p;
	char node[RAWDISK_NAME_MAX];
	uint64_t start, size;
	int r;

	r = gpt_find_name(&d->gpt, label, &p);
	if (r)
		return err_set(err, -ENOENT, "%s: partition %s: %s", d->name, label,
			       gpt_error_text(r));
	rawdisk_partition_name(d->name, p.idx, node);
	if (sysfs_number(d->name, node, "start", &start) == -ENOENT) {
		r = blkpg(d, BLKPG_ADD_PARTITION, &p);
		if (r)
			return err_errno(err, r, "%s: add partition %s", d->name, label);
	}
	r = sysfs_number(d->name, node, "start", &start);
	if (!r)
		r = sysfs_number(d->name, node, "size", &size);
	if (!r)
		r = wait_for_node(node);
	if (r)
		return err_errno(err, r, "%s", node);
	if (start * 512 != gpt_offset_bytes(&d->gpt, &p) ||
	    size * 512 != gpt_size_bytes(&d->gpt, &p))
		return err_set(err, -ESTALE, "%s: the kernel has it at another place", node);
	*ret = p;
	memcpy(ret_node, node, sizeof(node));
	return 0;
}

int rawdisk_resize(struct rawdisk *d, const struct gpt_partition *p, struct err *err)
{
	int r = blkpg(d, BLKPG_RESIZE_PARTITION, p);

	return r ? err_errno(err, r, "%s: resize partition %s", d->name, p->name) : 0;
}

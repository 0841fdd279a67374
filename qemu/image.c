/* See image.h. */
#include "qemu/image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/proc.h"

/* The first field of a qcow2 header; its virtual size is a big-endian u64 at byte 24. */
#define QCOW2_MAGIC "QFI\xfb"
#define QCOW2_SIZE_AT 24

static int open_image(const char *path, uint64_t *ret_bytes, struct err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0)
		return err_errno(err, -errno, "cannot open the image %s", path);
	if (fstat(fd, &st) < 0)
		return err_errno(err, -errno, "%s", path);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(err, -EINVAL, "%s: not a disk image", path);
	r = io_size(fd, ret_bytes);
	if (r < 0)
		return err_errno(err, r, "%s", path);
	if (*ret_bytes < 512)
		return err_set(err, -EINVAL, "%s: too short for a disk image", path);
	return TAKE_FD(fd);
}

int image_probe(const char *path, enum image_format *ret, struct err *err)
{
	char magic[4];
	uint64_t bytes;
	_cleanup_close_ int fd = open_image(path, &bytes, err);
	int r;

	if (fd < 0)
		return fd;
	r = io_pread_all(fd, magic, sizeof(magic), 0);
	if (r < 0)
		return err_errno(err, r, "cannot read %s", path);
	*ret = memcmp(magic, QCOW2_MAGIC, 4) ? IMAGE_RAW : IMAGE_QCOW2;
	return 0;
}

const char *image_format_name(enum image_format format)
{
	return format == IMAGE_QCOW2 ? "qcow2" : "raw";
}

/* The size of the disk that @path holds, as the guest sees it. */
static int virtual_size(const char *path, uint64_t *ret_bytes, struct err *err)
{
	enum image_format format;
	unsigned char be[8];
	uint64_t bytes;
	_cleanup_close_ int fd = -1;
	int r = image_probe(path, &format, err);

	if (r < 0)
		return r;
	fd = open_image(path, &bytes, err);
	if (fd < 0)
		return fd;
	if (format == IMAGE_QCOW2) {
		r = io_pread_all(fd, be, sizeof(be), QCOW2_SIZE_AT);
		if (r < 0)
			return err_errno(err, r, "cannot read %s", path);
		bytes = 0;
		for (int i = 0; i < 8; i++)
			bytes = bytes << 8 | be[i];
	}
	*ret_bytes = bytes;
	return 0;
}

/* The size the disk shall have: @wish_bytes, or 0 for that of the image. */
static int disk_size(const char *path, uint64_t wish_bytes, uint64_t *ret_bytes, struct err *err)
{
	uint64_t bytes = 0;
	int r = virtual_size(path, &bytes, err);

	if (r < 0)
		return r;
	if (wish_bytes && wish_bytes < bytes)
		return err_set(err, -EINVAL,
			       "a disk of %" PRIu64 " MiB cannot hold %s, which has %" PRIu64
			       " MiB",
			       wish_bytes >> 20, path, (bytes + (1 << 20) - 1) >> 20);
	if (wish_bytes % 512)
		return err_set(err, -EINVAL, "the disk size must be a multiple of 512 bytes");
	*ret_bytes = wish_bytes ? wish_bytes : bytes;
	return 0;
}

/*
 * An empty qcow2 file (version 3, QEMU's docs/interop/qcow2.txt) is four clusters: header,
 * refcount table, refcount block, L1 table. Every number in it is big-endian.
 */
enum {
	QCOW2_CLUSTER_BITS = 16,
	QCOW2_CLUSTER = 1 << QCOW2_CLUSTER_BITS,
	QCOW2_HEADER_BYTES = 104,
	QCOW2_REFTABLE_AT = 1 * QCOW2_CLUSTER,
	QCOW2_REFBLOCK_AT = 2 * QCOW2_CLUSTER,
	QCOW2_L1_AT = 3 * QCOW2_CLUSTER,
	QCOW2_CLUSTERS = 4,
	QCOW2_EXT_BACKING_FORMAT = (int)0xe2792aca,
	QCOW2_NAME_MAX = 1023, /* of the backing file, by the format */
};

/* One L1 entry maps a cluster of 8-byte L2 entries, each a cluster of data. */
#define QCOW2_L1_SPAN ((uint64_t)QCOW2_CLUSTER / 8 * QCOW2_CLUSTER)
#define QCOW2_SIZE_MAX (QCOW2_CLUSTER / 8 * QCOW2_L1_SPAN)

static void be_store(unsigned char *at, uint64_t value, unsigned bytes)
{
	while (bytes--) {
		at[bytes] = (unsigned char)value;
		value >>= 8;
	}
}

static void overlay_header(unsigned char *h, const char *backing, const char *format,
			   uint64_t bytes)
{
	unsigned char *ext = h + QCOW2_HEADER_BYTES, *name = ext + 24;

	memcpy(h, QCOW2_MAGIC, 4);
	be_store(h + 4, 3, 4);
	be_store(h + 8, (uint64_t)(name - h), 8);
	be_store(h + 16, strlen(backing), 4);
	be_store(h + 20, QCOW2_CLUSTER_BITS, 4);
	be_store(h + QCOW2_SIZE_AT, bytes, 8);
	be_store(h + 36, (bytes + QCOW2_L1_SPAN - 1) / QCOW2_L1_SPAN, 4);
	be_store(h + 40, QCOW2_L1_AT, 8);
	be_store(h + 48, QCOW2_REFTABLE_AT, 8);
	be_store(h + 56, 1, 4);
	be_store(h + 96, 4, 4); /* refcounts of 1 << 4 bits */
	be_store(h + 100, QCOW2_HEADER_BYTES, 4);
	be_store(ext, (unsigned)QCOW2_EXT_BACKING_FORMAT, 4);
	be_store(ext + 4, strlen(format), 4);
	memcpy(ext + 8, format,
	       strlen(format)); /* at most 8 bytes; the next 8 zeros end the list */
	memcpy(name, backing, strlen(backing));
	be_store(h + QCOW2_REFTABLE_AT, QCOW2_REFBLOCK_AT, 8);
	for (unsigned i = 0; i < QCOW2_CLUSTERS; i++)
		be_store(h + QCOW2_REFBLOCK_AT + 2 * i, 1, 2);
}

int image_overlay(const char *path, const char *overlay, uint64_t size_bytes, struct err *err)
{
	_cleanup_free_ char *whole = realpath(path, NULL);
	_cleanup_free_ unsigned char *clusters = NULL;
	_cleanup_close_ int fd = -1;
	enum image_format format;
	uint64_t bytes;
	int r;

	if (!whole)
		return err_errno(err, -errno, "cannot open the image %s", path);
	r = image_probe(path, &format, err);
	if (r == 0)
		r = disk_size(path, size_bytes, &bytes, err);
	if (r < 0)
		return r;
	if (strlen(whole) > QCOW2_NAME_MAX || bytes > QCOW2_SIZE_MAX)
		return err_set(err, -EINVAL, "%s: the path or the disk is too large", path);
	clusters = calloc(QCOW2_CLUSTERS, QCOW2_CLUSTER);
	if (!clusters)
		return err_oom(err);
	overlay_header(clusters, whole, image_format_name(format), bytes);
	fd = open(overlay, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, -errno, "cannot make %s", overlay);
	r = io_write_all(fd, clusters, (size_t)QCOW2_CLUSTERS * QCOW2_CLUSTER);
	return r < 0 ? err_errno(err, r, "cannot write %s", overlay) : 0;
}

static int copy_raw(const char *path, int out, struct err *err)
{
	uint64_t bytes;
	_cleanup_close_ int in = open_image(path, &bytes, err);
	int r;

	if (in < 0)
		return in;
	if (ioctl(out, FICLONE, in) == 0)
		return 0;
	if (ftruncate(out, (off_t)bytes) < 0)
		return err_errno(err, -errno, "cannot make a copy of %s", path);
	r = io_copy_sparse(in, 0, out, 0, bytes);
	return r < 0 ? err_errno(err, r, "cannot copy %s", path) : 0;
}

int image_copy(const char *path, const char *copy, uint64_t size_bytes, struct err *err)
{
	_cleanup_close_ int out = -1;
	enum image_format format;
	uint64_t bytes;
	int r = image_probe(path, &format, err);

	if (r == 0)
		r = disk_size(path, size_bytes, &bytes, err);
	if (r < 0)
		return r;
	if (format == IMAGE_QCOW2) {
		char *argv[] = { "qemu-img", "convert",	   "-q",	 "-O",
				 "raw",	     (char *)path, (char *)copy, NULL };

		r = proc_run(argv, NULL, err);
		if (r)
			return r > 0 ? -EIO : r;
	}
	out = open(copy, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (out < 0)
		return err_errno(err, -errno, "cannot make %s", copy);
	if (format == IMAGE_RAW)
		r = copy_raw(path, out, err);
	if (r == 0 && ftruncate(out, (off_t)bytes) < 0)
		r = err_errno(err, -errno, "cannot grow %s", copy);
	return r;
}

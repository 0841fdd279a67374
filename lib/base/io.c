/* See io.h. */
#include "lib/base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

int io_keep_standard(void)
{
	int fd;

	/* There is always a root, unlike /dev/null. Children get it as well: no O_CLOEXEC. */
	do
		fd = open("/", O_PATH | O_DIRECTORY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int io_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int io_pwrite_all(int fd, const void *data, size_t len, uint64_t offset_bytes)
{
	const char *p = data;

	while (len) {
		ssize_t n = pwrite(fd, p, len, (off_t)offset_bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -EIO;
		p += n;
		offset_bytes += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int io_read_all(int fd, void *data, size_t len)
{
	char *p = data;

	while (len) {
		ssize_t n = read(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENODATA;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int io_pread_all(int fd, void *data, size_t len, uint64_t offset_bytes)
{
	char *p = data;

	while (len) {
		ssize_t n = pread(fd, p, len, (off_t)offset_bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ENODATA;
		p += n;
		offset_bytes += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

int io_read_file(const char *path, size_t max_bytes, char **ret_data, size_t *ret_len,
		 struct err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_buf_ struct buf b = BUF_INIT;
	size_t len;

	if (fd < 0)
		return err_errno(err, -errno, "cannot read %s", path);
	for (;;) {
		ssize_t n;

		if (!buf_reserve(&b, 65536))
			return err_oom(err);
		n = read(fd, b.data + b.len, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, -errno, "cannot read %s", path);
		/* Also of an empty file, whose buffer holds whatever was there before. */
		b.data[b.len + (size_t)n] = '\0';
		if (n == 0)
			break;
		b.len += (size_t)n;
		if (b.len > max_bytes)
			return err_set(err, -EFBIG, "%s is larger than %zu bytes", path, max_bytes);
	}
	b.data[b.len] = '\0';
	len = b.len;
	*ret_data = buf_take(&b);
	if (!*ret_data)
		return err_oom(err);
	if (ret_len)
		*ret_len = len;
	return 0;
}

int io_size(int fd, uint64_t *ret_bytes)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISBLK(st.st_mode)) {
		uint64_t n;

		if (ioctl(fd, BLKGETSIZE64, &n) < 0)
			return -errno;
		*ret_bytes = n;
		return 0;
	}
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	*ret_bytes = (uint64_t)st.st_size;
	return 0;
}

int io_copy_range(int in, uint64_t in_off, int out, uint64_t out_off, uint64_t len)
{
	_cleanup_free_ char *chunk = NULL;
	const size_t chunk_bytes = 1 << 20;

	while (len) {
		off_t from = (off_t)in_off, to = (off_t)out_off;
		ssize_t n = copy_file_range(in, &from, out, &to, len, 0);

		if (n <= 0)
			break;
		in_off += (uint64_t)n;
		out_off += (uint64_t)n;
		len -= (uint64_t)n;
	}
	if (!len)
		return 0;
	chunk = malloc(chunk_bytes);
	if (!chunk)
		return -ENOMEM;
	while (len) {
		size_t n = len < chunk_bytes ? (size_t)len : chunk_bytes;
		int r = io_pread_all(in, chunk, n, in_off);

		if (r == 0)
			r = io_pwrite_all(out, chunk, n, out_off);
		if (r < 0)
			return r;
		in_off += n;
		out_off += n;
		len -= n;
	}
	return 0;
}

int io_copy_sparse(int in, uint64_t in_off, int out, uint64_t out_off, uint64_t len)
{
	uint64_t at = 0;

	while (at < len) {
		off_t data = lseek(in, (off_t)(in_off + at), SEEK_DATA), hole;
		uint64_t end = len;
		int r;

		if (data < 0 && errno == ENXIO)
			return 0; /* a hole up to the end */
		if (data >= 0) {
			at = (uint64_t)data - in_off;
			hole = lseek(in, data, SEEK_HOLE);
			if (hole >= 0 && (uint64_t)hole - in_off < end)
				end = (uint64_t)hole - in_off;
		}
		if (at >= len)
			return 0;
		r = io_copy_range(in, in_off + at, out, out_off + at, end - at);
		if (r < 0)
			return r;
		at = end;
	}
	return 0;
}

/*
 * A state partition with nothing free: faults_fill_state() of faults.h. The file
 * system is changed in a scratch copy, as e2fsprogs lose their way in a window of a disk.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "lib/base/proc.h"
#include "qemu/faults.h"
#include "qemu/offdisk.h"

#define CHUNK_BYTES (1u << 20)
#define BLOCK_BYTES 4096
#define E2FSCK_CORRECTED 1

static int copy_out(struct blk *part, const char *to, struct err *err)
{
	_cleanup_close_ int fd = open(to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	_cleanup_free_ uint8_t *chunk = malloc(CHUNK_BYTES);
	int r = fd < 0 ? -errno : !chunk ? -ENOMEM : 0;

	if (r == 0 && ftruncate(fd, (off_t)part->size_bytes) < 0)
		r = -errno;
	for (uint64_t at = 0; r == 0 && at < part->size_bytes; at += CHUNK_BYTES) {
		uint64_t left = part->size_bytes - at;
		size_t len = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;

		r = blk_read(part, at, chunk, len);
		if (r == 0 && (chunk[0] || memcmp(chunk, chunk + 1, len - 1)))
			r = io_pwrite_all(fd, chunk, len, at);
	}
	return r < 0 ? err_errno(err, r, "%s", to) : 0;
}

/* Only what differs is written back, so that holes stay holes. */
static int copy_back(const char *from, struct blk *part, struct err *err)
{
	_cleanup_close_ int fd = open(from, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ uint8_t *now = malloc(CHUNK_BYTES), *was = malloc(CHUNK_BYTES);
	int r = fd < 0 ? -errno : !now || !was ? -ENOMEM : 0;

	for (uint64_t at = 0; r == 0 && at < part->size_bytes; at += CHUNK_BYTES) {
		uint64_t left = part->size_bytes - at;
		size_t len = left < CHUNK_BYTES ? (size_t)left : CHUNK_BYTES;

		r = io_pread_all(fd, now, len, at);
		if (r == 0)
			r = blk_read(part, at, was, len);
		if (r == 0 && memcmp(now, was, len))
			r = blk_write(part, at, now, len);
	}
	if (r == 0)
		r = blk_flush(part);
	return r < 0 ? err_errno(err, r, "cannot write the state partition back") : 0;
}

/*
 * Files of all sizes, the largest first: what one attempt leaves free, the next ones take. The
 * last ones fail for want of room, which is what is wanted.
 */
static int write_commands(const char *path, uint64_t blocks, struct err *err)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	unsigned n = 0;

	for (uint64_t size = blocks; size; size /= 2)
		for (int twice = 0; twice < 2; twice++, n++)
			buf_addf(&b, "write /dev/null full%u\nfallocate full%u 0 %llu\n", n, n,
				 (unsigned long long)size - 1);
	if (!buf_ok(&b))
		return err_oom(err);
	return atomic_file_write(path, b.data, b.len, 0600, err);
}

static int run_tool(char *const *argv, struct err *err)
{
	_cleanup_buf_ struct buf said = BUF_INIT, errors = BUF_INIT;
	struct proc_options o = { .output = &said, .errors = &errors };
	int r = proc_run(argv, &o, err);

	return r == -ENOENT ? err_set(err, r, "%s is missing: install e2fsprogs", argv[0]) : r;
}

int faults_fill_state(const char *disk, const char *work, struct err *err)
{
	_cleanup_offdisk_ struct offdisk *d = offdisk_open(disk, true, err);
	_cleanup_free_ char *image = path_join(work, "state.img");
	_cleanup_free_ char *commands = path_join(work, "debugfs.commands");
	_cleanup_blk_ struct blk *part = NULL;
	char *fsck[] = { "e2fsck", "-fy", image, NULL };
	char *debugfs[] = { "debugfs", "-w", "-f", commands, image, NULL };
	int r = d ? offdisk_partition(d, GPT_NAME_STATE, &part, err) : -EIO;

	if (r < 0)
		return r;
	if (!image || !commands)
		return err_oom(err);
	r = copy_out(part, image, err);
	if (r == 0)
		r = write_commands(commands, part->size_bytes / BLOCK_BYTES, err);
	if (r == 0)
		r = run_tool(fsck, err);
	if (r == E2FSCK_CORRECTED || r == 0)
		r = run_tool(debugfs, err);
	if (r == 0)
		r = copy_back(image, part, err);
	(void)unlink(image);
	(void)unlink(commands);
	return r > 0 ? -EIO : r;
}

/*
 * squash_pack() and squash_check_fit() of squash.h. mksquashfs gets an
 * environment of our making: SOURCE_DATE_EPOCH beside -mkfs-time is an error to it,
 * and nothing of the user's may reach the bytes.
 */
#include "builder/squash/squash.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/rootfs/manifest.h"
#include "builder/squash/sort_file.h"
#include "builder/squash/usage.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/proc.h"

#define LARGEST_SHOWN 8
/* For its queues, which would else take a quarter of the machine; the bytes do not depend on it. */
#define MKSQUASHFS_MEMORY "512M"

static void owners_freep(struct owners **o)
{
	owners_free(*o);
}

static int check_options(const struct squash_options *o, unsigned level, uint32_t block,
			 struct err *err)
{
	if (level > SQUASH_ZSTD_LEVEL_MAX)
		return err_set(err, -EINVAL, "zstd level %u is above %d", level,
			       SQUASH_ZSTD_LEVEL_MAX);
	if (block < 4096 || block > 1u << 20 || (block & (block - 1)))
		return err_set(err, -EINVAL,
			       "squashfs blocks of %u bytes: take a power of two from 4K to 1M",
			       block);
	if (o->epoch_s > UINT32_MAX)
		return err_set(err, -EINVAL, "squashfs cannot hold the time %" PRIu64, o->epoch_s);
	return 0;
}

static int write_order(const struct squash_options *o, const char *path, struct err *err)
{
	_cleanup_(owners_freep) struct owners *owners = NULL;
	_cleanup_buf_ struct buf text = BUF_INIT;
	_cleanup_close_ int fd = -1;
	int r = owners_load(o->tree, &owners, err);

	if (r == 0)
		r = sort_file_print(o->manifest, owners, &text, err);
	if (r < 0)
		return r;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	r = fd < 0 ? -errno : io_write_all(fd, text.data, text.len);
	return r < 0 ? err_errno(err, r, "%s", path) : 0;
}

static int run_mksquashfs(const struct squash_options *o, unsigned level, uint32_t block,
			  const char *order, struct err *err)
{
	char level_text[16], block_text[16], epoch[24], cpus[16];
	const char *search = getenv("PATH");
	_cleanup_free_ char *env_path = str_printf("PATH=%s", search ? search : "/usr/bin:/bin");
	char *env[] = { env_path, "LC_ALL=C", "TZ=UTC", NULL };
	const struct proc_options proc = { .env = env };
	const char *argv[40] = {
		"mksquashfs", o->tree, o->output, "-noappend", "-no-recovery", "-no-progress",
		"-quiet", "-exit-on-error", "-reproducible", "-mkfs-time", epoch, "-root-time",
		epoch, "-xattrs", "-comp", "zstd", "-Xcompression-level", level_text, "-b",
		block_text, "-mem", MKSQUASHFS_MEMORY,
	};
	size_t n = 22;
	_cleanup_buf_ struct buf said = BUF_INIT;
	struct proc_options with_output = proc;
	int r;

	if (!env_path)
		return err_oom(err);
	snprintf(level_text, sizeof(level_text), "%u", level);
	snprintf(block_text, sizeof(block_text), "%u", block);
	snprintf(epoch, sizeof(epoch), "%" PRIu64, o->epoch_s);
	snprintf(cpus, sizeof(cpus), "%u", o->processors);
	if (o->processors) {
		argv[n++] = "-processors";
		argv[n++] = cpus;
	}
	if (order) {
		argv[n++] = "-sort";
		argv[n++] = order;
	}
	with_output.output = &said;
	r = proc_run((char *const *)argv, &with_output, err);
	if (r == -ENOENT)
		err_append(err, ": install the package squashfs-tools");
	return r > 0 ? -EIO : r;
}

/* mksquashfs pads to 4096 by itself; dm-verity depends on it, so it is made sure of. */
static int pad_output(const char *path, uint64_t *ret_bytes, struct err *err)
{
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat st;
	uint64_t bytes;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, -errno, "%s", path);
	bytes = ((uint64_t)st.st_size + SQUASH_PAD_BYTES - 1) / SQUASH_PAD_BYTES * SQUASH_PAD_BYTES;
	if (bytes != (uint64_t)st.st_size && ftruncate(fd, (off_t)bytes) < 0)
		return err_errno(err, -errno, "%s", path);
	*ret_bytes = bytes;
	return 0;
}

int squash_pack(const struct squash_options *o, uint64_t *ret_bytes, struct err *err)
{
	unsigned level = o->zstd_level ? o->zstd_level : SQUASH_ZSTD_LEVEL;
	uint32_t block = o->block_bytes ? o->block_bytes : SQUASH_BLOCK_BYTES;
	_cleanup_free_ char *order = NULL;
	int r = check_options(o, level, block, err);

	if (r < 0)
		return r;
	if (o->manifest) {
		order = str_printf("%s.order", o->output);
		r = order ? write_order(o, order, err) : err_oom(err);
	}
	if (r == 0)
		r = run_mksquashfs(o, level, block, order, err);
	if (r == 0)
		r = pad_output(o->output, ret_bytes, err);
	if (order)
		unlink(order);
	if (r < 0)
		unlink(o->output);
	return r;
}

static void append_largest(const struct usage *u, struct err *err)
{
	err_append(err, "\nThe largest packages (unpacked sizes):");
	for (size_t i = 0; i < u->n_packages && i < LARGEST_SHOWN; i++)
		err_append(err, "\n  %8.1f MiB  %s", (double)u->packages[i].bytes / 1048576,
			   u->packages[i].name);
}

int squash_check_fit(const char *tree, const struct manifest *m, uint64_t image_bytes,
		     uint64_t slot_bytes, struct err *err)
{
	_cleanup_(owners_freep) struct owners *owners = NULL;
	__attribute__((cleanup(usage_done))) struct usage usage = { 0 };
	int r;

	if (image_bytes <= slot_bytes)
		return 0;
	if (tree)
		owners_load(tree, &owners, NULL);
	r = usage_sum(m, owners, &usage, err);
	if (r < 0)
		return r;
	err_set(err, -ENOSPC,
		"the root has %.1f MiB, %.1f MiB more than its slot holds: raise slots.root "
		"(%" PRIu64 "M) to at least %" PRIu64 "M, or leave packages out.",
		(double)image_bytes / 1048576, (double)(image_bytes - slot_bytes) / 1048576,
		slot_bytes >> 20, (image_bytes + (1u << 20) - 1) >> 20);
	append_largest(&usage, err);
	return -ENOSPC;
}

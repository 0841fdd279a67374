/*
 * The state partition takes the rest of the disk. Growing is a convenience: when it fails the
 * partition stays as it is, and the boot goes on.
 */
#include <errno.h>
#include <stdlib.h>

#include "bootloader/initramfs/boot.h"
#include "bootloader/initramfs/console.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"

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

static int grow(struct boot *b, struct err *err)
{
	struct gpt_partition p;
	bool changed = false;
	uint64_t size;
	int r;

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
	r = rawdisk_resize(&b->disk, &p, err);
	if (r)
		return r;
	console_line("grow: state is now %llu MiB",
		     (unsigned long long)gpt_size_bytes(&b->disk.gpt, &p) >> 20);
	return 0;
}

/*
 * Both copies of the table are written, the backup first, so that one whole copy is there at every
 * instant. Until the kernel knows the new size the file system stays as it is; when it
 * cannot be told, the table as the kernel knows it is the one to go on with.
 */
int step_grow(struct boot *b, struct err *err)
{
	static struct gpt before;

	if (!b->conf.state_grow)
		return 0;
	before = b->disk.gpt;
	if (grow(b, err)) {
		console_line("grow: %s; the state partition stays as it is", err->text);
		b->disk.gpt = before;
	}
	return 0;
}

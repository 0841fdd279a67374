/*
 * See disk.h. Inputs are checked against each other before the first byte is
 * written: a disk is only made of artefacts that will boot together.
 */
#include "builder/disk/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "builder/disk/esp.h"
#include "builder/disk/inputs.h"
#include "builder/disk/region.h"
#include "builder/disk/table.h"
#include "install/slotindex.h"
#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/proc.h"
#include "lib/core/bootstate.h"
#include "lib/core/bytes.h"
#include "lib/core/gpt.h"

_Static_assert(BS_TRIES_MAX == 15, "disk.h names the limit of tries");

static int put_file(int out, const struct disk_part *part, const struct disk_input *in,
		    struct err *err)
{
	int r = io_copy_sparse(in->fd, 0, out, part->offset_bytes, in->bytes);

	return r < 0 ? err_errno(err, r, "writing partition %s", part->name) : 0;
}

static int put_esp(int out, const struct disk_part *part, const struct disk_options *o,
		   const char *scratch, struct err *err)
{
	struct guid serial = table_guid(o, "esp-serial");
	_cleanup_close_ int fd = -1;
	int r = esp_make(scratch, part->size_bytes, o->selector, le32_load(serial.bytes),
			 o->epoch_s, err);

	if (r < 0)
		return err_add(err, r, "ESP");
	fd = open(scratch, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, -errno, "%s", scratch);
	r = io_copy_sparse(fd, 0, out, part->offset_bytes, part->size_bytes);
	return r < 0 ? err_errno(err, r, "writing partition %s", part->name) : 0;
}

static int put_descriptor(int out, const struct disk_part *part, const struct slotdesc *d,
			  struct err *err)
{
	uint8_t bytes[SLOTDESC_BYTES];
	int r = slotdesc_encode(d, bytes);

	if (r != SLOTDESC_OK)
		return err_set(err, -EINVAL, "slot descriptor: %s", slotdesc_error_text(r));
	r = io_pwrite_all(out, bytes, sizeof(bytes),
			  part->offset_bytes + part->size_bytes - SLOTDESC_BYTES);
	return r < 0 ? err_errno(err, r, "writing the slot descriptor") : 0;
}

/* A boot partition that is nearly full gets none: then nothing of it is reused. */
static int put_slot_index(int out, const struct disk_part *part, const struct disk_options *o,
			  const struct disk_inputs *in, struct err *err)
{
	const uint64_t part_bytes[BUNDLE_IN_SLOT] = {
		[BUNDLE_UKI] = in->uki.bytes,
		[BUNDLE_ROOT] = in->root.bytes,
		[BUNDLE_SIG] = in->sig.bytes,
	};
	uint64_t at = slotindex_place(part->size_bytes, in->uki.bytes, o->n_slot_entries);
	_cleanup_free_ uint8_t *bytes = NULL;
	uint64_t len;
	int r;

	if (at == 0)
		return 0;
	len = slotindex_bytes(o->n_slot_entries);
	bytes = malloc(len);
	if (!bytes)
		return err_oom(err);
	slotindex_encode(o->slot_entries, o->n_slot_entries, part_bytes, bytes);
	r = io_pwrite_all(out, bytes, len, part->offset_bytes + at);
	return r < 0 ? err_errno(err, r, "writing the slot index") : 0;
}

static int put_boot_state(int out, const struct disk_part *part, const struct slotdesc *d,
			  unsigned tries, struct err *err)
{
	static struct bs_disk disk;
	struct disk_region reg = { .fd = out, .offset_bytes = part->offset_bytes };
	struct disk_ops ops = disk_region_ops(&reg);
	struct bs bs;
	int r = bs_init_fresh(d, tries, &bs);

	if (r != BS_OK)
		return err_set(err, -EINVAL, "boot state: %s", bs_error_text(r));
	r = bs_create(&disk, &ops, &bs);
	return r ? err_set(err, r < 0 ? r : -EIO, "boot state: %s", bs_error_text(r)) : 0;
}

static int put_table(int out, const struct disk_options *o, const struct disk_layout *layout,
		     struct err *err)
{
	static struct gpt gpt;
	uint8_t scratch[GPT_HEAD_BYTES(TABLE_SECTOR_BYTES)];
	struct disk_region reg = { .fd = out };
	struct disk_ops ops = disk_region_ops(&reg);
	int r = table_fill(o, layout, &gpt, err);

	if (r < 0)
		return r;
	r = gpt_write(&gpt, &ops, scratch);
	return r < 0 ? err_errno(err, r, "writing the partition table") : 0;
}

static int write_disk(int out, const struct disk_options *o, const struct disk_layout *layout,
		      const struct disk_inputs *in, const char *scratch, struct err *err)
{
	const struct disk_part *part = layout->part;
	struct slotdesc d;
	int r;

	if (ftruncate(out, (off_t)layout->disk_bytes) < 0)
		return err_errno(err, -errno, "%s: %" PRIu64 " MiB", o->output,
				 layout->disk_bytes >> 20);
	r = disk_inputs_describe(in, o, &d, err);
	if (r == 0)
		r = put_esp(out, &part[TABLE_ESP], o, scratch, err);
	if (r == 0)
		r = put_boot_state(out, &part[TABLE_BOOT_STATE], &d, o->tries, err);
	if (r == 0)
		r = put_file(out, &part[TABLE_BOOT_A], &in->uki, err);
	if (r == 0)
		r = put_slot_index(out, &part[TABLE_BOOT_A], o, in, err);
	if (r == 0)
		r = put_descriptor(out, &part[TABLE_BOOT_A], &d, err);
	if (r == 0)
		r = put_file(out, &part[TABLE_ROOT_A], &in->root, err);
	if (r == 0)
		r = put_file(out, &part[TABLE_VERITY_A], &in->verity, err);
	if (r == 0)
		r = put_file(out, &part[TABLE_SIG_A], &in->sig, err);
	return r == 0 ? put_table(out, o, layout, err) : r;
}

int disk_build(const struct disk_options *o, struct err *err)
{
	__attribute__((cleanup(disk_inputs_done))) struct disk_inputs in = DISK_INPUTS_INIT;
	struct atomic_file out = ATOMIC_FILE_INIT;
	_cleanup_free_ char *scratch = NULL;
	struct disk_layout layout;
	int r;

	r = disk_plan(o, &layout, err);
	if (r == 0)
		r = disk_inputs_open(o, &layout, &in, err);
	if (r == 0)
		r = atomic_file_open(&out, o->output, 0644, err);
	if (r < 0)
		return r;
	scratch = str_printf("%s.esp", out.tmp);
	r = scratch ? write_disk(out.fd, o, &layout, &in, scratch, err) : err_oom(err);
	if (scratch)
		unlink(scratch);
	if (r == 0)
		r = atomic_file_commit(&out, err);
	atomic_file_abort(&out);
	return r;
}

int disk_qcow2(const char *raw, const char *output, struct err *err)
{
	_cleanup_free_ char *tmp = str_printf("%s.new", output);
	char *argv[] = { "qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-c",
			 (char *)raw, tmp, NULL };
	int r;

	if (!tmp)
		return err_oom(err);
	r = proc_run(argv, NULL, err);
	if (r == -ENOENT)
		err_append(err, ": outputs names qcow2, install the package qemu-utils");
	if (r == 0 && rename(tmp, output) < 0)
		r = err_errno(err, -errno, "%s", output);
	if (r != 0)
		unlink(tmp);
	else
		atomic_sync_parent(output);
	return r > 0 ? -EIO : r;
}

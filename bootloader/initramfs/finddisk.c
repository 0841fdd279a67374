/*
 * Which disk did we boot from? Not "the first with the right label": a disk
 * counts when its partition table is kiln's, and its boot state (or a slot descriptor) names
 * the root hash of the signed command line. Of two such disks (a clone is attached) the one the
 * firmware started the selector from is taken; if that cannot be told, none. Where the firmware
 * tells, no other disk will do.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bootloader/initramfs/boot.h"
#include "bootloader/initramfs/console.h"
#include "bootloader/initramfs/efivar.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

#define WAIT_MS 20000
#define WAIT_RECORD_MS 2000 /* for a boot that failed already */
#define POLL_US 10000
#define BOOTED_FROM "LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"

static bool skipped(const char *name)
{
	static const char *const virtual[] = { ".",   "loop", "ram",  "dm-",
					       "md", "sr",   "zram", "fd" };

	for (size_t i = 0; i < ARRAY_SIZE(virtual); i++)
		if (!strncmp(name, virtual[i], strlen(virtual[i])))
			return true;
	return strlen(name) >= RAWDISK_NAME_MAX - 6;
}

/* The unique GUID of the ESP the firmware loaded the selector from; false when unknown. */
static bool booted_from(struct guid *ret)
{
	uint8_t raw[2 * GUID_TEXT_SIZE];
	char text[GUID_TEXT_SIZE] = { 0 };

	if (efivar_read(BOOTED_FROM, raw, sizeof(raw)) < 2 * (GUID_TEXT_SIZE - 1))
		return false;
	for (size_t i = 0; i < GUID_TEXT_SIZE - 1; i++)
		text[i] = (char)raw[2 * i];
	return guid_parse(text, ret);
}

static bool window_of(struct rawdisk *d, const char *label, struct rawdisk_window *ret)
{
	struct gpt_partition p;

	if (gpt_find_name(&d->gpt, label, &p))
		return false;
	*ret = (struct rawdisk_window){
		.fd = d->fd,
		.offset_bytes = gpt_offset_bytes(&d->gpt, &p),
		.size_bytes = gpt_size_bytes(&d->gpt, &p),
		.read_only = d->read_only,
	};
	return true;
}

static bool descriptor_names(struct rawdisk *d, unsigned int slot, const uint8_t *root_hash)
{
	uint8_t block[SLOTDESC_BYTES];
	struct rawdisk_window w;
	struct slotdesc image;
	struct disk_ops ops;

	if (!window_of(d, gpt_name_boot[slot], &w) || w.size_bytes < sizeof(block))
		return false;
	ops = rawdisk_ops(&w);
	return !ops.read(ops.ctx, w.size_bytes - sizeof(block), block, sizeof(block)) &&
	       !slotdesc_decode(block, w.size_bytes, &image) &&
	       !memcmp(image.root_hash, root_hash, sizeof(image.root_hash));
}

static bool state_names(const struct bs *bs, unsigned int slot, const uint8_t *root_hash)
{
	return bs->slot[slot].status == BS_READY &&
	       !memcmp(bs->slot[slot].image.root_hash, root_hash, VERITY_HASH_BYTES);
}

/*
 * Find the slot with our root hash on @d and open the boot state. Only when the state says that
 * this very slot was started last is it ours to write: a boot that could not be counted must not
 * change the story of the one before.
 */
static bool find_slot(struct boot *b, struct rawdisk *d)
{
	const uint8_t *hash = b->params.verity.root_hash;
	struct rawdisk_window w;
	bool open, loaded;

	record_close(&b->record);
	open = window_of(d, GPT_NAME_BOOT_STATE, &w) && w.size_bytes >= BS_PARTITION_BYTES;
	loaded = open && !record_open(&b->record, &w);
	if (loaded && b->record.bs.current < BS_SLOTS &&
	    state_names(&b->record.bs, b->record.bs.current, hash)) {
		b->slot = b->record.bs.current;
		b->record.writable = true;
		return true;
	}
	for (b->slot = 0; b->slot < BS_SLOTS; b->slot++)
		if ((loaded && state_names(&b->record.bs, b->slot, hash)) ||
		    descriptor_names(d, b->slot, hash))
			return true;
	record_close(&b->record);
	return false;
}

static bool has_esp(const struct rawdisk *d, const struct guid *esp)
{
	struct gpt_partition p;

	return !gpt_find_name(&d->gpt, GPT_NAME_ESP, &p) && guid_equal(&p.unique, esp);
}

/* What one look at all disks found. */
struct found {
	unsigned int candidates, preferred;
	char name[RAWDISK_NAME_MAX]; /* the preferred one, else the last candidate */
};

static int look(struct boot *b, const struct guid *esp, struct found *ret, struct err *err)
{
	_cleanup_closedir_ DIR *dir = opendir("/sys/block");
	struct found f = { 0 };
	struct dirent *e;

	if (!dir)
		return err_errno(err, -errno, "/sys/block");
	while ((e = readdir(dir))) {
		static struct rawdisk d;
		bool preferred;

		if (skipped(e->d_name) || rawdisk_open(e->d_name, &d, err))
			continue;
		if (find_slot(b, &d)) {
			preferred = esp && has_esp(&d, esp);
			f.candidates++;
			f.preferred += preferred;
			if (preferred || !f.preferred)
				snprintf(f.name, sizeof(f.name), "%s", d.name);
		}
		rawdisk_close(&d);
		record_close(&b->record);
	}
	*ret = f;
	return 0;
}

static int open_found(struct boot *b, const char *name, struct err *err)
{
	struct gpt_partition p;
	char node[RAWDISK_NAME_MAX];
	int r = rawdisk_open(name, &b->disk, err);

	if (r)
		return r;
	if (!find_slot(b, &b->disk))
		return err_set(err, -ENODEV, "%s changed while it was looked at", name);
	if (b->disk.gpt.from_backup)
		console_line("disk: %s: backup partition table used: %s", name,
			     gpt_error_text(b->disk.gpt.primary_error));
	if (!b->record.writable)
		console_line("disk: this boot was not counted, nothing is recorded");
	record_stage(&b->record, BS_STAGE_KERNEL);
	r = boot_slot_partition(b, GPT_NAME_BOOT_STATE, &p, node, err);
	if (!r && !b->record.open)
		r = boot_blame(b, BS_REASON_NO_PARTITION, HOPELESS,
			       err_set(err, -ENOSPC, "%s is too small for the boot state", node));
	return r;
}

static int not_found(struct boot *b, const struct found *f, bool known, struct err *err)
{
	if (!f->candidates)
		return err_set(err, -ENODEV, "no disk holds an image with root hash %s, after %d s",
			       b->params.roothash, WAIT_MS / 1000);
	if (known && !f->preferred)
		return err_set(err, -ENODEV, "%s holds this image, but is not the disk booted from",
			       f->name);
	return err_set(err, -ENOTUNIQ, "%u disks hold this image and none is known to be "
		       "the one booted from: detach the others", f->candidates);
}

int step_disk(struct boot *b, struct err *err)
{
	struct guid esp;
	bool known = booted_from(&esp);
	struct found f = { 0 };
	unsigned int fit;
	int r;

	for (uint64_t end = console_now_ms() + WAIT_MS;;) {
		r = look(b, known ? &esp : NULL, &f, err);
		if (r)
			return r;
		fit = known ? f.preferred : f.candidates;
		if (fit || console_now_ms() >= end)
			break;
		watchdog_feed(&b->watchdog);
		usleep(POLL_US);
	}
	return fit == 1 ? open_found(b, f.name, err) : not_found(b, &f, known, err);
}

/* Is the boot that is failing the one the state on @d counted last? */
static bool counted_here(struct boot *b, struct rawdisk *d)
{
	struct rawdisk_window w;

	record_close(&b->record);
	if (!window_of(d, GPT_NAME_BOOT_STATE, &w) || w.size_bytes < BS_PARTITION_BYTES)
		return false;
	if (record_open(&b->record, &w) || b->record.bs.current >= BS_SLOTS ||
	    (b->has_params && !state_names(&b->record.bs, b->record.bs.current,
					   b->params.verity.root_hash))) {
		record_close(&b->record);
		return false;
	}
	b->slot = b->record.bs.current;
	b->record.writable = true;
	return true;
}

static bool look_for_record(struct boot *b, const struct guid *esp)
{
	_cleanup_closedir_ DIR *dir = opendir("/sys/block");
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		if (skipped(e->d_name) || rawdisk_open(e->d_name, &b->disk, NULL))
			continue;
		if (has_esp(&b->disk, esp) && counted_here(b, &b->disk))
			return true;
		rawdisk_close(&b->disk);
	}
	return false;
}

/*
 * The firmware alone says which disk it is when the command line could not be read: good enough
 * to say why a boot failed on it, and for nothing else.
 */
void boot_find_record(struct boot *b)
{
	struct guid esp;

	if (!booted_from(&esp))
		return;
	for (uint64_t end = console_now_ms() + WAIT_RECORD_MS; !look_for_record(b, &esp);) {
		if (console_now_ms() >= end)
			return;
		usleep(POLL_US);
	}
	record_stage(&b->record, BS_STAGE_KERNEL);
}

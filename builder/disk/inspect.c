/* See inspect.h. */
#include "builder/disk/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "builder/disk/region.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/core/pe.h"
#include "lib/core/watchdog.h"

#define UKI_READ_MAX_BYTES (1u << 30)

static int read_table(int fd, struct disk_facts *f, const char *path, struct err *err)
{
	static const uint32_t sector_sizes[] = { 512, 4096 };
	struct disk_region reg = { .fd = fd };
	const struct disk_ops ops = disk_region_ops(&reg);
	int r = GPT_E_BOTH_BAD;

	for (size_t i = 0; r != GPT_OK && i < ARRAY_SIZE(sector_sizes); i++)
		r = gpt_read(&ops, sector_sizes[i], f->bytes / sector_sizes[i], &f->gpt);
	if (r < 0)
		return err_errno(err, r, "%s", path);
	return r ? err_set(err, -EBADMSG, "%s: %s", path, gpt_error_text(r)) : 0;
}

static int find(const struct disk_facts *f, const char *name, struct gpt_partition *ret,
		const char *path, struct err *err)
{
	int r = gpt_find_name(&f->gpt, name, ret);

	return r == GPT_OK ? 0 : err_set(err, -EBADMSG, "%s is no disk of kiln: partition %s: %s",
					 path, name, gpt_error_text(r));
}

static void read_state(int fd, const struct gpt_partition *part, struct disk_facts *f)
{
	struct disk_region reg = { fd, gpt_offset_bytes(&f->gpt, part) };
	const struct disk_ops ops = disk_region_ops(&reg);
	struct bs_disk *disk = calloc(1, sizeof(*disk));

	f->bs_error = disk ? bs_load(disk, &ops, &f->bs) : -ENOMEM;
	free(disk);
}

static char *section_text(const struct pe *pe, const char *name)
{
	struct pe_section s;

	if (pe_section_find(pe, name, &s) != PE_OK || s.bytes > 65536)
		return NULL;
	return strndup((const char *)pe->data + s.offset, s.bytes);
}

static int read_uki(int fd, uint64_t at, struct disk_slot_facts *slot, struct err *err)
{
	uint64_t bytes = slot->descriptor.uki_bytes;
	_cleanup_free_ char *data = NULL;
	uint8_t sum[DIGEST_BYTES];
	struct pe pe;
	int r;

	if (bytes > UKI_READ_MAX_BYTES)
		return 0;
	data = malloc(bytes);
	if (!data)
		return err_oom(err);
	r = io_pread_all(fd, data, bytes, at);
	if (r < 0)
		return err_errno(err, r, "reading a UKI");
	digest_bytes(data, bytes, sum);
	slot->uki_hash_right = !memcmp(sum, slot->descriptor.uki_sha256, sizeof(sum));
	if (pe_parse(data, bytes, bytes, &pe) != PE_OK)
		return 0;
	slot->cmdline = section_text(&pe, ".cmdline");
	slot->kernel = section_text(&pe, ".uname");
	if (!slot->cmdline)
		return 0;
	slot->has_verity = verity_params_from_cmdline(slot->cmdline, strlen(slot->cmdline),
						      &slot->verity) == VERITY_OK;
	watchdog_from_cmdline(slot->cmdline, strlen(slot->cmdline), &slot->watchdogs);
	return 0;
}

static int read_slot(int fd, const struct gpt_partition *part, const struct disk_facts *f,
		     struct disk_slot_facts *slot, struct err *err)
{
	uint64_t at = gpt_offset_bytes(&f->gpt, part), bytes = gpt_size_bytes(&f->gpt, part);
	uint8_t data[SLOTDESC_BYTES];
	int r;

	if (bytes < SLOTDESC_BYTES)
		return 0;
	r = io_pread_all(fd, data, sizeof(data), at + bytes - sizeof(data));
	if (r < 0)
		return err_errno(err, r, "reading a slot descriptor");
	slot->has_descriptor = slotdesc_decode(data, bytes, &slot->descriptor) == SLOTDESC_OK;
	return slot->has_descriptor ? read_uki(fd, at, slot, err) : 0;
}

static int inspect(const char *path, struct disk_facts *f, struct err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct gpt_partition part;
	int r;

	if (fd < 0)
		return err_errno(err, -errno, "%s", path);
	r = io_size(fd, &f->bytes);
	if (r < 0)
		return err_errno(err, r, "%s", path);
	r = read_table(fd, f, path, err);
	if (r == 0)
		r = find(f, GPT_NAME_BOOT_STATE, &part, path, err);
	if (r < 0)
		return r;
	read_state(fd, &part, f);
	for (unsigned i = 0; i < BS_SLOTS; i++) {
		r = find(f, gpt_name_boot[i], &part, path, err);
		if (r == 0)
			r = read_slot(fd, &part, f, &f->slot[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

int disk_inspect(const char *path, struct disk_facts **ret, struct err *err)
{
	struct disk_facts *f = calloc(1, sizeof(*f));
	int r = f ? inspect(path, f, err) : err_oom(err);

	if (r < 0) {
		disk_facts_free(f);
		return r;
	}
	*ret = f;
	return 0;
}

struct disk_facts *disk_facts_free(struct disk_facts *f)
{
	for (unsigned i = 0; f && i < BS_SLOTS; i++) {
		free(f->slot[i].cmdline);
		free(f->slot[i].kernel);
	}
	free(f);
	return NULL;
}

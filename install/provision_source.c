/* See provision_source.h. */
#include "install/provision_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/blk.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/core/bootstate.h"
#include "lib/core/pe.h"

#define UKI_MAX_BYTES (512u << 20)

static int refuse(struct err *err, const char *why)
{
	return err_set(err, PROVISION_SOURCE_REFUSED, "%s", why);
}

/* A file says nothing of its sector size: the table is where it makes sense. */
static int read_table(struct provision_source *s, struct blk *disk, struct err *err)
{
	static const uint32_t sector_sizes[] = { 512, 4096 };
	const struct disk_ops ops = blk_disk_ops(disk);
	int r = GPT_E_BOTH_BAD;

	for (size_t i = 0; r > 0 && i < ARRAY_SIZE(sector_sizes); i++)
		r = gpt_read(&ops, sector_sizes[i], s->size_bytes / sector_sizes[i], &s->gpt);
	if (r < 0)
		return err_errno(err, r, "cannot read the partition table");
	return r ? refuse(err, gpt_error_text(r)) : 0;
}

static int check_names(const struct provision_source *s, struct err *err)
{
	const char *const names[] = {
		GPT_NAME_ESP,	GPT_NAME_BOOT_STATE, gpt_name_boot[0],	 gpt_name_root[0],
		gpt_name_sig[0], gpt_name_verity[0], gpt_name_boot[1],	 gpt_name_root[1],
		gpt_name_sig[1], gpt_name_verity[1], GPT_NAME_STATE,
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct gpt_partition p;
		int r = gpt_find_name(&s->gpt, names[i], &p);

		if (r)
			return err_set(err, PROVISION_SOURCE_REFUSED,
				       "it is no disk of kiln: partition %s: %s", names[i],
				       gpt_error_text(r));
	}
	return 0;
}

void provision_source_part(const struct provision_source *s, const char *name, uint64_t *ret_offset,
		 uint64_t *ret_bytes)
{
	struct gpt_partition p = { 0 };

	(void)gpt_find_name(&s->gpt, name, &p);
	*ret_offset = gpt_offset_bytes(&s->gpt, &p);
	*ret_bytes = gpt_size_bytes(&s->gpt, &p);
}

static bool holds_root(const struct bs *bs, unsigned slot, const uint8_t *root)
{
	const struct bs_slot *s = &bs->slot[slot];

	return s->status == BS_READY &&
	       !memcmp(s->image.root_hash, root, sizeof(s->image.root_hash));
}

/* Both slots may hold the running root; then the one started last is meant. */
static int choose_running(const struct bs *bs, const uint8_t *root, unsigned *ret)
{
	if (bs->current < BS_SLOTS && holds_root(bs, bs->current, root)) {
		*ret = bs->current;
		return 0;
	}
	for (*ret = 0; *ret < BS_SLOTS; (*ret)++)
		if (holds_root(bs, *ret, root))
			return 0;
	return BS_E_NO_SLOT;
}

static int choose_slot(struct provision_source *s, struct blk *disk, const uint8_t *running_root,
		       struct err *err)
{
	_cleanup_free_ struct bs_disk *bs_disk = calloc(1, sizeof(*bs_disk));
	_cleanup_blk_ struct blk *part = NULL;
	uint64_t offset, bytes;
	struct disk_ops ops;
	struct bs bs;
	int r;

	if (!bs_disk)
		return err_oom(err);
	provision_source_part(s, GPT_NAME_BOOT_STATE, &offset, &bytes);
	r = blk_new_window(disk, offset, bytes, &part);
	if (r)
		return err_errno(err, r, "partition " GPT_NAME_BOOT_STATE);
	ops = blk_disk_ops(part);
	r = bs_load(bs_disk, &ops, &bs);
	if (r)
		return err_set(err, r < 0 ? r : PROVISION_SOURCE_REFUSED, "the boot state: %s",
			       bs_error_text(r));
	r = running_root ? choose_running(&bs, running_root, &s->slot) :
			   bs_choose(&bs, 0, 0, &s->slot);
	if (r)
		return refuse(err, running_root ? "no slot holds the system that runs" :
						  "no slot of it can be booted");
	s->image = bs.slot[s->slot].image;
	s->tries = bs.slot[s->slot].tries_max;
	return 0;
}

static int read_cmdline(struct provision_source *s, const uint8_t *uki, struct err *err)
{
	struct pe_section line;
	struct pe pe;
	int r = pe_parse(uki, s->image.uki_bytes, s->image.uki_bytes, &pe);

	if (r == PE_OK)
		r = pe_section_find(&pe, ".cmdline", &line);
	if (r != PE_OK)
		return err_set(err, PROVISION_SOURCE_REFUSED, "the UKI: %s", pe_error_text(r));
	r = verity_params_from_cmdline((const char *)uki + line.offset,
				       strnlen((const char *)uki + line.offset, line.bytes),
				       &s->verity);
	if (r != VERITY_OK)
		return err_set(err, PROVISION_SOURCE_REFUSED, "the UKI's command line: %s",
			       verity_error_text(r));
	return 0;
}

static int read_uki(struct provision_source *s, struct err *err)
{
	_cleanup_free_ uint8_t *uki = NULL;
	uint8_t sum[DIGEST_BYTES];
	uint64_t offset, bytes;
	int r;

	provision_source_part(s, gpt_name_boot[s->slot], &offset, &bytes);
	if (bytes < SLOTDESC_BYTES || s->image.uki_bytes > bytes - SLOTDESC_BYTES ||
	    s->image.uki_bytes > UKI_MAX_BYTES)
		return refuse(err, "the UKI is larger than its partition");
	uki = malloc(s->image.uki_bytes);
	if (!uki)
		return err_oom(err);
	r = io_pread_all(s->fd, uki, s->image.uki_bytes, offset);
	if (r)
		return err_errno(err, r, "cannot read the UKI");
	digest_bytes(uki, s->image.uki_bytes, sum);
	if (memcmp(sum, s->image.uki_sha256, sizeof(sum)) != 0)
		return refuse(err, "the UKI is not the one the boot state names");
	return read_cmdline(s, uki, err);
}

/* Root, tree and signature are where the UKI says, and for the same root hash. */
static int read_root(struct provision_source *s, struct err *err)
{
	uint8_t sig[SIGFILE_BYTES];
	uint64_t offset, bytes, tree_bytes;
	int r;

	if (memcmp(s->verity.root_hash, s->image.root_hash, sizeof(s->image.root_hash)) != 0)
		return refuse(err, "the UKI names another root hash than the boot state");
	provision_source_part(s, gpt_name_verity[s->slot], &offset, &tree_bytes);
	provision_source_part(s, gpt_name_root[s->slot], &offset, &bytes);
	r = verity_params_fit(&s->verity, bytes, tree_bytes);
	if (r != VERITY_OK)
		return refuse(err, verity_error_text(r));
	if (s->verity.hash_start_block != 1)
		return refuse(err, "the hash tree does not follow its superblock");
	provision_source_part(s, gpt_name_sig[s->slot], &offset, &bytes);
	if (bytes < sizeof(sig))
		return refuse(err, "the signature's partition is too small");
	r = io_pread_all(s->fd, sig, sizeof(sig), offset);
	if (r)
		return err_errno(err, r, "cannot read the signature");
	if (sigfile_parse(sig, sizeof(sig), &s->sig, err))
		return PROVISION_SOURCE_REFUSED;
	if (memcmp(s->sig.root, s->image.root_hash, sizeof(s->sig.root)) != 0)
		return refuse(err, "the signature is for another root hash");
	return 0;
}

static int open_source(struct provision_source *s, const char *path, const uint8_t *running_root,
		       struct err *err)
{
	_cleanup_blk_ struct blk *disk = NULL;
	int r, again;

	s->running = running_root;
	s->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0)
		return err_errno(err, -errno, "cannot open it");
	again = fcntl(s->fd, F_DUPFD_CLOEXEC, 0);
	if (again < 0)
		return err_errno(err, -errno, "cannot open it twice");
	r = blk_from_fd(again, false, &disk, err);
	if (r)
		return r;
	s->size_bytes = disk->size_bytes;
	r = read_table(s, disk, err);
	if (r == 0)
		r = check_names(s, err);
	if (r == 0)
		r = choose_slot(s, disk, running_root, err);
	if (r == 0)
		r = read_uki(s, err);
	return r ? r : read_root(s, err);
}

int provision_source_open(const char *path, const uint8_t *running_root,
			  struct provision_source **ret, struct err *err)
{
	_cleanup_provision_source_ struct provision_source *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return err_oom(err);
	s->fd = -1;
	r = open_source(s, path, running_root, err);
	if (r)
		return err_add(err, r, "%s", path);
	*ret = TAKE_PTR(s);
	return 0;
}

struct provision_source *provision_source_free(struct provision_source *s)
{
	if (s && s->fd >= 0)
		close(s->fd);
	free(s);
	return NULL;
}

/* Verifying a disk: see verify.h. The facts are read by builder/disk, and judged here. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builder/disk/inspect.h"
#include "builder/verify.h"
#include "builder/verify_chain.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/core/cmdline.h"
#include "verity/sigfile.h"

static void facts_freep(struct disk_facts **f)
{
	disk_facts_free(*f);
}

/* gpt_read() is content with one good copy; a disk as built has two. */
static int check_gpt(int fd, const struct disk_facts *f, struct buf *report, struct err *err)
{
	_cleanup_free_ struct gpt *backup = calloc(1, sizeof(*backup));
	uint8_t sector[GPT_SECTOR_BYTES_MAX];
	uint32_t sector_bytes = f->gpt.sector_bytes;
	uint64_t sectors = f->bytes / sector_bytes;
	uint32_t crc;
	int r;

	if (!backup)
		return err_oom(err);
	if (f->gpt.from_backup)
		return err_set(err, VERIFY_REFUSED, "the primary partition table: %s",
			       gpt_error_text(f->gpt.primary_error));
	r = io_pread_all(fd, sector, sector_bytes, (sectors - 1) * sector_bytes);
	if (r)
		return err_errno(err, r, "cannot read the backup partition table");
	r = gpt_header_decode(sector, sector_bytes, sectors - 1, sectors, backup, &crc);
	if (r)
		return err_set(err, VERIFY_REFUSED, "the backup partition table: %s",
			       gpt_error_text(r));
	if (!guid_equal(&backup->disk, &f->gpt.disk))
		return err_set(err, VERIFY_REFUSED,
			       "the two partition tables are of different disks");
	buf_addf(report, "ok  %-12s  both copies are valid\n", "partitions");
	return 0;
}

/* What early init and others find a slot's root by: the halves of its root hash. */
static int check_guids(const struct disk_facts *f, unsigned slot, const char *what, struct err *err)
{
	const uint8_t *hash = f->slot[slot].verity.root_hash;
	const struct {
		const char *name;
		struct guid want;
	} parts[] = {
		{ gpt_name_root[slot], guid_from_text_bytes(hash) },
		{ gpt_name_verity[slot], guid_from_text_bytes(hash + 16) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		struct gpt_partition p;

		if (gpt_find_name(&f->gpt, parts[i].name, &p) != GPT_OK)
			return err_set(err, VERIFY_REFUSED, "there is no partition %s",
				       parts[i].name);
		/* An update leaves the table alone, so only a disk as built has these. */
		if (f->bs.boots == 0 && !guid_equal(&p.unique, &parts[i].want))
			return err_set(err, VERIFY_REFUSED,
				       "%s: the GUID of %s is not made from the root hash", what,
				       parts[i].name);
	}
	return 0;
}

static int check_name(const struct slotdesc *d, const char *cmdline, const char *what,
		      struct err *err)
{
	char version[VERSION_TEXT_SIZE], name[IMAGE_NAME_SIZE];
	size_t len = strlen(cmdline);

	if (cmdline_get(cmdline, len, "kiln.version", version, sizeof(version)) ||
	    cmdline_get(cmdline, len, "kiln.image", name, sizeof(name)))
		return err_set(err, VERIFY_REFUSED, "%s: the UKI does not name its image", what);
	if (strcmp(version, d->version) != 0 || strcmp(name, d->name) != 0)
		return err_set(err, VERIFY_REFUSED, "%s: the UKI is of %s %s, the slot says %s %s",
			       what, name, version, d->name, d->version);
	return 0;
}

/* Descriptor, UKI and boot state agree; then the slot's signature and blocks are worth reading. */
static int check_descriptor(const struct disk_facts *f, unsigned slot, const char *what,
			    struct err *err)
{
	const struct disk_slot_facts *s = &f->slot[slot];
	const struct slotdesc *d = &s->descriptor, *state = &f->bs.slot[slot].image;

	if (!s->has_descriptor)
		return err_set(err, VERIFY_REFUSED, "%s: no valid slot descriptor", what);
	if (!s->uki_hash_right)
		return err_set(err, VERIFY_REFUSED, "%s: the UKI's hash is not the descriptor's",
			       what);
	if (!s->cmdline || !s->has_verity)
		return err_set(err, VERIFY_REFUSED, "%s: the UKI has no verity parameters", what);
	if (memcmp(d->root_hash, s->verity.root_hash, sizeof(d->root_hash)) != 0)
		return err_set(err, VERIFY_REFUSED,
			       "%s: descriptor and UKI name different root hashes", what);
	if (d->uki_bytes != state->uki_bytes || d->epoch != state->epoch ||
	    memcmp(d->uki_sha256, state->uki_sha256, sizeof(d->uki_sha256)) != 0 ||
	    memcmp(d->root_hash, state->root_hash, sizeof(d->root_hash)) != 0 ||
	    strcmp(d->version, state->version) != 0 || strcmp(d->name, state->name) != 0)
		return err_set(err, VERIFY_REFUSED, "%s: boot state and descriptor differ", what);
	return check_name(d, s->cmdline, what, err);
}

static int check_slot(int fd, const struct disk_facts *f, unsigned slot,
		      const struct verify_trust *trust, struct buf *report, struct err *err)
{
	static struct sigfile sig;
	uint8_t sig_bytes[SIGFILE_BYTES];
	struct verify_chain c = { .root_fd = fd, .tree_fd = fd, .cmdline = f->slot[slot].cmdline,
				  .sig = sig_bytes, .sig_len = sizeof(sig_bytes) };
	struct gpt_partition root, tree, sigs;
	char what[16];
	int r;

	snprintf(what, sizeof(what), "slot %s", bs_slot_name(slot));
	c.what = what;
	r = check_descriptor(f, slot, what, err);
	if (r == 0)
		r = check_guids(f, slot, what, err);
	if (r)
		return r;
	if (gpt_find_name(&f->gpt, gpt_name_root[slot], &root) ||
	    gpt_find_name(&f->gpt, gpt_name_verity[slot], &tree) ||
	    gpt_find_name(&f->gpt, gpt_name_sig[slot], &sigs) ||
	    gpt_size_bytes(&f->gpt, &sigs) < SIGFILE_BYTES)
		return err_set(err, VERIFY_REFUSED, "%s: a partition is missing", what);
	buf_addf(report, "ok  %-12s  UKI, descriptor and boot state agree: %s %s\n", what,
		 f->slot[slot].descriptor.name, f->slot[slot].descriptor.version);
	c.root_start_bytes = gpt_offset_bytes(&f->gpt, &root);
	c.root_bytes = gpt_size_bytes(&f->gpt, &root);
	c.tree_start_bytes = gpt_offset_bytes(&f->gpt, &tree);
	c.tree_bytes = gpt_size_bytes(&f->gpt, &tree);
	r = io_pread_all(fd, sig_bytes, sizeof(sig_bytes), gpt_offset_bytes(&f->gpt, &sigs));
	if (r)
		return err_errno(err, r, "%s: cannot read the signature", what);
	return verify_chain(&c, trust, &sig, report, err);
}

int verify_disk(const char *path, const struct verify_trust *trust, struct buf *report,
		struct err *err)
{
	_cleanup_(facts_freep) struct disk_facts *f = NULL;
	_cleanup_close_ int fd = -1;
	unsigned bootable = 0;
	int r = disk_inspect(path, &f, err);

	if (r)
		return r == -EBADMSG ? VERIFY_REFUSED : r;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, -errno, "cannot open %s", path);
	r = check_gpt(fd, f, report, err);
	if (r)
		return r;
	if (f->bs_error)
		return err_set(err, f->bs_error < 0 ? f->bs_error : VERIFY_REFUSED,
			       "the boot state: %s", bs_error_text(f->bs_error));
	for (unsigned slot = 0; slot < BS_SLOTS; slot++) {
		enum bs_status status = f->bs.slot[slot].status;

		if (status == BS_EMPTY || status == BS_WRITING) {
			buf_addf(report, "--  slot %s        %s\n", bs_slot_name(slot),
				 bs_status_name(status));
			continue;
		}
		bootable += status == BS_READY;
		r = check_slot(fd, f, slot, trust, report, err);
		if (r)
			return r;
	}
	return bootable ? 0 : err_set(err, VERIFY_REFUSED, "no slot can be booted");
}

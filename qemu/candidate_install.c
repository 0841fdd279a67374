/*
 * A version on its way into a slot of a disk that is switched off: candidate_install()
 * of candidate.h. The order is slotctl's, and the rules are lib/core's.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/core/verity_table.h"
#include "qemu/candidate.h"

#define CHUNK_BYTES (1u << 20)

/* Copy @bytes of @fd to the start of the partition @name; the rest of it stays. */
static int write_part(struct offdisk *d, const char *name, int fd, uint64_t start_bytes,
		      uint64_t bytes, struct err *err)
{
	_cleanup_free_ uint8_t *chunk = malloc(CHUNK_BYTES);
	_cleanup_blk_ struct blk *part = NULL;
	int r = chunk ? offdisk_partition(d, name, &part, err) : err_oom(err);

	if (r < 0)
		return r;
	if (bytes > part->size_bytes)
		return err_set(err, -ENOSPC, "%" PRIu64 " bytes do not fit partition %s", bytes,
			       name);
	for (uint64_t at = 0; r == 0 && at < bytes; at += CHUNK_BYTES) {
		size_t len = bytes - at < CHUNK_BYTES ? (size_t)(bytes - at) : CHUNK_BYTES;

		r = io_pread_all(fd, chunk, len, start_bytes + at);
		if (r == 0)
			r = blk_write(part, at, chunk, len);
	}
	return r < 0 ? err_errno(err, r, "cannot write partition %s", name) : 0;
}

static int write_boot(struct offdisk *d, unsigned slot, const struct candidate *c, struct err *err)
{
	_cleanup_blk_ struct blk *part = NULL;
	uint8_t block[SLOTDESC_BYTES];
	int r = offdisk_partition(d, gpt_name_boot[slot], &part, err);

	if (r < 0)
		return r;
	if (part->size_bytes < SLOTDESC_BYTES ||
	    c->uki.len > part->size_bytes - SLOTDESC_BYTES)
		return err_set(err, -ENOSPC, "the UKI of %zu bytes does not fit its slot",
			       c->uki.len);
	if (slotdesc_encode(&c->image, block))
		return err_set(err, -EINVAL, "the version cannot be described");
	r = blk_write(part, 0, c->uki.data, c->uki.len);
	if (r == 0)
		r = blk_write(part, part->size_bytes - SLOTDESC_BYTES, block, sizeof(block));
	return r < 0 ? err_errno(err, r, "cannot write partition %s", gpt_name_boot[slot]) : 0;
}

static int write_sig(struct offdisk *d, unsigned slot, const struct candidate *c, struct err *err)
{
	_cleanup_blk_ struct blk *part = NULL;
	int r = offdisk_partition(d, gpt_name_sig[slot], &part, err);

	if (r < 0)
		return r;
	r = blk_write(part, 0, c->sig, sizeof(c->sig));
	return r < 0 ? err_errno(err, r, "cannot write partition %s", gpt_name_sig[slot]) : 0;
}

static int write_slot(struct offdisk *d, unsigned slot, const struct candidate *c, struct err *err)
{
	int r = write_boot(d, slot, c, err);

	if (r == 0)
		r = write_part(d, gpt_name_root[slot], c->root_fd, c->root_start_bytes,
			       c->root_bytes, err);
	if (r == 0)
		r = write_part(d, gpt_name_verity[slot], c->verity_fd, c->verity_start_bytes,
			       c->verity_bytes, err);
	if (r == 0)
		r = write_sig(d, slot, c, err);
	if (r == 0)
		r = blk_flush(d->blk);
	return r;
}

int candidate_install(struct offdisk *d, unsigned slot, const struct candidate *c, unsigned tries,
		      bool retry, struct err *err)
{
	_cleanup_offstate_ struct offstate *s = offdisk_state(d, err);
	int r;

	if (!s)
		return -EIO;
	if (!tries)
		tries = s->bs.slot[1 - slot].tries_max ? s->bs.slot[1 - slot].tries_max :
							 BS_TRIES_DEFAULT;
	r = bs_install_begin(&s->bs, slot, BS_SLOT_NONE, &c->image, retry);
	if (r)
		return err_set(err, -EPERM, "install %s %s in slot %s: %s", c->image.name,
			       c->image.version, bs_slot_name(slot), bs_error_text(r));
	r = offstate_store(s, err);
	if (r == 0)
		r = write_slot(d, slot, c, err);
	if (r < 0)
		return r;
	r = bs_install_commit(&s->bs, slot, &c->image, tries);
	if (r)
		return err_set(err, -EINVAL, "install: %s", bs_error_text(r));
	return offstate_store(s, err);
}

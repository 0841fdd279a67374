/* See offdisk.h. */
#include "qemu/offdisk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"

struct offdisk *offdisk_open(const char *path, bool writable, struct err *err)
{
	static const uint32_t sector_sizes[] = { 512, 4096 };
	_cleanup_offdisk_ struct offdisk *d = calloc(1, sizeof(*d));
	struct disk_ops ops;
	int r = GPT_E_BOTH_BAD;

	if (!d) {
		err_oom(err);
		return NULL;
	}
	if (blk_open(path, writable, &d->blk, err) < 0)
		return NULL;
	ops = blk_disk_ops(d->blk);
	/* A file says nothing of its sector size: the table is where it makes sense. */
	for (size_t i = 0; r > 0 && i < ARRAY_SIZE(sector_sizes); i++)
		r = gpt_read(&ops, sector_sizes[i], d->blk->size_bytes / sector_sizes[i], &d->gpt);
	if (r) {
		err_set(err, -EINVAL, "the disk: %s", r > 0 ? gpt_error_text(r) : strerror(-r));
		return NULL;
	}
	return TAKE_PTR(d);
}

int offdisk_partition(struct offdisk *d, const char *name, struct blk **ret, struct err *err)
{
	struct gpt_partition p;
	int r = gpt_find_name(&d->gpt, name, &p);

	if (r)
		return err_set(err, -ENOENT, "the disk's partition '%s': %s", name,
			       gpt_error_text(r));
	r = blk_new_window(d->blk, gpt_offset_bytes(&d->gpt, &p), gpt_size_bytes(&d->gpt, &p),
			   ret);
	return r < 0 ? err_errno(err, r, "partition '%s'", name) : 0;
}

struct offstate *offdisk_state(struct offdisk *d, struct err *err)
{
	_cleanup_offstate_ struct offstate *s = calloc(1, sizeof(*s));
	int r;

	if (!s) {
		err_oom(err);
		return NULL;
	}
	if (offdisk_partition(d, GPT_NAME_BOOT_STATE, &s->part, err) < 0)
		return NULL;
	s->ops = blk_disk_ops(s->part);
	r = bs_load(&s->disk, &s->ops, &s->bs);
	if (r) {
		err_set(err, -EINVAL, "the boot state: %s", bs_error_text(r));
		return NULL;
	}
	return TAKE_PTR(s);
}

int offstate_store(struct offstate *s, struct err *err)
{
	int r = bs_store(&s->disk, &s->bs);

	return r ? err_set(err, -EIO, "the boot state: %s", bs_error_text(r)) : 0;
}

struct offdisk *offdisk_free(struct offdisk *d)
{
	if (d)
		blk_free(d->blk);
	free(d);
	return NULL;
}

struct offstate *offstate_free(struct offstate *s)
{
	if (s)
		blk_free(s->part);
	free(s);
	return NULL;
}

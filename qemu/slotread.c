/* See slotread.h. */
#include "qemu/slotread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/err.h"
#include "uki/edit.h"

#define UKI_MAX (512u << 20)

static int read_uki(struct slot_content *c, struct blk *boot, struct err *err)
{
	uint8_t block[SLOTDESC_BYTES];
	int r;

	if (boot->size_bytes < SLOTDESC_BYTES)
		return err_set(err, -EINVAL, "the boot partition is too small");
	r = blk_read(boot, boot->size_bytes - SLOTDESC_BYTES, block, sizeof(block));
	if (r < 0)
		return err_errno(err, r, "cannot read the slot descriptor");
	r = slotdesc_decode(block, boot->size_bytes, &c->image);
	if (r)
		return err_set(err, -EINVAL, "%s", slotdesc_error_text(r));
	if (c->image.uki_bytes > UKI_MAX)
		return err_set(err, -EFBIG, "the UKI is too large");
	c->uki = malloc((size_t)c->image.uki_bytes);
	if (!c->uki)
		return err_oom(err);
	r = blk_read(boot, 0, c->uki, (size_t)c->image.uki_bytes);
	return r < 0 ? err_errno(err, r, "cannot read the UKI") : 0;
}

int slot_content_read(struct offdisk *d, unsigned slot, struct slot_content *c, struct err *err)
{
	_cleanup_blk_ struct blk *boot = NULL;
	int r = offdisk_partition(d, gpt_name_boot[slot], &boot, err);

	*c = SLOT_CONTENT_NONE;
	if (r == 0)
		r = read_uki(c, boot, err);
	if (r == 0)
		r = uki_cmdline(c->uki, (size_t)c->image.uki_bytes, &c->cmdline, err);
	if (r < 0)
		return err_add(err, r, "slot %s", bs_slot_name(slot));
	r = verity_params_from_cmdline(c->cmdline, strlen(c->cmdline), &c->verity);
	return r ? err_set(err, -EINVAL, "slot %s: %s", bs_slot_name(slot), verity_error_text(r))
		 : 0;
}

void slot_content_done(struct slot_content *c)
{
	free(c->uki);
	free(c->cmdline);
}

/*
 * What a slot of a disk holds, as its descriptor and the command line in its UKI
 * say. The boot state is not asked.
 */
#ifndef QEMU_SLOTREAD_H
#define QEMU_SLOTREAD_H

#include "lib/core/slotdesc.h"
#include "lib/core/verity_table.h"
#include "qemu/offdisk.h"

struct err;

struct slot_content {
	struct slotdesc image;
	char *uki; /* image.uki_bytes of it; owned */
	char *cmdline; /* owned */
	struct verity_params verity;
};

#define SLOT_CONTENT_NONE ((struct slot_content){ .uki = NULL })

/*
 * Read slot @slot of @d. 0; -EINVAL when its descriptor, its UKI or its command line make no sense;
 * or another negative errno. slot_content_done() in any case.
 */
int slot_content_read(struct offdisk *d, unsigned slot, struct slot_content *ret,
		      struct err *err);

void slot_content_done(struct slot_content *c);
#define _cleanup_slot_content_ __attribute__((cleanup(slot_content_done)))

#endif

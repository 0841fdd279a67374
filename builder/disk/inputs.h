/*
 * The artefacts a disk is made of, opened and checked: each fits its
 * partition, is what its name says, and belongs to the others (the UKI's signed
 * command line names exactly this root).
 */
#ifndef BUILDER_DISK_INPUTS_H
#define BUILDER_DISK_INPUTS_H

#include "builder/disk/disk.h"
#include "lib/core/slotdesc.h"

struct disk_input {
	int fd;
	uint64_t bytes;
};

struct disk_inputs {
	struct disk_input uki, root, verity, sig;
};

#define DISK_INPUTS_INIT \
	((struct disk_inputs){ { -1, 0 }, { -1, 0 }, { -1, 0 }, { -1, 0 } })

/* Open and check; errors as of disk_build(). @ret is to be released in any case. */
int disk_inputs_open(const struct disk_options *o, const struct disk_layout *layout,
		     struct disk_inputs *ret, struct err *err);
void disk_inputs_done(struct disk_inputs *in);

/* What slot a will hold, for its descriptor and the boot state. */
int disk_inputs_describe(const struct disk_inputs *in, const struct disk_options *o,
			 struct slotdesc *ret, struct err *err);

#endif

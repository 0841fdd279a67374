/*
 * The boot state on its partition.
 *
 * The invariant: the newest valid copy is never written to. A store overwrites
 * the other one, and only when that is durable and reads back the same does it
 * count. So a power cut after any byte leaves the old state or the new one.
 */
#include "lib/core/bootstate.h"

#include "lib/core/platform.h"

/* Of two sequences the later one, also across the wrap-around. */
static bool sequence_after(uint64_t a, uint64_t b)
{
	return a != b && a - b < UINT64_C(1) << 63;
}

/* Read one copy into disk->record; 0, enum bs_error, or the read's negative code. */
static int read_copy(struct bs_disk *disk, int copy, struct bs *ret)
{
	int r = disk->ops->read(disk->ops->ctx, BS_COPY_OFFSET(copy), disk->record,
				BS_RECORD_BYTES);

	return r ? r : bs_decode(disk->record, ret);
}

int bs_load(struct bs_disk *disk, const struct disk_ops *ops, struct bs *ret_bs)
{
	struct bs bs;
	bool found = false;

	disk->ops = ops;
	disk->target = 0;
	disk->newer = false;
	for (int copy = 0; copy < BS_COPIES; copy++) {
		int r = read_copy(disk, copy, &bs);

		disk->copy_error[copy] = r;
		if (r == BS_E_NEWER)
			disk->newer = true;
		if (r || (found && !sequence_after(bs.sequence, ret_bs->sequence)))
			continue;
		*ret_bs = bs;
		disk->target = 1 - copy;
		found = true;
	}
	if (found)
		return BS_OK;
	return disk->newer ? BS_E_NEWER : BS_E_LOST;
}

/* Write @bs, as encoded in disk->record, to @copy and see that it is there. */
static int write_copy(struct bs_disk *disk, int copy)
{
	const struct disk_ops *ops = disk->ops;
	int r = ops->write(ops->ctx, BS_COPY_OFFSET(copy), disk->record, BS_RECORD_BYTES);

	if (!r)
		r = ops->flush(ops->ctx);
	if (!r)
		r = ops->read(ops->ctx, BS_COPY_OFFSET(copy), disk->check, BS_RECORD_BYTES);
	if (r)
		return r;
	return memcmp(disk->check, disk->record, BS_RECORD_BYTES) ? BS_E_READBACK : BS_OK;
}

/* What is stored must be readable again, or the store would lose the state. */
static int encode_checked(struct bs_disk *disk, const struct bs *bs)
{
	struct bs again;

	bs_encode(bs, disk->record);
	return bs_decode(disk->record, &again);
}

int bs_store(struct bs_disk *disk, struct bs *bs)
{
	int r;

	if (disk->newer)
		return BS_E_NEWER;
	if (!disk->ops->write)
		return DISK_READ_ONLY;
	bs->sequence++;
	r = encode_checked(disk, bs);
	if (!r)
		r = write_copy(disk, disk->target);
	if (r) {
		bs->sequence--;
		return r;
	}
	disk->copy_error[disk->target] = BS_OK;
	disk->target = 1 - disk->target;
	return BS_OK;
}

int bs_create(struct bs_disk *disk, const struct disk_ops *ops, struct bs *bs)
{
	int r;

	disk->ops = ops;
	disk->target = 1;
	disk->newer = false;
	disk->copy_error[0] = disk->copy_error[1] = BS_E_MAGIC;
	r = bs_store(disk, bs);
	return r ? r : bs_store(disk, bs);
}

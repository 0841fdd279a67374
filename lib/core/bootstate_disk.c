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

/* Read both copies; fills in @disk, and @ret with the newest valid one. BS_E_LOST, BS_E_NEWER. */
static int find_newest(struct bs_disk *disk, struct bs *ret)
{
	struct bs bs;
	bool found = false;

	disk->target = 0;
	disk->newer = false;
	disk->uncertain = false;
	for (int copy = 0; copy < BS_COPIES; copy++) {
		int r = read_copy(disk, copy, &bs);

		disk->copy_error[copy] = r;
		if (r == BS_E_NEWER)
			disk->newer = true;
		if (r || (found && !sequence_after(bs.sequence, ret->sequence)))
			continue;
		*ret = bs;
		disk->target = 1 - copy;
		found = true;
	}
	if (found)
		return BS_OK;
	return disk->newer ? BS_E_NEWER : BS_E_LOST;
}

int bs_load(struct bs_disk *disk, const struct disk_ops *ops, struct bs *ret_bs)
{
	disk->ops = ops;
	return find_newest(disk, ret_bs);
}

/*
 * A store that failed may have landed all the same; its copy is then the newest
 * one and must not be written to. So look again before the next store.
 */
static int look_again(struct bs_disk *disk, struct bs *bs)
{
	struct bs newest;
	int r = find_newest(disk, &newest);

	if (r == BS_OK)
		bs->sequence = newest.sequence;
	return r == BS_E_LOST ? BS_OK : r;
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
	uint64_t sequence = bs->sequence;
	int r = BS_OK;

	if (disk->uncertain)
		r = look_again(disk, bs);
	if (disk->newer)
		r = BS_E_NEWER;
	else if (!disk->ops->write)
		r = DISK_READ_ONLY;
	if (r) {
		bs->sequence = sequence;
		return r;
	}
	bs->sequence++;
	r = encode_checked(disk, bs);
	if (!r) {
		disk->uncertain = true;
		r = write_copy(disk, disk->target);
	}
	if (r) {
		bs->sequence = sequence;
		return r;
	}
	disk->uncertain = false;
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
	disk->uncertain = false;
	disk->copy_error[0] = disk->copy_error[1] = BS_E_MAGIC;
	r = bs_store(disk, bs);
	return r ? r : bs_store(disk, bs);
}

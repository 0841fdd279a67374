/*
 * The geometry of a dm-verity tree. Writer and checker both take their offsets
 * from here, and from nowhere else.
 */
#include "verity/tree.h"

#include <errno.h>

#include "lib/base/err.h"

int verity_layout(uint64_t data_bytes, struct verity_layout *ret_layout)
{
	struct verity_layout l = { .data_blocks = data_bytes / VERITY_BLOCK_BYTES };
	uint64_t position = VERITY_HASH_START_BLOCK;
	struct verity_tree shape;

	if (data_bytes == 0 || data_bytes % VERITY_BLOCK_BYTES)
		return -EINVAL;
	if (verity_tree_shape(l.data_blocks, &shape) != VERITY_OK)
		return -EFBIG;
	l.levels = shape.levels;
	/* On disk the top level comes first. */
	for (unsigned i = l.levels; i-- > 0;) {
		l.level_blocks[i] = shape.level_blocks[i];
		l.level_start_block[i] = position;
		position += l.level_blocks[i];
	}
	l.hash_blocks = position;
	*ret_layout = l;
	return 0;
}

int verity_check_input(uint64_t data_bytes, size_t salt_len, struct verity_layout *ret_layout,
		       struct err *err)
{
	int r;

	if (salt_len > VERITY_SALT_MAX)
		return err_set(err, -EINVAL, "a verity salt has at most %d bytes, not %zu",
			       VERITY_SALT_MAX, salt_len);
	r = verity_layout(data_bytes, ret_layout);
	if (r)
		return err_errno(err, r, "%llu bytes cannot be hashed in blocks of %d",
				 (unsigned long long)data_bytes, VERITY_BLOCK_BYTES);
	return 0;
}

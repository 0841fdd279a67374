/*
 * The borders inside a squashfs 4.0: see cuts.h.
 *
 * Data blocks are listed by the inodes, fragments by the fragment table, and the
 * tables are runs of metadata blocks with their length in front. The image was made
 * a moment ago by mksquashfs and read back by another decoder, so a wrong one is a
 * mistake of ours, not an attack; it is bounded all the same.
 *
 * Format: Linux fs/squashfs/squashfs_fs.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "builder/bundle/cuts.h"
#include "lib/base/buf.h"
#include "lib/base/err.h"
#include "lib/core/bytes.h"

#define METADATA_BYTES 8192u
#define METADATA_PLAIN 0x8000u /* in the length: not compressed */
#define TABLE_BYTES_MAX (1u << 30) /* of one table, unpacked */
#define BLOCK_BYTES_MIN 4096u
#define BLOCK_PLAIN (1u << 24) /* in the size of a data block: not compressed */
#define NO_FRAGMENT UINT32_MAX
#define NO_TABLE UINT64_MAX
#define COMPRESSION_ZSTD 6
#define FRAGMENT_ENTRY_BYTES 16u
#define FRAGMENTS_PER_BLOCK (METADATA_BYTES / FRAGMENT_ENTRY_BYTES)

/* Byte offsets in the superblock. */
enum super_offset {
	SUPER_O_MAGIC = 0,
	SUPER_O_INODES = 4,
	SUPER_O_BLOCK_BYTES = 12,
	SUPER_O_FRAGMENTS = 16,
	SUPER_O_COMPRESSION = 20,
	SUPER_O_MAJOR = 28,
	SUPER_O_BYTES_USED = 40,
	SUPER_O_INODE_TABLE = 64,
	SUPER_O_DIRECTORY_TABLE = 72,
	SUPER_O_FRAGMENT_TABLE = 80,
	SUPER_BYTES = 96,
};

enum inode_type {
	INODE_DIRECTORY = 1,
	INODE_FILE = 2,
	INODE_LINK = 3,
	INODE_BLOCK_DEVICE = 4,
	INODE_CHAR_DEVICE = 5,
	INODE_FIFO = 6,
	INODE_SOCKET = 7,
	INODE_X_DIRECTORY = 8, /* the same with extended attributes, or larger */
	INODE_X_FILE = 9,
	INODE_X_LINK = 10,
	INODE_X_BLOCK_DEVICE = 11,
	INODE_X_CHAR_DEVICE = 12,
	INODE_X_FIFO = 13,
	INODE_X_SOCKET = 14,
};

struct image {
	const uint8_t *data;
	uint64_t bytes; /* used, at most what is there */
	uint32_t block_bytes;
	struct cuts *cuts;
	struct err *err;
};

static int broken(const struct image *im, const char *what)
{
	return err_set(im->err, -EBADMSG, "cannot cut the root: %s", what);
}

static int cut(const struct image *im, uint64_t at)
{
	return cuts_add(im->cuts, at) ? err_oom(im->err) : 0;
}

/* One metadata block at *@at: cut behind it, append what it holds to @out (may be NULL). */
static int take_block(const struct image *im, uint64_t *at, uint64_t end, struct buf *out)
{
	uint16_t head;
	size_t len, got;

	if (end - *at < 2)
		return broken(im, "a metadata block is cut off");
	head = le16_load(im->data + *at);
	len = head & ~METADATA_PLAIN;
	*at += 2;
	if (len == 0 || len > METADATA_BYTES || len > end - *at)
		return broken(im, "a metadata block has a wrong length");
	if (out) {
		if (out->len > TABLE_BYTES_MAX || !buf_reserve(out, METADATA_BYTES))
			return err_oom(im->err);
		got = len;
		if (head & METADATA_PLAIN)
			memcpy(out->data + out->len, im->data + *at, len);
		else
			got = ZSTD_decompress(out->data + out->len, METADATA_BYTES, im->data + *at,
					      len);
		if (ZSTD_isError(got))
			return broken(im, "a metadata block does not unpack");
		out->len += got;
	}
	*at += len;
	return cut(im, *at);
}

/* All metadata blocks of [@start, @end). */
static int take_table(const struct image *im, uint64_t start, uint64_t end, struct buf *out)
{
	int r = cut(im, start);

	if (r == 0 && (start > end || end > im->bytes))
		r = broken(im, "a table lies outside");
	while (r == 0 && start < end)
		r = take_block(im, &start, end, out);
	return r;
}

static int cut_block(const struct image *im, uint64_t start, uint32_t size)
{
	int r = cut(im, start);

	return r ? r : cut(im, start + (size & ~BLOCK_PLAIN));
}

/* Also *ret_start: where the first of the table's blocks lies, or where the image ends. */
static int cut_fragments(const struct image *im, uint32_t n, uint64_t *ret_start)
{
	uint64_t list = le64_load(im->data + SUPER_O_FRAGMENT_TABLE);
	uint64_t blocks = ((uint64_t)n + FRAGMENTS_PER_BLOCK - 1) / FRAGMENTS_PER_BLOCK;
	_cleanup_buf_ struct buf table = BUF_INIT;
	int r = 0;

	*ret_start = im->bytes;
	if (n == 0 || list == NO_TABLE)
		return 0;
	if (list > im->bytes || blocks * 8 > im->bytes - list)
		return broken(im, "the fragment table lies outside");
	*ret_start = le64_load(im->data + list);
	for (uint64_t i = 0; r == 0 && i < blocks; i++) {
		uint64_t at = le64_load(im->data + list + 8 * i);

		r = at < im->bytes ? cut(im, at) : broken(im, "a fragment table lies outside");
		if (r == 0)
			r = take_block(im, &at, im->bytes, &table);
	}
	if (r == 0 && table.len < (size_t)n * FRAGMENT_ENTRY_BYTES)
		r = broken(im, "the fragment table is too short");
	for (uint32_t i = 0; r == 0 && i < n; i++) {
		const char *e = table.data + (size_t)i * FRAGMENT_ENTRY_BYTES;

		r = cut_block(im, le64_load(e), le32_load(e + 8));
	}
	return r;
}

/* The blocks of one file, whose sizes are the @n numbers at @sizes. */
static int cut_file(const struct image *im, uint64_t start, const uint8_t *sizes, uint64_t n)
{
	int r = 0;

	for (uint64_t i = 0; r == 0 && i < n; i++) {
		uint32_t size = le32_load(sizes + 4 * i);

		r = cut_block(im, start, size);
		start += size & ~BLOCK_PLAIN;
	}
	return r;
}

/* How many blocks a file has; its tail may be in a fragment instead. */
static uint64_t count_blocks(const struct image *im, uint64_t bytes, uint32_t fragment)
{
	return bytes / im->block_bytes + (fragment == NO_FRAGMENT && bytes % im->block_bytes);
}

/* What stands behind an inode's fixed part; 0 for other types, whose size is fixed. */
static uint64_t tail_bytes(const struct image *im, const uint8_t *p, unsigned type)
{
	switch (type) {
	case INODE_FILE:
		return 4 * count_blocks(im, le32_load(p + 28), le32_load(p + 20));
	case INODE_X_FILE:
		return 4 * count_blocks(im, le64_load(p + 24), le32_load(p + 44));
	case INODE_LINK:
		return le32_load(p + 20);
	case INODE_X_LINK:
		return (uint64_t)le32_load(p + 20) + 4;
	}
	return 0;
}

/* The index of a large directory: entries of 12 bytes and a name each. */
static int skip_index(const struct image *im, const uint8_t **p, const uint8_t *end, unsigned n)
{
	for (; n > 0; n--) {
		size_t left = (size_t)(end - *p);

		if (left < 12 || le32_load(*p + 8) >= left - 12)
			return broken(im, "a directory's index is cut off");
		*p += 12 + le32_load(*p + 8) + 1;
	}
	return 0;
}

static int take_inode(const struct image *im, const uint8_t **p, const uint8_t *end)
{
	static const uint8_t fixed[] = {
		[INODE_DIRECTORY] = 32,
		[INODE_FILE] = 32,
		[INODE_LINK] = 24,
		[INODE_BLOCK_DEVICE] = 24,
		[INODE_CHAR_DEVICE] = 24,
		[INODE_FIFO] = 20,
		[INODE_SOCKET] = 20,
		[INODE_X_DIRECTORY] = 40,
		[INODE_X_FILE] = 56,
		[INODE_X_LINK] = 24,
		[INODE_X_BLOCK_DEVICE] = 28,
		[INODE_X_CHAR_DEVICE] = 28,
		[INODE_X_FIFO] = 24,
		[INODE_X_SOCKET] = 24,
	};
	size_t left = (size_t)(end - *p);
	unsigned type = left < 2 ? 0 : le16_load(*p);
	const uint8_t *inode = *p;
	uint64_t tail;
	int r = 0;

	if (type == 0 || type >= sizeof(fixed) || left < fixed[type])
		return broken(im, "an inode has an unknown shape");
	tail = tail_bytes(im, inode, type);
	if (tail > left - fixed[type])
		return broken(im, "an inode is cut off");
	*p += fixed[type] + tail;
	if (type == INODE_FILE)
		r = cut_file(im, le32_load(inode + 16), inode + fixed[type], tail / 4);
	else if (type == INODE_X_FILE)
		r = cut_file(im, le64_load(inode + 16), inode + fixed[type], tail / 4);
	else if (type == INODE_X_DIRECTORY)
		r = skip_index(im, p, end, le16_load(inode + 32));
	return r;
}

static int cut_files(const struct image *im, uint32_t n_inodes, uint64_t start, uint64_t end)
{
	_cleanup_buf_ struct buf table = BUF_INIT;
	const uint8_t *p, *stop;
	int r = take_table(im, start, end, &table);

	if (r)
		return r;
	p = (const uint8_t *)table.data;
	stop = p + table.len;
	for (uint32_t i = 0; r == 0 && i < n_inodes; i++)
		r = take_inode(im, &p, stop);
	return r == 0 && p != stop ? broken(im, "the inode table is longer than its inodes") : r;
}

int cuts_squashfs(struct cuts *c, const uint8_t *image, uint64_t bytes, struct err *err)
{
	struct image im = { .data = image, .bytes = bytes, .cuts = c, .err = err };
	uint64_t inodes, directories, end;
	int r;

	if (bytes < SUPER_BYTES || memcmp(image + SUPER_O_MAGIC, "hsqs", 4) ||
	    le16_load(image + SUPER_O_MAJOR) != 4 ||
	    le16_load(image + SUPER_O_COMPRESSION) != COMPRESSION_ZSTD)
		return broken(&im, "it is no squashfs 4 compressed with zstd");
	im.block_bytes = le32_load(image + SUPER_O_BLOCK_BYTES);
	im.bytes = le64_load(image + SUPER_O_BYTES_USED);
	inodes = le64_load(image + SUPER_O_INODE_TABLE);
	directories = le64_load(image + SUPER_O_DIRECTORY_TABLE);
	if (im.block_bytes < BLOCK_BYTES_MIN || im.bytes > bytes || inodes > directories ||
	    directories > im.bytes)
		return broken(&im, "its superblock makes no sense");
	r = cut(&im, SUPER_BYTES);
	if (r == 0)
		r = cut(&im, im.bytes);
	if (r == 0)
		r = cut_files(&im, le32_load(image + SUPER_O_INODES), inodes, directories);
	if (r == 0)
		r = cut_fragments(&im, le32_load(image + SUPER_O_FRAGMENTS), &end);
	/* Without fragments the next table is not known, and its blocks are not worth a search. */
	if (r == 0 && end < im.bytes)
		r = take_table(&im, directories, end, NULL);
	return r;
}

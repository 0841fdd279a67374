/*
 * Packing a tree into squashfs, and reading it back.
 *
 * Same tree, same options, same mksquashfs: same bytes. Whatever could differ
 * between two machines (environment, number of CPUs, time of day, order of
 * directory entries) is fixed here. After packing, a stranger's decoder unpacks
 * the image again and every entry is compared with the tree's manifest: the
 * image is what we meant, not what the packer made of it.
 *
 * squash_pack() and the size accounting look at the tree, so they run where its
 * owners are right: inside sandbox_run() of builder/rootfs when the tree belongs
 * to a user namespace. squash_read_back() only needs the image.
 */
#ifndef BUILDER_SQUASH_SQUASH_H
#define BUILDER_SQUASH_SQUASH_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct manifest;

/* Defaults: the middle of the measured field (size, speed, size of deltas between versions). */
#define SQUASH_ZSTD_LEVEL 9
#define SQUASH_BLOCK_BYTES (256u << 10)
#define SQUASH_ZSTD_LEVEL_MAX 22
/* What dm-verity hashes, and what the image is padded to. */
#define SQUASH_PAD_BYTES 4096

struct squash_options {
	const char *tree; /* directory whose content becomes the root */
	const char *output; /* file to write; an existing one is replaced */
	const struct manifest *manifest; /* of the tree: gives the order of files; NULL: by path */
	uint64_t epoch_s; /* SOURCE_DATE_EPOCH: time of the file system and of its root directory */
	unsigned zstd_level; /* 1...22; 0: SQUASH_ZSTD_LEVEL */
	uint32_t block_bytes; /* power of two, 4K...1M; 0: SQUASH_BLOCK_BYTES */
	unsigned processors; /* 0: all of them; the bytes do not depend on it */
};

/*
 * Pack o->tree into o->output with mksquashfs: zstd, xattrs kept, files of one package side
 * by side in path order (small deltas between versions), padded to SQUASH_PAD_BYTES. A
 * failed run removes the output. Returns 0 and the size; -ENOENT when mksquashfs is
 * missing, -EINVAL for a bad option, -EIO when mksquashfs failed (its words are in @err),
 * or another negative errno.
 */
int squash_pack(const struct squash_options *o, uint64_t *ret_bytes, struct err *err);

/*
 * Decode @image with sqfs2tar (a decoder that shares nothing with mksquashfs) and compare
 * every entry with @m: path, type, mode, owner, size, content hash, link target, device,
 * extended attributes. Returns 0, -EBADMSG with the first differing file and property
 * named, -ENOENT when sqfs2tar is missing, or another negative errno.
 */
int squash_read_back(const char *image, const struct manifest *m, struct err *err);

/*
 * Check that a root of @image_bytes fits its slot. When it does not, @err says by how much and
 * names the largest packages of the tree with manifest @m (by its dpkg database; @tree may be
 * NULL: then the largest files). Returns 0, -ENOSPC, or another negative errno.
 */
int squash_check_fit(const char *tree, const struct manifest *m, uint64_t image_bytes,
		     uint64_t slot_bytes, struct err *err);

#endif

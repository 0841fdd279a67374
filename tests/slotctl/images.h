/*
 * Small images that are real: a root with its hash tree, a UKI that names it, as the tools in
 * this folder put them on a disk and into bundles. Half of their pieces are the same in
 * every version.
 */
#ifndef TESTS_SLOTCTL_IMAGES_H
#define TESTS_SLOTCTL_IMAGES_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "install/bundle.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/core/bytes.h"
#include "verity/sigfile.h"
#include "verity/tree.h"

/* With CROWDED, nearly as many chunks as a bundle may have, in as few bytes as they take. */
#ifdef CROWDED
#define PIECE_BYTES 16u
#define ROOT_BYTES (1007u * 4096)
#define BOOT_ROOM (1400u * 4096)
#else
#define PIECE_BYTES 8192u
#define ROOT_BYTES (130u * 4096)
#define BOOT_ROOM (64u * 4096)
#endif
#define UKI_BYTES 50000u
#define SELECTOR_BYTES 3000u
#define SELECTOR_ROOM 65536u
#define VERITY_ROOM (16u * 4096)

struct image {
	uint8_t uki[UKI_BYTES], root[ROOT_BYTES], sig[SIGFILE_BYTES], selector[SELECTOR_ROOM];
	uint8_t verity[VERITY_ROOM];
	struct bundle_manifest m; /* with everything but the index and what the command line says */
};

static inline void image_die(const char *what)
{
	fprintf(stderr, "%s\n", what);
	exit(2);
}

static inline void image_fill(uint8_t *to, size_t len, const char *version)
{
	for (size_t at = 0; at < len; at += PIECE_BYTES) {
		size_t n = len - at < PIECE_BYTES ? len - at : PIECE_BYTES, piece = at / PIECE_BYTES;
		char name[128];
		uint8_t sum[DIGEST_BYTES];

		snprintf(name, sizeof(name), "%s %zu", piece % 2 ? "" : version, piece);
		digest_bytes(name, strlen(name), sum);
		for (size_t i = 0; i < n; i++)
			to[at + i] = (uint8_t)(sum[i % DIGEST_BYTES] + i / DIGEST_BYTES);
	}
}

static inline void image_hash_root(struct image *img)
{
	int data = memfd_create("data", MFD_CLOEXEC), hash = memfd_create("hash", MFD_CLOEXEC);
	static struct err err;
	struct verity_layout l;

	if (verity_layout(ROOT_BYTES, &l) || io_pwrite_all(data, img->root, ROOT_BYTES, 0) ||
	    verity_tree_write(data, ROOT_BYTES, img->m.salt, img->m.salt_len, img->m.uuid, hash,
			      img->m.root_hash, NULL, &err) ||
	    io_pread_all(hash, img->verity, l.hash_blocks * 4096, 0))
		image_die(err.text);
	img->m.part[BUNDLE_VERITY].bytes = l.hash_blocks * 4096;
	close(data);
	close(hash);
}

static inline const uint8_t *image_part(const struct image *img, unsigned part)
{
	const uint8_t *const parts[BUNDLE_PARTS] = { img->uki, img->root, img->sig, img->selector,
						     img->verity };

	return parts[part];
}

static inline void image_make(const char *version, struct image *img)
{
	memset(img, 0, sizeof(*img));
	img->m.salt_len = DIGEST_BYTES;
	verity_derive("demo", version, img->m.salt, img->m.uuid);
	snprintf(img->m.version, sizeof(img->m.version), "%s", version);
	img->m.tries = 3;
	image_fill(img->root, ROOT_BYTES, version);
	image_hash_root(img);
	image_fill(img->uki, UKI_BYTES, version);
	image_fill(img->selector, SELECTOR_BYTES, version);
	memcpy(img->uki, img->m.root_hash, 32);
	memcpy(img->sig, img->m.root_hash, 32);
	img->m.part[BUNDLE_UKI].bytes = UKI_BYTES;
	img->m.part[BUNDLE_ROOT].bytes = ROOT_BYTES;
	img->m.part[BUNDLE_SIG].bytes = SIGFILE_BYTES;
	img->m.part[BUNDLE_SELECTOR].bytes = SELECTOR_BYTES;
	for (unsigned p = 0; p < BUNDLE_PARTS; p++)
		digest_bytes(image_part(img, p), img->m.part[p].bytes, img->m.part[p].sha256);
}

/* Is @entry among @entries? It is from the next call on. */
static inline bool image_knows(const struct buf *entries, const uint8_t *entry)
{
	static uint32_t place[1u << 20]; /* behind an entry; 0: free */
	uint32_t i = le32_load(entry + 4) % ARRAY_SIZE(place);

	for (; place[i]; i = (i + 1) % ARRAY_SIZE(place))
		if (!memcmp(entries->data + place[i] - BUNDLE_ENTRY_BYTES, entry, BUNDLE_ENTRY_BYTES))
			return true;
	place[i] = (uint32_t)entries->len + BUNDLE_ENTRY_BYTES;
	return false;
}

/*
 * Append @img's index to @entries, which are empty, and, if it is not NULL, each distinct chunk to
 * @data. Once in a program.
 */
static inline void image_cut(const struct image *img, unsigned n_parts, struct buf *entries, struct buf *data)
{
	for (unsigned p = 0; p < n_parts; p++) {
		uint64_t len = img->m.part[p].bytes;

		for (uint64_t at = 0; at < len; at += PIECE_BYTES) {
			uint32_t n = (uint32_t)(len - at < PIECE_BYTES ? len - at : PIECE_BYTES);
			uint8_t entry[BUNDLE_ENTRY_BYTES], hash[BUNDLE_HASH_BYTES];
			bool known;

			bundle_hash(image_part(img, p) + at, n, hash);
			bundle_entry_encode(n, hash, entry);
			known = image_knows(entries, entry);
			buf_add(entries, entry, sizeof(entry));
			if (data && !known)
				buf_add(data, image_part(img, p) + at, n);
		}
	}
}

#endif

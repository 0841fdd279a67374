/* See read.h. */
#include "builder/bundle/read.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "install/slotindex.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/core/bytes.h"

bool bundle_file_is(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char magic[8];

	return fd >= 0 && io_pread_all(fd, magic, sizeof(magic), 0) == 0 &&
	       memcmp(magic, BUNDLE_MAGIC, sizeof(magic)) == 0;
}

/* A file that ends early is a damaged bundle, not an error of the disk. */
static int read_at(const struct bundle_file *f, void *data, uint64_t len, uint64_t offset,
		   const char *what, struct err *err)
{
	int r = io_pread_all(f->fd, data, len, offset);

	if (r == -ENODATA)
		return err_set(err, BUNDLE_E_DAMAGED, "the bundle ends inside its %s", what);
	return r ? err_errno(err, r, "cannot read the bundle's %s", what) : 0;
}

static int read_manifest(struct bundle_file *f, const char *trusted_pem, size_t trusted_len,
			 struct err *err)
{
	_cleanup_free_ uint8_t *der = malloc(f->head.signature_bytes);
	_cleanup_free_ char *text = malloc(f->head.manifest_bytes);
	int r = der && text ? 0 : err_oom(err);

	if (r == 0)
		r = read_at(f, der, f->head.signature_bytes, f->at.signature, "signature", err);
	if (r == 0)
		r = read_at(f, text, f->head.manifest_bytes, f->at.manifest, "manifest", err);
	if (r)
		return r;
	if (!trusted_pem)
		return bundle_manifest_parse(text, f->head.manifest_bytes, &f->manifest, err);
	return bundle_manifest_open(der, f->head.signature_bytes, text, f->head.manifest_bytes,
				    trusted_pem, trusted_len, &f->manifest, err);
}

static int read_index(struct bundle_file *f, struct err *err)
{
	_cleanup_free_ uint8_t *bytes = malloc(f->manifest.index.bytes);
	int r = bytes ? 0 : err_oom(err);

	if (r == 0)
		r = read_at(f, bytes, f->manifest.index.bytes, f->at.index, "index", err);
	return r ? r : bundle_index_decode(bytes, &f->manifest, &f->index, err);
}

int bundle_file_open(const char *path, const char *trusted_pem, size_t trusted_len,
		     struct bundle_file *ret, struct err *err)
{
	uint8_t block[BUNDLE_BLOCK_BYTES];
	int r;

	*ret = BUNDLE_FILE_INIT;
	ret->fd = open(path, O_RDONLY | O_CLOEXEC);
	r = ret->fd < 0 ? -errno : io_size(ret->fd, &ret->bytes);
	if (r)
		return err_errno(err, r, "%s", path);
	r = read_at(ret, block, sizeof(block), 0, "head", err);
	if (r == 0)
		r = bundle_head_decode(block, &ret->head, err);
	if (r)
		return r;
	ret->at = bundle_offsets_of(&ret->head);
	r = read_manifest(ret, trusted_pem, trusted_len, err);
	if (r)
		return r;
	bundle_locate(&ret->manifest, &ret->at);
	r = read_index(ret, err);
	if (r == 0 && ret->bytes != ret->at.end)
		r = err_set(err, BUNDLE_E_DAMAGED,
			    "the bundle has %" PRIu64 " bytes, %" PRIu64 " are signed", ret->bytes,
			    ret->at.end);
	return r;
}

static int check_padding(const struct bundle_file *f, uint64_t from, uint64_t to, struct err *err)
{
	uint8_t bytes[BUNDLE_BLOCK_BYTES];
	int r = read_at(f, bytes, to - from, from, "padding", err);

	if (r == 0 && !bytes_are_zero(bytes, to - from))
		r = err_set(err, BUNDLE_E_DAMAGED,
			    "the bundle has bytes that are not signed, before offset %" PRIu64, to);
	return r;
}

/* Chunk number @i into @bytes (BUNDLE_CHUNK_MAX of room), its hash checked. */
static int read_chunk(const struct bundle_file *f, uint32_t i, uint8_t *bytes, struct err *err)
{
	const struct bundle_chunk *c = &f->index.chunks[i];
	uint8_t hash[BUNDLE_HASH_BYTES];
	int r = read_at(f, bytes, c->length, f->at.data + c->data_offset, "data", err);

	if (r)
		return r;
	bundle_hash(bytes, c->length, hash);
	if (memcmp(hash, c->hash, sizeof(hash)))
		return err_set(err, BUNDLE_E_DAMAGED,
			       "chunk %" PRIu32 " (%s, byte %" PRIu64 ") is not the signed one", i,
			       bundle_part_name(bundle_part_of(&f->index, i)), c->part_offset);
	return 0;
}

int bundle_file_check(const struct bundle_file *f, struct err *err)
{
	_cleanup_free_ uint8_t *bytes = malloc(BUNDLE_CHUNK_MAX);
	const struct {
		uint64_t from, to;
	} gaps[] = {
		{ f->at.signature + f->head.signature_bytes, f->at.manifest },
		{ f->at.manifest + f->head.manifest_bytes, f->at.index },
		{ f->at.index + f->manifest.index.bytes, f->at.data },
		{ f->at.data + f->manifest.data_bytes, f->at.end },
	};
	int r = bytes ? 0 : err_oom(err);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(gaps); i++)
		r = check_padding(f, gaps[i].from, gaps[i].to, err);
	for (uint32_t i = 0; r == 0 && i < f->index.n_chunks; i++)
		if (f->index.chunks[i].first == i)
			r = read_chunk(f, i, bytes, err);
	return r;
}

int bundle_file_extract(const struct bundle_file *f, enum bundle_part part, int out,
			struct err *err)
{
	_cleanup_free_ uint8_t *bytes = malloc(BUNDLE_CHUNK_MAX);
	struct digest *digest = digest_new();
	uint8_t sha256[DIGEST_BYTES];
	int r = bytes && digest ? 0 : err_oom(err);

	for (uint32_t i = f->index.start[part]; r == 0 && i < f->index.start[part + 1]; i++) {
		const struct bundle_chunk *c = &f->index.chunks[i];

		r = read_chunk(f, i, bytes, err);
		if (r)
			break;
		digest_add(digest, bytes, c->length);
		r = io_pwrite_all(out, bytes, c->length, c->part_offset);
		if (r)
			err_errno(err, r, "cannot write the %s", bundle_part_name(part));
	}
	if (r == 0) {
		digest_take(digest, sha256);
		if (memcmp(sha256, f->manifest.part[part].sha256, sizeof(sha256)))
			r = err_set(err, BUNDLE_E_DAMAGED, "the %s is not the signed one",
				    bundle_part_name(part));
	}
	digest_free(digest);
	return r;
}

/* What slot index @from would have. */
static int index_slot(const struct bundle_file *from, struct slotindex *ret)
{
	uint32_t n = from->index.start[BUNDLE_IN_SLOT];
	_cleanup_free_ uint8_t *entries = malloc((size_t)n * BUNDLE_ENTRY_BYTES);
	_cleanup_free_ uint8_t *encoded = malloc(slotindex_bytes(n));
	uint64_t part_bytes[BUNDLE_IN_SLOT];

	if (!entries || !encoded)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		bundle_entry_encode(from->index.chunks[i].length, from->index.chunks[i].hash,
				    entries + (size_t)i * BUNDLE_ENTRY_BYTES);
	for (unsigned p = 0; p < BUNDLE_IN_SLOT; p++)
		part_bytes[p] = from->manifest.part[p].bytes;
	slotindex_encode(entries, n, part_bytes, encoded);
	return slotindex_decode(encoded + slotindex_bytes(n) - SLOTINDEX_FOOT_BYTES, encoded, ret);
}

int bundle_delta(const struct bundle_file *from, const struct bundle_file *to,
		 struct bundle_delta *ret)
{
	_cleanup_slotindex_ struct slotindex have = { .n_chunks = 0 };
	struct bundle_delta d = { .fetched_bytes = to->at.data };
	/* The selector is fetched as a whole or not at all. */
	bool same_selector = !memcmp(from->manifest.part[BUNDLE_SELECTOR].sha256,
				     to->manifest.part[BUNDLE_SELECTOR].sha256, 32);
	int r = index_slot(from, &have);

	if (r)
		return r;
	for (uint32_t i = 0; i < to->index.n_chunks; i++) {
		const struct bundle_chunk *c = &to->index.chunks[i];
		enum bundle_part part = bundle_part_of(&to->index, i);

		if (c->first != i)
			continue;
		if (slotindex_find(&have, c->hash, c->length) ||
		    (part == BUNDLE_SELECTOR && same_selector)) {
			d.reused_bytes += c->length;
			continue;
		}
		d.fetched_bytes += c->length;
		d.part_bytes[part] += c->length;
	}
	*ret = d;
	return 0;
}

void bundle_file_done(struct bundle_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	bundle_index_done(&f->index);
	*f = BUNDLE_FILE_INIT;
}

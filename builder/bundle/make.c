/*
 * See make.h. All parts are mapped, cut, and hashed; then the pieces are written in
 * the order of the file, each distinct chunk once.
 */
#include "builder/bundle/make.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "builder/bundle/cuts.h"
#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/core/bootstate.h"

/* The signature partition is mostly zeroes. */
#define SIG_PIECE_BYTES 4096u

struct part {
	uint8_t *data; /* mapped */
	uint64_t bytes;
	struct cuts cuts;
};

struct making {
	const struct make_options *o;
	struct part part[BUNDLE_PARTS];
	struct made_bundle made;
};

static void making_done(struct making *m)
{
	for (unsigned p = 0; p < BUNDLE_PARTS; p++) {
		if (m->part[p].data)
			munmap(m->part[p].data, m->part[p].bytes);
		cuts_done(&m->part[p].cuts);
	}
	made_bundle_done(&m->made);
}

static int map_part(struct making *m, enum bundle_part which, struct err *err)
{
	const char *path = m->o->part[which];
	struct part *p = &m->part[which];
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t bytes;
	void *data;
	int r = fd < 0 ? -errno : io_size(fd, &bytes);

	if (r)
		return err_errno(err, r, "%s", path);
	if (bytes == 0)
		return err_set(err, -EBADMSG, "%s is empty", path);
	if (which == BUNDLE_SELECTOR && bytes > BS_SELECTOR_MAX_BYTES)
		return err_set(err, -EFBIG,
			       "the selector %s has %" PRIu64 " bytes, and a machine keeps one of "
			       "at most %u",
			       path, bytes, BS_SELECTOR_MAX_BYTES);
	data = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return err_errno(err, -errno, "%s", path);
	p->data = data;
	p->bytes = bytes;
	m->made.manifest.part[which].bytes = bytes;
	digest_bytes(data, bytes, m->made.manifest.part[which].sha256);
	return 0;
}

static int cut_part(struct making *m, enum bundle_part which, struct err *err)
{
	struct part *p = &m->part[which];
	int r;

	if (which == BUNDLE_ROOT)
		r = cuts_squashfs(&p->cuts, p->data, p->bytes, err);
	else if (which == BUNDLE_SIG)
		r = cuts_plain(&p->cuts, p->bytes, SIG_PIECE_BYTES);
	else
		r = cuts_pe(&p->cuts, p->data, p->bytes, err);
	if (r == -ENOMEM)
		return err_oom(err);
	if (r)
		return err_add(err, r, "%s", m->o->part[which]);
	r = cuts_finish(&p->cuts, p->bytes, BUNDLE_CHUNK_MAX);
	return r ? err_oom(err) : 0;
}

/* A root of very many blocks is cut more coarsely, rather than not at all. */
static int count_chunks(struct making *m, struct err *err)
{
	for (uint32_t least = 1; least <= BUNDLE_CHUNK_MAX; least *= 2) {
		uint64_t n = 0;

		if (least > 1)
			cuts_thin(&m->part[BUNDLE_ROOT].cuts, least, BUNDLE_CHUNK_MAX);
		for (unsigned p = 0; p < BUNDLE_CARRIED; p++)
			n += m->part[p].cuts.n;
		if (n <= BUNDLE_CHUNKS_MAX) {
			m->made.n_chunks = (uint32_t)n;
			m->made.n_slot_chunks = (uint32_t)(n - m->part[BUNDLE_SELECTOR].cuts.n);
			return 0;
		}
	}
	return err_set(err, -EFBIG, "a root of %" PRIu64 " GiB is too large for a bundle",
		       m->part[BUNDLE_ROOT].bytes >> 30);
}

static int make_index(struct making *m, struct err *err)
{
	struct bundle_manifest *manifest = &m->made.manifest;
	uint8_t *e = calloc(m->made.n_chunks, BUNDLE_ENTRY_BYTES);

	m->made.entries = e;
	if (!e)
		return err_oom(err);
	for (unsigned p = 0; p < BUNDLE_CARRIED; p++) {
		const struct part *part = &m->part[p];
		uint64_t start = 0;

		for (size_t i = 0; i < part->cuts.n; i++, e += BUNDLE_ENTRY_BYTES) {
			uint32_t len = (uint32_t)(part->cuts.end[i] - start);
			uint8_t hash[BUNDLE_HASH_BYTES];

			bundle_hash(part->data + start, len, hash);
			bundle_entry_encode(len, hash, e);
			start += len;
		}
	}
	manifest->index.bytes = (uint64_t)m->made.n_chunks * BUNDLE_ENTRY_BYTES;
	digest_bytes(m->made.entries, manifest->index.bytes, manifest->index.sha256);
	if (bundle_distinct_bytes(m->made.entries, m->made.n_chunks, &manifest->data_bytes))
		return err_oom(err);
	return 0;
}

/* @len bytes, and zeroes up to the next whole block. */
static int write_padded(int fd, const void *data, uint64_t len)
{
	static const uint8_t zeroes[BUNDLE_BLOCK_BYTES];
	int r = io_write_all(fd, data, len);

	return r ? r : io_write_all(fd, zeroes, bundle_align(len) - len);
}

static int write_data(int fd, const struct making *m, const struct bundle_index *idx)
{
	static const uint8_t zeroes[BUNDLE_BLOCK_BYTES];
	uint64_t bytes = m->made.manifest.data_bytes;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < idx->n_chunks; i++) {
		const struct bundle_chunk *c = &idx->chunks[i];

		if (c->first == i)
			r = io_write_all(fd, m->part[bundle_part_of(idx, i)].data + c->part_offset,
					 c->length);
	}
	return r ? r : io_write_all(fd, zeroes, bundle_align(bytes) - bytes);
}

static int write_file(int fd, struct making *m, const struct bundle_index *idx, struct err *err)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	_cleanup_free_ uint8_t *der = NULL;
	uint8_t block[BUNDLE_BLOCK_BYTES];
	struct bundle_offsets at;
	struct bundle_head head;
	size_t der_len;
	int r = bundle_manifest_encode(&m->made.manifest, &text, err);

	if (r == 0)
		r = m->o->sign(m->o->arg, text.data, text.len, &der, &der_len, err);
	if (r)
		return r > 0 ? -EBADMSG : r;
	head.signature_bytes = (uint32_t)der_len;
	head.manifest_bytes = (uint32_t)text.len;
	digest_bytes(der, der_len, head.signature_sha256);
	bundle_head_encode(&head, block);
	at = bundle_offsets_of(&head);
	bundle_locate(&m->made.manifest, &at);
	r = io_write_all(fd, block, sizeof(block));
	if (r == 0)
		r = write_padded(fd, der, der_len);
	if (r == 0)
		r = write_padded(fd, text.data, text.len);
	if (r == 0)
		r = write_padded(fd, m->made.entries, m->made.manifest.index.bytes);
	if (r == 0)
		r = write_data(fd, m, idx);
	if (r)
		return err_errno(err, r, "%s", m->o->output);
	m->made.file_bytes = at.end;
	return 0;
}

/* The index is read back as a device will read it: what it says is where chunks go. */
static int write_bundle(struct making *m, struct err *err)
{
	_cleanup_bundle_index_ struct bundle_index idx = { .n_chunks = 0 };
	struct atomic_file out = ATOMIC_FILE_INIT;
	int r = bundle_index_decode(m->made.entries, &m->made.manifest, &idx, err);

	if (r)
		return r > 0 ? -EBADMSG : r;
	r = atomic_file_open(&out, m->o->output, 0644, err);
	if (r)
		return r;
	r = write_file(out.fd, m, &idx, err);
	if (r == 0)
		r = atomic_file_commit(&out, err);
	atomic_file_abort(&out);
	return r;
}

int bundle_make(const struct make_options *o, struct made_bundle *ret, struct err *err)
{
	struct making m = { .o = o, .made.manifest = o->manifest };
	int r = 0;

	for (unsigned p = 0; r == 0 && p < BUNDLE_PARTS; p++)
		r = map_part(&m, p, err);
	for (unsigned p = 0; r == 0 && p < BUNDLE_CARRIED; p++)
		r = cut_part(&m, p, err);
	if (r == 0)
		r = count_chunks(&m, err);
	if (r == 0)
		r = make_index(&m, err);
	if (r == 0)
		r = write_bundle(&m, err);
	if (r == 0) {
		*ret = m.made;
		m.made.entries = NULL;
	}
	making_done(&m);
	return r;
}

void made_bundle_done(struct made_bundle *m)
{
	free(m->entries);
	m->entries = NULL;
}

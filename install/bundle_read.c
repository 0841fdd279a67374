/* See bundle_read.h. */
#include "install/bundle_read.h"

#include <stdlib.h>

#include "install/source.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

/* Ask for one range and read it to its end. */
static int read_piece(struct source *s, uint64_t offset, void *data, size_t len, struct err *err)
{
	int r = source_request(s, offset, len, err);

	return r ? r : source_read(s, data, len, err);
}

int bundle_read_manifest(struct source *s, const char *trusted_pem, size_t trusted_len,
			 struct bundle_front *ret, struct err *err)
{
	uint8_t block[BUNDLE_BLOCK_BYTES];
	_cleanup_free_ uint8_t *der = NULL;
	_cleanup_free_ char *text = NULL;
	struct bundle_front front = { 0 };
	struct bundle_head head;
	int r = read_piece(s, 0, block, sizeof(block), err);

	if (r == 0)
		r = bundle_head_decode(block, &head, err);
	if (r)
		return r;
	front.offsets = bundle_offsets_of(&head);
	der = malloc(head.signature_bytes);
	text = malloc(head.manifest_bytes);
	if (!der || !text)
		return err_oom(err);
	r = read_piece(s, front.offsets.signature, der, head.signature_bytes, err);
	if (r == 0)
		r = read_piece(s, front.offsets.manifest, text, head.manifest_bytes, err);
	if (r == 0)
		r = bundle_manifest_open(der, head.signature_bytes, text, head.manifest_bytes,
					 trusted_pem, trusted_len, &front.manifest, err);
	if (r)
		return r;
	bundle_locate(&front.manifest, &front.offsets);
	*ret = front;
	return 0;
}

int bundle_read_index(struct source *s, struct bundle_front *front, struct err *err)
{
	size_t len = (size_t)front->manifest.index.bytes; /* capped by BUNDLE_INDEX_MAX */
	_cleanup_free_ uint8_t *entries = malloc(len ? len : 1);
	int r;

	if (!entries)
		return err_oom(err);
	r = read_piece(s, front->offsets.index, entries, len, err);
	if (r == 0)
		r = bundle_index_decode(entries, &front->manifest, &front->index, err);
	return r;
}

void bundle_front_done(struct bundle_front *front)
{
	bundle_index_done(&front->index);
}

/*
 * Makes a bundle for the cases in this folder, signed by a key that is made on the way.
 *
 *	bundle KEY-DIR FILE NAME VERSION ARCH EPOCH STATE-MIN STATE-MAX [SELECTOR]
 *
 * KEY-DIR gets key.pem and trusted.pem, unless they are there. SELECTOR is a file; without it the
 * selector is one that no machine can start.
 */
#include <fcntl.h>

#include "lib/base/atomic_file.h"
#include "lib/base/cleanup.h"
#include "lib/base/path.h"
#include "tests/slotctl/images.h"
#include "verity/keygen.h"

static struct err err;

static void must(int r)
{
	if (r)
		image_die(err.text);
}

static char *read_text(const char *dir, const char *name)
{
	_cleanup_free_ char *path = path_join(dir, name);
	char *text;

	return access(path, F_OK) == 0 && io_read_file(path, 65536, &text, NULL, &err) == 0 ? text : NULL;
}

static void write_text(const char *dir, const char *name, const char *text)
{
	_cleanup_free_ char *path = path_join(dir, name);

	must(atomic_file_write(path, text, strlen(text), 0600, &err));
}

static void get_key(const char *dir, char **ret_key, char **ret_cert)
{
	struct keygen_request rq = { .use = KEYGEN_CODE_SIGN, .common_name = "tests", .rsa_bits = 2048 };

	*ret_key = read_text(dir, "key.pem");
	*ret_cert = read_text(dir, "trusted.pem");
	if (*ret_key && *ret_cert)
		return;
	must(keygen_make(&rq, ret_key, ret_cert, &err));
	write_text(dir, "key.pem", *ret_key);
	write_text(dir, "trusted.pem", *ret_cert);
}

static void pad(struct buf *b)
{
	while (b->len % BUNDLE_BLOCK_BYTES)
		buf_addc(b, '\0');
}

static void take_selector(const char *path, struct image *img)
{
	struct bundle_piece *piece = &img->m.part[BUNDLE_SELECTOR];
	char *bytes;
	size_t len;

	must(io_read_file(path, SELECTOR_ROOM, &bytes, &len, &err));
	memcpy(img->selector, bytes, len);
	free(bytes);
	piece->bytes = len;
	digest_bytes(img->selector, len, piece->sha256);
}

int main(int argc, char **argv)
{
	static struct image img;
	struct buf entries = BUF_INIT, data = BUF_INIT, text = BUF_INIT, out = BUF_INIT;
	uint8_t block[BUNDLE_BLOCK_BYTES], *der;
	struct bundle_head head;
	char *key, *cert;
	size_t der_len;

	if (argc != 9 && argc != 10)
		image_die("bundle KEY-DIR FILE NAME VERSION ARCH EPOCH STATE-MIN STATE-MAX [SELECTOR]");
	get_key(argv[1], &key, &cert);
	image_make(argv[4], &img);
	if (argc == 10)
		take_selector(argv[9], &img);
	snprintf(img.m.name, sizeof(img.m.name), "%s", argv[3]);
	snprintf(img.m.arch, sizeof(img.m.arch), "%s", argv[5]);
	img.m.epoch = strtoull(argv[6], NULL, 10);
	img.m.state_min = (uint32_t)strtoul(argv[7], NULL, 10);
	img.m.state_max = (uint32_t)strtoul(argv[8], NULL, 10);
	image_cut(&img, BUNDLE_CARRIED, &entries, &data);
	img.m.data_bytes = data.len;
	img.m.index.bytes = entries.len;
	digest_bytes(entries.data, entries.len, img.m.index.sha256);
	must(bundle_manifest_encode(&img.m, &text, &err));
	must(cms_sign(cert, key, text.data, text.len, &der, &der_len, &err));
	head = (struct bundle_head){ .signature_bytes = (uint32_t)der_len,
				     .manifest_bytes = (uint32_t)text.len };
	digest_bytes(der, der_len, head.signature_sha256);
	bundle_head_encode(&head, block);
	buf_add(&out, block, sizeof(block));
	buf_add(&out, der, der_len);
	pad(&out);
	buf_add(&out, text.data, text.len);
	pad(&out);
	buf_add(&out, entries.data, entries.len);
	pad(&out);
	buf_add(&out, data.data, data.len);
	pad(&out);
	must(atomic_file_write(argv[2], out.data, out.len, 0644, &err));
	return 0;
}

/*
 * The signature of the root hash, checked before anything of the root is used. Each way to fail has
 * its own sentence, and all but a read error will fail in the same way next time.
 */
#include <errno.h>
#include <string.h>

#include "bootloader/initramfs/boot.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/core/bytes.h"
#include "verity/cms.h"
#include "verity/sigfile.h"

#define KEYS "/keys/image.pem"

static int read_partition(struct boot *b, uint8_t raw[SIGFILE_BYTES],
			  char node[RAWDISK_NAME_MAX], struct err *err)
{
	struct gpt_partition p;
	int r = boot_slot_partition(b, gpt_name_sig[b->slot], &p, node, err);

	if (r)
		return r;
	if (gpt_size_bytes(&b->disk.gpt, &p) < SIGFILE_BYTES)
		return boot_blame(b, BS_REASON_NO_PARTITION, HOPELESS,
				  err_set(err, -ENOSPC, "%s is too small for a signature", node));
	r = io_pread_all(b->disk.fd, raw, SIGFILE_BYTES, gpt_offset_bytes(&b->disk.gpt, &p));
	if (r)
		return boot_blame(b, BS_REASON_SIGNATURE, MAY_PASS,
				  err_errno(err, r, "the signature cannot be read from %s", node));
	return 0;
}

int step_signature(struct boot *b, struct err *err)
{
	static uint8_t raw[SIGFILE_BYTES];
	static struct sigfile sig;
	_cleanup_free_ char *keys = NULL;
	char node[RAWDISK_NAME_MAX];
	size_t keys_len;
	int r = read_partition(b, raw, node, err);

	if (r)
		return r;
	r = io_read_file(KEYS, CMS_PEM_MAX, &keys, &keys_len, err);
	if (r)
		return err_add(err, r, "the initramfs lacks the keys of the image's signers");
	if (bytes_are_zero(raw, sizeof(raw)))
		return err_set(err, -ENOKEY, "the root hash is not signed: %s is empty", node);
	r = sigfile_parse(raw, sizeof(raw), &sig, err);
	if (r)
		return err_add(err, r, "the signature in %s is damaged", node);
	if (memcmp(sig.root, b->params.verity.root_hash, sizeof(sig.root)))
		return err_set(err, -EKEYREJECTED,
			       "the signature in %s is of another root hash than the signed "
			       "command line names",
			       node);
	r = cms_verify(sig.der, sig.der_len, b->params.roothash, strlen(b->params.roothash), keys,
		       keys_len, err);
	if (r)
		return err_add(err, r > 0 ? -EKEYREJECTED : r,
			       "the signature in %s is refused", node);
	return 0;
}

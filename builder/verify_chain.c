/* See verify_chain.h. */
#include "builder/verify_chain.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/progress.h"
#include "lib/core/verity_table.h"
#include "verity/sigfile.h"
#include "verity/tree.h"

static int check_signature(const struct verify_chain *c, const struct verity_params *p,
			   const struct verify_trust *trust, struct sigfile *sig, struct err *err)
{
	char hex[DIGEST_HEX_SIZE];
	int r = sigfile_parse(c->sig, c->sig_len, sig, err);

	if (r)
		return err_add(err, VERIFY_REFUSED, "%s", c->what);
	if (memcmp(sig->root, p->root_hash, sizeof(sig->root)) != 0)
		return err_set(err, VERIFY_REFUSED,
			       "%s: the signature is for another root hash than the UKI names",
			       c->what);
	digest_hex(p->root_hash, sizeof(p->root_hash), hex);
	r = cms_verify(sig->der, sig->der_len, hex, 64, trust->pem, trust->len, err);
	if (r)
		return err_add(err, r > 0 ? VERIFY_REFUSED : r, "%s", c->what);
	return 0;
}

static int check_tree(const struct verify_chain *c, const struct verity_params *p, struct err *err)
{
	struct verity_options opts = { .data_start_bytes = c->root_start_bytes,
				       .hash_start_bytes = c->tree_start_bytes };
	uint64_t bytes = p->data_blocks * VERITY_BLOCK_BYTES;
	int r;

	opts.progress = progress_new("Verify", bytes, true);
	r = verity_tree_check(c->root_fd, bytes, c->tree_fd, p->salt, p->salt_bytes, p->root_hash,
			      &opts, err);
	progress_free(opts.progress);
	return r ? err_add(err, r > 0 ? VERIFY_REFUSED : r, "%s", c->what) : 0;
}

int verify_chain(const struct verify_chain *c, const struct verify_trust *trust,
		 struct sigfile *ret_sig, struct buf *report, struct err *err)
{
	struct verity_params p;
	char hex[DIGEST_HEX_SIZE];
	int r = verity_params_from_cmdline(c->cmdline, strlen(c->cmdline), &p);

	if (r == VERITY_OK)
		r = verity_params_fit(&p, c->root_bytes, c->tree_bytes);
	if (r != VERITY_OK)
		return err_set(err, VERIFY_REFUSED, "%s: the UKI's command line: %s", c->what,
			       verity_error_text(r));
	if (p.hash_start_block != VERITY_HASH_START_BLOCK)
		return err_set(err, VERIFY_REFUSED, "%s: the hash tree starts at block %" PRIu64,
			       c->what, p.hash_start_block);
	if (c->whole_file && p.data_blocks * VERITY_BLOCK_BYTES != c->root_bytes)
		return err_set(err, VERIFY_REFUSED,
			       "%s: the UKI covers %" PRIu64 " blocks, the root has %" PRIu64,
			       c->what, p.data_blocks, c->root_bytes / VERITY_BLOCK_BYTES);
	r = check_signature(c, &p, trust, ret_sig, err);
	if (r)
		return r;
	digest_hex(p.root_hash, sizeof(p.root_hash), hex);
	buf_addf(report, "ok  %-12s  root hash %s is signed and in the UKI\n", c->what, hex);
	r = check_tree(c, &p, err);
	if (r)
		return r;
	buf_addf(report, "ok  %-12s  %" PRIu64 " blocks match the root hash\n", c->what,
		 p.data_blocks);
	return 0;
}

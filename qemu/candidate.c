/* See candidate.h: making a version. Installing it is candidate_install.c. */
#include "qemu/candidate.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/path.h"
#include "lib/core/bytes.h"
#include "lib/core/cmdline.h"
#include "lib/core/verity_table.h"
#include "qemu/guestcode.h"
#include "qemu/rootedit.h"
#include "qemu/slotread.h"
#include "uki/cpio.h"
#include "uki/edit.h"
#include "verity/cms.h"
#include "verity/keygen.h"
#include "verity/tree.h"

#define KEY_BITS 2048
#define MODULES_LIST "modules.list" /* of the initramfs, uki/initramfs.h */
#define MODULES_LIST_MAX_BYTES (1u << 20)

/* One version in the making. */
struct maker {
	struct offdisk *d;
	const char *path; /* of the disk */
	unsigned from;
	const struct candidate_options *o;
	const char *work;
	struct slot_content base; /* of slot @from */
	struct verity_params verity; /* of our root */
	char *key, *cert; /* PEM, owned */
};

static void maker_done(struct maker *m)
{
	keygen_wipe(m->key);
	free(m->cert);
	slot_content_done(&m->base);
}

/* A scratch file that is gone when it is closed. */
static int scratch(const struct maker *m, const char *name, struct err *err)
{
	_cleanup_free_ char *path = path_join(m->work, name);
	int fd;

	if (!path)
		return err_oom(err);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, -errno, "%s", path);
	(void)unlink(path);
	return fd;
}

static int copy_root(struct maker *m, const struct gpt_partition *p, struct candidate *c,
		     struct err *err)
{
	_cleanup_close_ int disk = open(m->path, O_RDONLY | O_CLOEXEC);
	int r;

	c->root_bytes = m->base.verity.data_blocks * VERITY_BLOCK_BYTES;
	c->root_fd = scratch(m, "root", err);
	if (c->root_fd < 0)
		return c->root_fd;
	r = disk < 0 ? -errno
		     : io_copy_range(disk, gpt_offset_bytes(&m->d->gpt, p), c->root_fd, 0,
				     c->root_bytes);
	return r < 0 ? err_errno(err, r, "cannot copy the root") : 0;
}

static int edit_root(struct maker *m, const struct gpt_partition *p, struct candidate *c,
		     struct err *err)
{
	_cleanup_free_ char *whole = realpath(m->work, NULL);
	_cleanup_free_ char *output = whole ? path_join(whole, "root.squashfs") : NULL;
	int r;

	if (!output)
		return err_oom(err);
	r = rootedit(m->path, gpt_offset_bytes(&m->d->gpt, p), m->o->kind->edits,
		     m->o->kind->n_edits, m->work, output, gpt_size_bytes(&m->d->gpt, p), err);
	if (r < 0)
		return r;
	c->root_fd = open(output, O_RDWR | O_CLOEXEC);
	if (c->root_fd < 0)
		return err_errno(err, -errno, "%s", output);
	(void)unlink(output);
	r = io_size(c->root_fd, &c->root_bytes);
	return r < 0 ? err_errno(err, r, "%s", output) : 0;
}

static int make_root(struct maker *m, struct candidate *c, struct err *err)
{
	struct gpt_partition p;
	int r = gpt_find_name(&m->d->gpt, gpt_name_root[m->from], &p);

	if (r)
		return err_set(err, -ENOENT, "%s: %s", gpt_name_root[m->from], gpt_error_text(r));
	r = m->o->kind->n_edits ? edit_root(m, &p, c, err) : copy_root(m, &p, c, err);
	if (r < 0)
		return r;
	if (c->root_bytes < m->o->root_bytes)
		c->root_bytes = m->o->root_bytes;
	c->root_bytes = (c->root_bytes + VERITY_BLOCK_BYTES - 1) / VERITY_BLOCK_BYTES *
			VERITY_BLOCK_BYTES;
	if (c->root_bytes > gpt_size_bytes(&m->d->gpt, &p))
		return err_set(err, -ENOSPC, "the root of %" PRIu64 " bytes does not fit its slot",
			       c->root_bytes);
	if (ftruncate(c->root_fd, (off_t)c->root_bytes) < 0)
		return err_errno(err, -errno, "cannot fill up the root");
	return 0;
}

/* A salt of its own gives even an unchanged root a root hash of its own. */
static int hash_root(struct maker *m, struct candidate *c, struct err *err)
{
	static const uint8_t uuid[VERITY_UUID_BYTES];
	struct verity_layout layout;
	int r = verity_layout(c->root_bytes, &layout);

	if (r < 0)
		return err_errno(err, r, "the root");
	digest_bytes(c->image.version, strlen(c->image.version), m->verity.salt);
	m->verity.salt_bytes = DIGEST_BYTES;
	m->verity.data_blocks = layout.data_blocks;
	m->verity.hash_start_block = VERITY_HASH_START_BLOCK;
	c->verity_bytes = layout.hash_blocks * VERITY_BLOCK_BYTES;
	c->verity_fd = scratch(m, "verity", err);
	if (c->verity_fd < 0)
		return c->verity_fd;
	r = verity_tree_write(c->root_fd, c->root_bytes, m->verity.salt, m->verity.salt_bytes,
			      uuid, c->verity_fd, m->verity.root_hash, NULL, err);
	memcpy(c->image.root_hash, m->verity.root_hash, sizeof(c->image.root_hash));
	return r;
}

static int sign_root(struct maker *m, struct candidate *c, struct err *err)
{
	static const struct keygen_request request = { .use = KEYGEN_CODE_SIGN,
						       .common_name = "kiln boot lab",
						       .rsa_bits = KEY_BITS };
	_cleanup_free_ struct sigfile *sig = calloc(1, sizeof(*sig));
	_cleanup_free_ uint8_t *der = NULL;
	char hex[2 * VERITY_HASH_BYTES + 1];
	int r = sig ? keygen_make(&request, &m->key, &m->cert, err) : err_oom(err);

	if (r < 0)
		return r;
	bytes_to_hex(m->verity.root_hash, VERITY_HASH_BYTES, hex);
	r = cms_sign(m->cert, m->key, hex, strlen(hex), &der, &sig->der_len, err);
	if (r < 0)
		return r;
	if (sig->der_len > sizeof(sig->der))
		return err_set(err, -EFBIG, "the signature has %zu bytes", sig->der_len);
	memcpy(sig->root, m->verity.root_hash, sizeof(sig->root));
	memcpy(sig->der, der, sig->der_len);
	return sigfile_write(sig, c->sig, err);
}

static bool is_key(const struct cmdline_token *t, const char *key)
{
	return t->key_len == strlen(key) && !memcmp(t->key, key, t->key_len);
}

/* The image's own command line, with our version and our root in their places. */
static int make_cmdline(struct maker *m, const struct candidate *c, char **ret, struct err *err)
{
	const char *at = m->base.cmdline, *end = at + strlen(at), *start = at;
	char verity[VERITY_PARAM_TEXT_SIZE], hex[2 * VERITY_HASH_BYTES + 1];
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct cmdline_token t;
	int r = verity_params_format(&m->verity, verity, sizeof(verity));

	if (r)
		return err_set(err, -EINVAL, "%s", verity_error_text(r));
	bytes_to_hex(m->verity.root_hash, VERITY_HASH_BYTES, hex);
	for (; cmdline_next(&at, end, &t); start = at) {
		if (is_key(&t, "kiln.version"))
			buf_addf(&b, " kiln.version=%s", c->image.version);
		else if (is_key(&t, "kiln.roothash"))
			buf_addf(&b, " kiln.roothash=%s", hex);
		else if (is_key(&t, "kiln.verity"))
			buf_addf(&b, " kiln.verity=%s", verity);
		else
			buf_add(&b, start, (size_t)(at - start));
	}
	if (m->o->kind->cmdline)
		buf_addf(&b, " %s", m->o->kind->cmdline);
	*ret = buf_take(&b);
	if (!*ret)
		return err_oom(err);
	memmove(*ret, *ret + strspn(*ret, " "), strlen(*ret + strspn(*ret, " ")) + 1);
	return 0;
}

/* What lies in an archive behind the image's own wins over it. */
static int make_archive(const struct maker *m, struct buf *ret, struct err *err)
{
	const struct candidate_kind *kind = m->o->kind;
	_cleanup_free_ char *list = NULL;
	_cleanup_buf_ struct buf modules = BUF_INIT;
	struct cpio c = CPIO_INIT(ret, 0);
	int r = 0;

	if (kind->module)
		r = uki_initrd_file(m->base.uki, (size_t)m->base.image.uki_bytes, MODULES_LIST,
				    MODULES_LIST_MAX_BYTES, &list, err);
	if (r < 0)
		return r;

	if (!kind->other_key)
		cpio_file(&c, "keys/image.pem", 0644, m->cert, strlen(m->cert));
	if (kind->init_exits)
		cpio_file(&c, "init", 0755, guestcode_exits, guestcode_exits_len);
	if (kind->module) {
		buf_addf(&modules, "%s\n%s", kind->module, list);
		cpio_file(&c, MODULES_LIST, 0644, modules.data, modules.len);
	}
	cpio_end(&c);
	return buf_ok(ret) && buf_ok(&modules) ? 0 : err_oom(err);
}

static int make_uki(struct maker *m, struct candidate *c, struct err *err)
{
	_cleanup_buf_ struct buf archive = BUF_INIT;
	_cleanup_free_ char *cmdline = NULL, *hang = NULL;
	struct uki_edit edit = { 0 };
	int r = make_cmdline(m, c, &cmdline, err);

	r = r ?: make_archive(m, &archive, err);
	if (r < 0)
		return r;
	edit.cmdline = cmdline;
	edit.initrd = archive.data;
	edit.initrd_len = archive.len;
	if (m->o->kind->hangs) {
		r = guestcode_hang(&hang, &edit.kernel_len, err);
		edit.kernel = hang;
	}
	if (r == 0)
		r = uki_edit(m->base.uki, (size_t)m->base.image.uki_bytes, &edit, &c->uki, err);
	if (r < 0)
		return r;
	c->image.uki_bytes = c->uki.len;
	digest_bytes(c->uki.data, c->uki.len, c->image.uki_sha256);
	return 0;
}

static int name_it(const struct maker *m, struct candidate *c, struct err *err)
{
	const char *kind = m->o->kind->name;
	size_t room = sizeof(c->image.version) - strlen(kind) - 2;

	c->image = m->base.image;
	memset(c->image.version, 0, sizeof(c->image.version));
	if (m->o->version)
		snprintf(c->image.version, sizeof(c->image.version), "%s", m->o->version);
	else
		snprintf(c->image.version, sizeof(c->image.version), "%.*s+%s", (int)room,
			 m->base.image.version, kind);
	return version_valid(c->image.version, true)
		       ? 0
		       : err_set(err, -EINVAL, "'%s' is no version", c->image.version);
}

int candidate_make(struct offdisk *d, const char *path, unsigned from,
		   const struct candidate_options *options, const char *work,
		   struct candidate *ret, struct err *err)
{
	_cleanup_(maker_done) struct maker m = {
		.d = d, .path = path, .from = from, .o = options, .work = work,
	};
	static int (*const steps[])(struct maker *, struct candidate *, struct err *) = {
		make_root, hash_root, sign_root, make_uki,
	};
	int r;

	*ret = CANDIDATE_NONE;
	r = slot_content_read(d, from, &m.base, err);
	if (r == 0)
		r = name_it(&m, ret, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(steps); i++)
		r = steps[i](&m, ret, err);
	return r < 0 ? err_add(err, r, "version '%s'", options->kind->name) : 0;
}

static int take_parts(struct offdisk *d, const struct slot_content *content, struct candidate *c,
		      struct err *err)
{
	struct gpt_partition root, verity;
	struct verity_layout layout;
	int r = gpt_find_name(&d->gpt, gpt_name_root[0], &root);

	if (!r)
		r = gpt_find_name(&d->gpt, gpt_name_verity[0], &verity);
	if (r)
		return err_set(err, -ENOENT, "slot a: %s", gpt_error_text(r));
	c->image = content->image;
	buf_add(&c->uki, content->uki, (size_t)content->image.uki_bytes);
	if (!buf_ok(&c->uki))
		return err_oom(err);
	c->root_start_bytes = gpt_offset_bytes(&d->gpt, &root);
	c->verity_start_bytes = gpt_offset_bytes(&d->gpt, &verity);
	c->root_bytes = content->verity.data_blocks * VERITY_BLOCK_BYTES;
	r = verity_layout(c->root_bytes, &layout);
	c->verity_bytes = layout.hash_blocks * VERITY_BLOCK_BYTES;
	return r < 0 ? err_errno(err, r, "slot a") : 0;
}

int candidate_from_image(const char *path, struct candidate *ret, struct err *err)
{
	_cleanup_offdisk_ struct offdisk *d = offdisk_open(path, false, err);
	_cleanup_slot_content_ struct slot_content content = SLOT_CONTENT_NONE;
	_cleanup_blk_ struct blk *sig = NULL;
	int r = d ? slot_content_read(d, 0, &content, err) : -EINVAL;

	*ret = CANDIDATE_NONE;
	if (r == 0)
		r = offdisk_partition(d, gpt_name_sig[0], &sig, err);
	if (r == 0)
		r = take_parts(d, &content, ret, err);
	if (r < 0)
		return err_add(err, r, "%s", path);
	r = sig->size_bytes < sizeof(ret->sig) ? -ENODATA
					       : blk_read(sig, 0, ret->sig, sizeof(ret->sig));
	if (r < 0)
		return err_errno(err, r, "%s: the signature", path);
	ret->root_fd = open(path, O_RDONLY | O_CLOEXEC);
	ret->verity_fd = open(path, O_RDONLY | O_CLOEXEC);
	return ret->root_fd < 0 || ret->verity_fd < 0 ? err_errno(err, -errno, "%s", path) : 0;
}

void candidate_done(struct candidate *c)
{
	buf_done(&c->uki);
	if (c->root_fd >= 0)
		close(c->root_fd);
	if (c->verity_fd >= 0)
		close(c->verity_fd);
	c->root_fd = c->verity_fd = -1;
}

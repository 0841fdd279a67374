/*
 * Head and manifest of a bundle: see bundle.h.
 *
 * The manifest is parsed leniently in small steps and then encoded again: only
 * bytes that come out the same are taken, so that there is one text per meaning.
 */
#include "install/bundle.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/core/bootstate.h"
#include "lib/core/bytes.h"
#include "verity/sigfile.h"
#include "verity/tree.h"

_Static_assert(BUNDLE_MANIFEST_MAX <= CMS_CONTENT_MAX, "every manifest can be signed");

static const char *const part_name[BUNDLE_PARTS] = {
	[BUNDLE_UKI] = "uki",		  [BUNDLE_ROOT] = "root",     [BUNDLE_SIG] = "sig",
	[BUNDLE_SELECTOR] = "selector", [BUNDLE_VERITY] = "verity",
};

/* The order of the manifest's lines: the hash tree stands beside its root. */
static const enum bundle_part manifest_order[BUNDLE_PARTS] = {
	BUNDLE_UKI, BUNDLE_ROOT, BUNDLE_VERITY, BUNDLE_SIG, BUNDLE_SELECTOR,
};

const char *bundle_part_name(enum bundle_part part)
{
	return part_name[part];
}

static bool head_valid(const struct bundle_head *head)
{
	return head->signature_bytes && head->signature_bytes <= CMS_DER_MAX &&
	       head->manifest_bytes && head->manifest_bytes <= BUNDLE_MANIFEST_MAX;
}

int bundle_head_decode(const uint8_t block[BUNDLE_BLOCK_BYTES], struct bundle_head *ret,
		       struct err *err)
{
	struct bundle_head head;

	if (memcmp(block + BUNDLE_O_MAGIC, BUNDLE_MAGIC, 8))
		return err_set(err, BUNDLE_E_MAGIC, "this is not a bundle");
	if (le32_load(block + BUNDLE_O_FORMAT) != BUNDLE_FORMAT)
		return err_set(err, BUNDLE_E_FORMAT, "the bundle has format %u, known is %u",
			       le32_load(block + BUNDLE_O_FORMAT), BUNDLE_FORMAT);
	head.signature_bytes = le32_load(block + BUNDLE_O_SIGNATURE_BYTES);
	head.manifest_bytes = le32_load(block + BUNDLE_O_MANIFEST_BYTES);
	memcpy(head.signature_sha256, block + BUNDLE_O_SIGNATURE_SHA256,
	       sizeof(head.signature_sha256));
	if (!head_valid(&head) || !bytes_are_zero(block + BUNDLE_O_ZERO, 4) ||
	    !bytes_are_zero(block + BUNDLE_O_UNUSED, BUNDLE_BLOCK_BYTES - BUNDLE_O_UNUSED))
		return err_set(err, BUNDLE_E_DAMAGED, "the bundle's head is damaged");
	*ret = head;
	return 0;
}

void bundle_head_encode(const struct bundle_head *head, uint8_t block[BUNDLE_BLOCK_BYTES])
{
	assert(head_valid(head));
	memset(block, 0, BUNDLE_BLOCK_BYTES);
	memcpy(block + BUNDLE_O_MAGIC, BUNDLE_MAGIC, 8);
	le32_store(block + BUNDLE_O_FORMAT, BUNDLE_FORMAT);
	le32_store(block + BUNDLE_O_SIGNATURE_BYTES, head->signature_bytes);
	le32_store(block + BUNDLE_O_MANIFEST_BYTES, head->manifest_bytes);
	memcpy(block + BUNDLE_O_SIGNATURE_SHA256, head->signature_sha256,
	       sizeof(head->signature_sha256));
}

bool bundle_signature_check(const struct bundle_head *head, const uint8_t *der)
{
	uint8_t sha256[DIGEST_BYTES];

	digest_bytes(der, head->signature_bytes, sha256);
	return memcmp(sha256, head->signature_sha256, sizeof(sha256)) == 0;
}

struct bundle_offsets bundle_offsets_of(const struct bundle_head *head)
{
	struct bundle_offsets at = { .signature = BUNDLE_BLOCK_BYTES };

	at.manifest = at.signature + bundle_align(head->signature_bytes);
	at.index = at.manifest + bundle_align(head->manifest_bytes);
	return at;
}

void bundle_locate(const struct bundle_manifest *m, struct bundle_offsets *offsets)
{
	offsets->data = offsets->index + bundle_align(m->index.bytes);
	offsets->end = offsets->data + bundle_align(m->data_bytes);
}

/* ---- the manifest ---- */

static bool text_valid(const char *text, size_t size)
{
	return memchr(text, '\0', size) && version_valid(text, true);
}

static bool arch_valid(const char arch[BUNDLE_ARCH_SIZE])
{
	size_t len = strnlen(arch, BUNDLE_ARCH_SIZE);

	return len && len < BUNDLE_ARCH_SIZE &&
	       strspn(arch, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

/* Sizes that fit together; sums of what passes here do not overflow. */
static const char *wrong_sizes(const struct bundle_manifest *m)
{
	uint64_t carried = m->part[BUNDLE_UKI].bytes + m->part[BUNDLE_SIG].bytes +
			   m->part[BUNDLE_SELECTOR].bytes;
	struct verity_layout tree;

	if (!m->part[BUNDLE_UKI].bytes || m->part[BUNDLE_UKI].bytes > BUNDLE_UKI_MAX)
		return "the UKI's size";
	if (!m->part[BUNDLE_SIG].bytes || m->part[BUNDLE_SIG].bytes > SIGFILE_BYTES)
		return "the signature's size";
	if (!m->part[BUNDLE_SELECTOR].bytes ||
	    m->part[BUNDLE_SELECTOR].bytes > BS_SELECTOR_MAX_BYTES)
		return "the selector's size";
	if (verity_layout(m->part[BUNDLE_ROOT].bytes, &tree))
		return "the root's size";
	if (m->part[BUNDLE_VERITY].bytes != tree.hash_blocks * VERITY_BLOCK_BYTES)
		return "the hash tree's size";
	if (!m->index.bytes || m->index.bytes > BUNDLE_INDEX_MAX ||
	    m->index.bytes % BUNDLE_ENTRY_BYTES)
		return "the index's size";
	carried += m->part[BUNDLE_ROOT].bytes;
	return m->data_bytes && m->data_bytes <= carried ? NULL : "the data's size";
}

static const char *wrong_field(const struct bundle_manifest *m)
{
	if (!text_valid(m->name, sizeof(m->name)))
		return "NAME";
	if (!text_valid(m->version, sizeof(m->version)))
		return "VERSION";
	if (!arch_valid(m->arch))
		return "ARCH";
	if (m->state_min > m->state_max)
		return "STATE";
	if (m->salt_len > VERITY_SALT_MAX)
		return "SALT";
	if (!m->tries || m->tries > BS_TRIES_MAX)
		return "TRIES";
	return wrong_sizes(m);
}

static void add_hex(struct buf *text, const char *key, const uint8_t *bytes, size_t len)
{
	char hex[2 * VERITY_SALT_MAX + 1];

	bytes_to_hex(bytes, len, hex);
	buf_addf(text, "%s%s\n", key, hex);
}

static void add_piece(struct buf *text, const char *key, const struct bundle_piece *p)
{
	char bytes[21];

	u64_format(p->bytes, bytes);
	buf_addf(text, "%s%s ", key, bytes);
	add_hex(text, "", p->sha256, sizeof(p->sha256));
}

static void add_number(struct buf *text, const char *key, uint64_t v)
{
	char number[21];

	u64_format(v, number);
	buf_addf(text, "%s%s\n", key, number);
}

int bundle_manifest_encode(const struct bundle_manifest *m, struct buf *text, struct err *err)
{
	const char *wrong = wrong_field(m);

	if (wrong)
		return err_set(err, BUNDLE_E_FIELD, "the manifest makes no sense: %s", wrong);
	add_number(text, "KILN-BUNDLE=", BUNDLE_FORMAT);
	buf_addf(text, "NAME=%s\nVERSION=%s\nARCH=%s\n", m->name, m->version, m->arch);
	add_number(text, "EPOCH=", m->epoch);
	buf_addf(text, "STATE=%u-%u\n", m->state_min, m->state_max);
	add_hex(text, "ROOT-HASH=", m->root_hash, sizeof(m->root_hash));
	add_hex(text, "SALT=", m->salt, m->salt_len);
	add_hex(text, "UUID=", m->uuid, sizeof(m->uuid));
	add_number(text, "TRIES=", m->tries);
	add_piece(text, "INDEX=", &m->index);
	add_number(text, "DATA=", m->data_bytes);
	for (unsigned i = 0; i < BUNDLE_PARTS; i++) {
		buf_addf(text, "PART=%s ", part_name[manifest_order[i]]);
		add_piece(text, "", &m->part[manifest_order[i]]);
	}
	return buf_ok(text) ? 0 : err_oom(err);
}

/* Reads fields one after the other; once one is wrong the rest is not looked at. */
struct reader {
	const char *at, *end;
	bool bad;
};

static void expect(struct reader *r, const char *literal)
{
	size_t len = strlen(literal);

	if (r->bad || (size_t)(r->end - r->at) < len || memcmp(r->at, literal, len))
		r->bad = true;
	else
		r->at += len;
}

/* The text up to @stop, which is passed over. */
static const char *take_until(struct reader *r, char stop, size_t *ret_len)
{
	const char *start = r->at, *found;

	*ret_len = 0;
	found = r->bad ? NULL : memchr(start, stop, (size_t)(r->end - start));
	if (!found) {
		r->bad = true;
		return start;
	}
	*ret_len = (size_t)(found - start);
	r->at = found + 1;
	return start;
}

static void take_text(struct reader *r, const char *key, char *out, size_t size)
{
	const char *text;
	size_t len;

	expect(r, key);
	text = take_until(r, '\n', &len);
	if (r->bad || len >= size || memchr(text, '\0', len)) {
		r->bad = true;
		return;
	}
	memcpy(out, text, len);
	memset(out + len, 0, size - len);
}

static uint64_t take_number(struct reader *r, const char *key, char stop, uint64_t max)
{
	uint64_t v = 0;
	const char *text;
	size_t len;

	expect(r, key);
	text = take_until(r, stop, &len);
	if (r->bad || !u64_parse(text, len, &v) || v > max)
		r->bad = true;
	return v;
}

/* Hex of at most @max bytes; their number is the result. */
static size_t take_hex(struct reader *r, const char *key, uint8_t *out, size_t max)
{
	const char *text;
	size_t len;

	expect(r, key);
	text = take_until(r, '\n', &len);
	if (r->bad || len / 2 > max || !bytes_from_hex(text, len, out, len / 2)) {
		r->bad = true;
		return 0;
	}
	return len / 2;
}

static void take_hex_of(struct reader *r, const char *key, uint8_t *out, size_t len)
{
	if (take_hex(r, key, out, len) != len)
		r->bad = true;
}

static void take_piece(struct reader *r, const char *key, struct bundle_piece *out)
{
	out->bytes = take_number(r, key, ' ', UINT64_MAX);
	take_hex_of(r, "", out->sha256, sizeof(out->sha256));
}

static void take_all(struct reader *r, struct bundle_manifest *m)
{
	expect(r, "KILN-BUNDLE=1\n");
	take_text(r, "NAME=", m->name, sizeof(m->name));
	take_text(r, "VERSION=", m->version, sizeof(m->version));
	take_text(r, "ARCH=", m->arch, sizeof(m->arch));
	m->epoch = take_number(r, "EPOCH=", '\n', UINT64_MAX);
	m->state_min = (uint32_t)take_number(r, "STATE=", '-', UINT32_MAX);
	m->state_max = (uint32_t)take_number(r, "", '\n', UINT32_MAX);
	take_hex_of(r, "ROOT-HASH=", m->root_hash, sizeof(m->root_hash));
	m->salt_len = take_hex(r, "SALT=", m->salt, sizeof(m->salt));
	take_hex_of(r, "UUID=", m->uuid, sizeof(m->uuid));
	m->tries = (uint32_t)take_number(r, "TRIES=", '\n', UINT32_MAX);
	take_piece(r, "INDEX=", &m->index);
	m->data_bytes = take_number(r, "DATA=", '\n', UINT64_MAX);
	for (unsigned i = 0; i < BUNDLE_PARTS; i++) {
		expect(r, "PART=");
		expect(r, part_name[manifest_order[i]]);
		take_piece(r, " ", &m->part[manifest_order[i]]);
	}
}

int bundle_manifest_parse(const char *text, size_t len, struct bundle_manifest *ret,
			  struct err *err)
{
	_cleanup_buf_ struct buf again = BUF_INIT;
	struct reader r = { .at = text, .end = text + len };
	struct bundle_manifest m = { .epoch = 0 };
	int rc;

	take_all(&r, &m);
	if (r.bad)
		return err_set(err, BUNDLE_E_FIELD, "the bundle's manifest has an unknown shape");
	rc = bundle_manifest_encode(&m, &again, err);
	if (rc)
		return rc;
	if (again.len != len || memcmp(again.data, text, len))
		return err_set(err, BUNDLE_E_FIELD, "the bundle's manifest is spelt unusually");
	*ret = m;
	return 0;
}

int bundle_manifest_open(const uint8_t *der, size_t der_len, const char *text, size_t len,
			 const char *trusted_pem, size_t trusted_len, struct bundle_manifest *ret,
			 struct err *err)
{
	int r = cms_verify(der, der_len, text, len, trusted_pem, trusted_len, err);

	if (r == CMS_REFUSED)
		return err_add(err, BUNDLE_E_SIGNATURE, "the bundle's signature");
	return r ? r : bundle_manifest_parse(text, len, ret, err);
}

const char *bundle_error_name(int error)
{
	switch ((enum bundle_error)error) {
	case BUNDLE_OK:
		return "none";
	case BUNDLE_E_MAGIC:
		return "no-bundle";
	case BUNDLE_E_FORMAT:
		return "newer-format";
	case BUNDLE_E_SIGNATURE:
		return "signature";
	case BUNDLE_E_DAMAGED:
		return "damaged";
	case BUNDLE_E_FIELD:
		return "nonsense";
	}
	return "unknown";
}

const char *bundle_error_text(int error)
{
	switch ((enum bundle_error)error) {
	case BUNDLE_OK:
		return "no error";
	case BUNDLE_E_MAGIC:
		return "this is not a bundle";
	case BUNDLE_E_FORMAT:
		return "the bundle was made by a newer kiln";
	case BUNDLE_E_SIGNATURE:
		return "the bundle is not signed by a trusted key";
	case BUNDLE_E_DAMAGED:
		return "the bundle is damaged";
	case BUNDLE_E_FIELD:
		return "the bundle makes no sense";
	}
	return "unknown error";
}

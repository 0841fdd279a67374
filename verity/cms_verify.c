/*
 * Verifying a detached CMS signature against pinned certificates. Linked into
 * early init, so it stays apart from signing and needs libcrypto only.
 *
 * libcrypto checks the mathematics; what kind of message and which signer we
 * accept is decided here, before any of it is believed.
 */
#include "verity/cms.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"

#define RSA_BITS_MIN 2048
#define EC_BITS_MIN 256
#define CHAIN_DEPTH_MAX 4

static void bio_freep(BIO **b)
{
	BIO_free(*b);
}

static void cms_freep(CMS_ContentInfo **c)
{
	CMS_ContentInfo_free(*c);
}

static void certs_freep(STACK_OF(X509) **s)
{
	sk_X509_pop_free(*s, X509_free);
}

/* All certificates of a PEM text; refuses an empty set and too many. */
static int read_trusted(const char *pem, size_t len, STACK_OF(X509) **ret_certs, struct err *err)
{
	_cleanup_(certs_freep) STACK_OF(X509) *certs = sk_X509_new_null();
	_cleanup_(bio_freep) BIO *bio = NULL;

	if (len > CMS_PEM_MAX)
		return err_set(err, -EINVAL, "the trusted certificates are larger than %u bytes",
			       CMS_PEM_MAX);
	bio = BIO_new_mem_buf(pem, (int)len);
	if (!bio || !certs)
		return err_oom(err);
	for (;;) {
		X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);

		if (!cert)
			break;
		if (sk_X509_num(certs) == (int)CMS_TRUSTED_MAX || !sk_X509_push(certs, cert)) {
			X509_free(cert);
			return err_set(err, -EINVAL, "more than %u trusted certificates",
				       CMS_TRUSTED_MAX);
		}
	}
	/* Only "no further PEM block" may end the list: a damaged certificate is not skipped. */
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE ||
	    sk_X509_num(certs) == 0) {
		ERR_clear_error();
		return err_set(err, -EINVAL, "the trusted certificates cannot be read as PEM");
	}
	ERR_clear_error();
	*ret_certs = TAKE_PTR(certs);
	return 0;
}

/* Parse @der and refuse every shape but the one in the header. */
static int parse_cms(const uint8_t *der, size_t len, CMS_ContentInfo **ret_cms, struct err *err)
{
	_cleanup_(cms_freep) CMS_ContentInfo *cms = NULL;
	const uint8_t *end = der;
	ASN1_OCTET_STRING **content;

	if (len == 0 || len > CMS_DER_MAX)
		return err_set(err, CMS_REFUSED, "the signature has %zu bytes, not 1 to %u", len,
			       CMS_DER_MAX);
	cms = d2i_CMS_ContentInfo(NULL, &end, (long)len);
	ERR_clear_error();
	if (!cms)
		return err_set(err, CMS_REFUSED, "the signature is not CMS in DER");
	if (end != der + len)
		return err_set(err, CMS_REFUSED, "%zu bytes follow the signature",
			       len - (size_t)(end - der));
	if (OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed)
		return err_set(err, CMS_REFUSED, "the CMS message is not signedData");
	content = CMS_get0_content(cms);
	if (!content || *content || OBJ_obj2nid(CMS_get0_eContentType(cms)) != NID_pkcs7_data)
		return err_set(err, CMS_REFUSED, "the signature is not detached");
	*ret_cms = TAKE_PTR(cms);
	return 0;
}

static bool digest_is_strong(const X509_ALGOR *algorithm)
{
	const ASN1_OBJECT *oid;

	X509_ALGOR_get0(&oid, NULL, NULL, algorithm);
	switch (OBJ_obj2nid(oid)) {
	case NID_sha256:
	case NID_sha384:
	case NID_sha512:
		return true;
	default:
		return false;
	}
}

static bool key_is_strong(X509 *cert)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);

	switch (key ? EVP_PKEY_base_id(key) : EVP_PKEY_NONE) {
	case EVP_PKEY_RSA:
		return EVP_PKEY_bits(key) >= RSA_BITS_MIN;
	case EVP_PKEY_EC:
		return EVP_PKEY_bits(key) >= EC_BITS_MIN;
	default:
		return false;
	}
}

/* The only signer, with acceptable algorithms; its certificate comes from @cms or @trusted. */
static int find_signer(CMS_ContentInfo *cms, STACK_OF(X509) *trusted, X509 **ret_cert,
		       struct err *err)
{
	STACK_OF(CMS_SignerInfo) *infos = CMS_get0_SignerInfos(cms);
	CMS_SignerInfo *si;
	X509_ALGOR *digest;
	X509 *cert = NULL;

	if (sk_CMS_SignerInfo_num(infos) != 1)
		return err_set(err, CMS_REFUSED, "the signature has %d signers, not one",
			       sk_CMS_SignerInfo_num(infos));
	si = sk_CMS_SignerInfo_value(infos, 0);
	if (CMS_signed_get_attr_count(si) >= 0)
		return err_set(err, CMS_REFUSED, "the signature has signed attributes");
	CMS_set1_signers_certs(cms, trusted, 0);
	ERR_clear_error();
	CMS_SignerInfo_get0_algs(si, NULL, &cert, &digest, NULL);
	if (!cert)
		return err_set(err, CMS_REFUSED,
			       "the signer's certificate is neither included nor trusted");
	if (!digest_is_strong(digest))
		return err_set(err, CMS_REFUSED,
			       "the signature's digest is not SHA-256, 384 or 512");
	if (!key_is_strong(cert))
		return err_set(err, CMS_REFUSED,
			       "the signer's key is neither RSA of %d bits nor EC of %d",
			       RSA_BITS_MIN, EC_BITS_MIN);
	*ret_cert = cert;
	return 0;
}

/* A certificate that is not pinned itself must say that it signs code, and be no CA. */
static bool may_sign_code(X509 *cert)
{
	uint32_t flags = X509_get_extension_flags(cert);

	return !(flags & (EXFLAG_CA | EXFLAG_INVALID)) && (flags & EXFLAG_XKUSAGE) &&
	       (X509_get_extended_key_usage(cert) & XKU_CODE_SIGN) &&
	       (X509_get_key_usage(cert) & KU_DIGITAL_SIGNATURE);
}

static int chain_to_trusted(X509 *cert, STACK_OF(X509) *included, STACK_OF(X509) *trusted,
			    struct err *err)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int r = 0;

	for (int i = 0; store && i < sk_X509_num(trusted); i++)
		X509_STORE_add_cert(store, sk_X509_value(trusted, i));
	if (!store || !ctx || X509_STORE_CTX_init(ctx, store, cert, included) != 1) {
		r = err_oom(err);
		goto out;
	}
	/* A pinned certificate need not be a self-signed root; the clock decides nothing. */
	X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME);
	X509_STORE_CTX_set_depth(ctx, CHAIN_DEPTH_MAX);
	if (X509_verify_cert(ctx) != 1)
		r = err_set(err, CMS_REFUSED, "the signer is not trusted: %s",
			    X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
out:
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	ERR_clear_error();
	return r;
}

static int check_trust(CMS_ContentInfo *cms, X509 *cert, STACK_OF(X509) *trusted, struct err *err)
{
	_cleanup_(certs_freep) STACK_OF(X509) *included = NULL;

	for (int i = 0; i < sk_X509_num(trusted); i++)
		if (X509_cmp(cert, sk_X509_value(trusted, i)) == 0)
			return 0;
	if (!may_sign_code(cert))
		return err_set(
			err, CMS_REFUSED,
			"the signer's certificate is not pinned and not made for code signing");
	included = CMS_get1_certs(cms);
	return chain_to_trusted(cert, included, trusted, err);
}

/*
 * libcrypto tells many a failed allocation as a fault of the message. Its allocations are watched,
 * so that lack of memory is never taken for a forgery.
 */
static _Thread_local bool starved;

static void *watched_malloc(size_t n, const char *file, int line)
{
	void *p = malloc(n);

	(void)file;
	(void)line;
	starved |= !p && n;
	return p;
}

static void *watched_realloc(void *old, size_t n, const char *file, int line)
{
	void *p = realloc(old, n);

	(void)file;
	(void)line;
	starved |= !p && n;
	return p;
}

static void watched_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

static int verify(const uint8_t *der, size_t der_len, const void *content, size_t content_len,
		  const char *trusted_pem, size_t trusted_len, struct err *err)
{
	_cleanup_(certs_freep) STACK_OF(X509) *trusted = NULL;
	_cleanup_(cms_freep) CMS_ContentInfo *cms = NULL;
	_cleanup_(bio_freep) BIO *bio = NULL;
	X509 *cert;
	int r;

	ERR_clear_error();
	r = read_trusted(trusted_pem, trusted_len, &trusted, err);
	if (r)
		return r;
	r = parse_cms(der, der_len, &cms, err);
	if (r)
		return r;
	r = find_signer(cms, trusted, &cert, err);
	if (r)
		return r;
	r = check_trust(cms, cert, trusted, err);
	if (r)
		return r;
	bio = BIO_new_mem_buf(content, (int)content_len);
	if (!bio)
		return err_oom(err);
	/* Whom to trust was decided above; what is left is the signature itself. */
	if (CMS_verify(cms, NULL, NULL, bio, NULL,
		       CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY | CMS_DETACHED) != 1)
		r = err_set(err, CMS_REFUSED, "the signature does not match");
	ERR_clear_error();
	return r;
}

int cms_verify(const uint8_t *der, size_t der_len, const void *content, size_t content_len,
	       const char *trusted_pem, size_t trusted_len, struct err *err)
{
	int r;

	if (content_len > CMS_CONTENT_MAX)
		return err_set(err, -EINVAL, "the signed content is larger than %u bytes",
			       CMS_CONTENT_MAX);
	/* Refused in a program that has used libcrypto before; early init has not. */
	CRYPTO_set_mem_functions(watched_malloc, watched_realloc, watched_free);
	starved = false;
	r = verify(der, der_len, content, content_len, trusted_pem, trusted_len, err);
	return r && starved ? err_oom(err) : r;
}

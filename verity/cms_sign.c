/*
 * Making a detached CMS signature: see cms.h for the shape. Host side only.
 */
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "verity/cms.h"

static void bio_freep(BIO **b)
{
	BIO_free(*b);
}

static void cms_freep(CMS_ContentInfo **c)
{
	CMS_ContentInfo_free(*c);
}

static void x509_freep(X509 **x)
{
	X509_free(*x);
}

static void pkey_freep(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}

static void certs_freep(STACK_OF(X509) **s)
{
	sk_X509_pop_free(*s, X509_free);
}

/* Keep the library's reason: a signing failure is the operator's to understand. */
static int fail(struct err *err, int rc, const char *what)
{
	char reason[256];

	ERR_error_string_n(ERR_peek_last_error(), reason, sizeof(reason));
	ERR_clear_error();
	return err_set(err, rc, "%s (%s)", what, reason);
}

static X509 *first_cert(BIO *pem)
{
	return PEM_read_bio_X509(pem, NULL, NULL, NULL);
}

/* An encrypted key must not make libcrypto ask on the terminal. */
static int no_password(char *buf, int size, int rwflag, void *arg)
{
	(void)buf, (void)size, (void)rwflag, (void)arg;
	return -1;
}

static int make_signature(X509 *cert, EVP_PKEY *key, STACK_OF(X509) *chain, const void *content,
			  size_t content_len, CMS_ContentInfo **ret_cms, struct err *err)
{
	const unsigned flags = CMS_BINARY | CMS_DETACHED | CMS_NOSMIMECAP | CMS_NOATTR;
	_cleanup_(cms_freep) CMS_ContentInfo *cms = NULL;
	_cleanup_(bio_freep) BIO *data = BIO_new_mem_buf(content, (int)content_len);

	if (!data)
		return err_oom(err);
	cms = CMS_sign(NULL, NULL, chain, NULL, flags | CMS_PARTIAL);
	if (!cms || !CMS_add1_signer(cms, cert, key, EVP_sha256(), flags) ||
	    CMS_final(cms, data, NULL, flags) != 1)
		return fail(err, -EINVAL, "cannot sign");
	*ret_cms = TAKE_PTR(cms);
	return 0;
}

static int to_der(CMS_ContentInfo *cms, uint8_t **ret_der, size_t *ret_len, struct err *err)
{
	uint8_t *tmp = NULL, *der;
	int len = i2d_CMS_ContentInfo(cms, &tmp);

	if (len <= 0)
		return fail(err, -EINVAL, "cannot encode the signature");
	if ((size_t)len > CMS_DER_MAX) {
		OPENSSL_free(tmp);
		return err_set(err, -EFBIG, "the signature has %d bytes, more than %u", len,
			       CMS_DER_MAX);
	}
	der = malloc((size_t)len); /* the caller frees with free() */
	if (der)
		memcpy(der, tmp, (size_t)len);
	OPENSSL_free(tmp);
	if (!der)
		return err_oom(err);
	*ret_der = der;
	*ret_len = (size_t)len;
	return 0;
}

int cms_sign(const char *cert_pem, const char *key_pem, const void *content, size_t content_len,
	     uint8_t **ret_der, size_t *ret_der_len, struct err *err)
{
	_cleanup_(bio_freep) BIO *cert_bio = BIO_new_mem_buf(cert_pem, -1);
	_cleanup_(bio_freep) BIO *key_bio = BIO_new_mem_buf(key_pem, -1);
	_cleanup_(certs_freep) STACK_OF(X509) *chain = sk_X509_new_null();
	_cleanup_(cms_freep) CMS_ContentInfo *cms = NULL;
	_cleanup_(pkey_freep) EVP_PKEY *key = NULL;
	_cleanup_(x509_freep) X509 *cert = NULL;
	X509 *more;
	int r;

	ERR_clear_error();
	if (!cert_bio || !key_bio || !chain)
		return err_oom(err);
	if (content_len > CMS_CONTENT_MAX)
		return err_set(err, -EINVAL, "more than %u bytes to sign", CMS_CONTENT_MAX);
	cert = first_cert(cert_bio);
	if (!cert)
		return fail(err, -EINVAL, "the signing certificate cannot be read as PEM");
	while ((more = first_cert(cert_bio)))
		if (!sk_X509_push(chain, more)) {
			X509_free(more);
			return err_oom(err);
		}
	ERR_clear_error();
	key = PEM_read_bio_PrivateKey(key_bio, NULL, no_password, NULL);
	if (!key)
		return fail(err, -EINVAL, "the signing key cannot be read as unencrypted PEM");
	if (X509_check_private_key(cert, key) != 1)
		return fail(err, -EINVAL, "the signing key does not belong to the certificate");
	r = make_signature(cert, key, chain, content, content_len, &cms, err);
	return r ? r : to_der(cms, ret_der, ret_der_len, err);
}

int cms_fingerprint(const char *cert_pem, size_t len, uint8_t ret_sha256[32], struct err *err)
{
	_cleanup_(bio_freep) BIO *bio = NULL;
	_cleanup_(x509_freep) X509 *cert = NULL;

	if (len > CMS_PEM_MAX)
		return err_set(err, -EINVAL, "the certificate is larger than %u bytes",
			       CMS_PEM_MAX);
	bio = BIO_new_mem_buf(cert_pem, (int)len);
	if (!bio)
		return err_oom(err);
	cert = first_cert(bio);
	if (!cert)
		return fail(err, -EINVAL, "the certificate cannot be read as PEM");
	if (X509_digest(cert, EVP_sha256(), ret_sha256, NULL) != 1)
		return fail(err, -EINVAL, "the certificate cannot be hashed");
	return 0;
}

/* Making keys and certificates: see keygen.h. Host side only. */
#include "verity/keygen.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"

/* Firmware reads two-digit years, so the end stays below 2050. */
#define NOT_BEFORE "20200101000000Z"
#define NOT_AFTER "20491231235959Z"

static void bio_freep(BIO **b)
{
	BIO_free_all(*b);
}

static void x509_freep(X509 **x)
{
	X509_free(*x);
}

static void pkey_freep(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}

static int fail(struct err *err, const char *what)
{
	char reason[256];

	ERR_error_string_n(ERR_peek_last_error(), reason, sizeof(reason));
	ERR_clear_error();
	return err_set(err, -EINVAL, "%s (%s)", what, reason);
}

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;
	bool ok;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = ext && X509_add_ext(cert, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok;
}

static bool add_extensions(X509 *cert, X509 *issuer, enum keygen_use use)
{
	bool ca = use == KEYGEN_ROOT;

	if (!add_extension(cert, issuer, NID_basic_constraints,
			   ca ? "critical,CA:TRUE,pathlen:1" : "critical,CA:FALSE") ||
	    !add_extension(cert, issuer, NID_key_usage,
			   ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature") ||
	    !add_extension(cert, issuer, NID_subject_key_identifier, "hash"))
		return false;
	if (use == KEYGEN_CODE_SIGN &&
	    !add_extension(cert, issuer, NID_ext_key_usage, "codeSigning"))
		return false;
	return issuer == cert || add_extension(cert, issuer, NID_authority_key_identifier, "keyid");
}

static bool set_serial(X509 *cert)
{
	unsigned char bytes[16];
	BIGNUM *bn;
	bool ok;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40); /* positive, and always 16 bytes */
	bn = BN_bin2bn(bytes, sizeof(bytes), NULL);
	ok = bn && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert));
	BN_free(bn);
	return ok;
}

static bool set_names(X509 *cert, X509 *issuer, const char *common_name)
{
	X509_NAME *name = X509_get_subject_name(cert);

	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
					  (const unsigned char *)common_name, -1, -1, 0) == 1 &&
	       X509_set_issuer_name(cert, X509_get_subject_name(issuer)) == 1;
}

static bool fill_cert(X509 *cert, X509 *issuer, EVP_PKEY *key, const struct keygen_request *req)
{
	return X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
	       ASN1_TIME_set_string_X509(X509_getm_notBefore(cert), NOT_BEFORE) == 1 &&
	       ASN1_TIME_set_string_X509(X509_getm_notAfter(cert), NOT_AFTER) == 1 &&
	       X509_set_pubkey(cert, key) == 1 && set_names(cert, issuer, req->common_name) &&
	       add_extensions(cert, issuer, req->use);
}

static char *bio_text(BIO *bio)
{
	char *data, *text;
	long len = BIO_get_mem_data(bio, &data);

	text = malloc((size_t)len + 1);
	if (text) {
		memcpy(text, data, (size_t)len);
		text[len] = '\0';
	}
	return text;
}

static int to_pem(EVP_PKEY *key, X509 *cert, char **ret_key_pem, char **ret_cert_pem,
		  struct err *err)
{
	/* BIO_s_secmem() wipes what it held when it is freed. */
	_cleanup_(bio_freep) BIO *key_bio = BIO_new(BIO_s_secmem());
	_cleanup_(bio_freep) BIO *cert_bio = BIO_new(BIO_s_mem());
	char *key_pem, *cert_pem;

	if (!key_bio || !cert_bio)
		return err_oom(err);
	if (PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) != 1 ||
	    PEM_write_bio_X509(cert_bio, cert) != 1)
		return fail(err, "cannot encode the new key");
	key_pem = bio_text(key_bio);
	cert_pem = bio_text(cert_bio);
	if (!key_pem || !cert_pem) {
		keygen_wipe(key_pem);
		free(cert_pem);
		return err_oom(err);
	}
	*ret_key_pem = key_pem;
	*ret_cert_pem = cert_pem;
	return 0;
}

static int read_issuer(const struct keygen_request *req, X509 **ret_cert, EVP_PKEY **ret_key,
		       struct err *err)
{
	_cleanup_(bio_freep) BIO *cert_bio = BIO_new_mem_buf(req->issuer_cert_pem, -1);
	_cleanup_(bio_freep) BIO *key_bio = BIO_new_mem_buf(req->issuer_key_pem, -1);
	_cleanup_(x509_freep) X509 *cert = NULL;
	_cleanup_(pkey_freep) EVP_PKEY *key = NULL;
	char no_password[] = ""; /* never ask on the terminal */

	if (!cert_bio || !key_bio)
		return err_oom(err);
	cert = PEM_read_bio_X509(cert_bio, NULL, NULL, NULL);
	key = PEM_read_bio_PrivateKey(key_bio, NULL, NULL, no_password);
	if (!cert || !key || X509_check_private_key(cert, key) != 1)
		return fail(err, "the issuer's key and certificate cannot be used");
	*ret_cert = TAKE_PTR(cert);
	*ret_key = TAKE_PTR(key);
	return 0;
}

int keygen_make(const struct keygen_request *req, char **ret_key_pem, char **ret_cert_pem,
		struct err *err)
{
	_cleanup_(pkey_freep) EVP_PKEY *key = NULL, *issuer_key = NULL;
	_cleanup_(x509_freep) X509 *cert = X509_new(), *issuer = NULL;
	int r;

	ERR_clear_error();
	if (!cert)
		return err_oom(err);
	if (req->rsa_bits < 2048 || req->rsa_bits > 4096)
		return err_set(err, -EINVAL, "an RSA key of %u bits is not made here",
			       req->rsa_bits);
	if (req->issuer_cert_pem) {
		r = read_issuer(req, &issuer, &issuer_key, err);
		if (r)
			return r;
	}
	key = EVP_RSA_gen(req->rsa_bits);
	if (!key)
		return fail(err, "cannot generate an RSA key");
	if (!fill_cert(cert, issuer ? issuer : cert, key, req) ||
	    X509_sign(cert, issuer ? issuer_key : key, EVP_sha256()) == 0)
		return fail(err, "cannot make the certificate");
	return to_pem(key, cert, ret_key_pem, ret_cert_pem, err);
}

char *keygen_wipe(char *key_pem)
{
	if (key_pem)
		explicit_bzero(key_pem, strlen(key_pem));
	free(key_pem);
	return NULL;
}

/* Who is believed and who is not: the whole policy of cms_verify() as a table of messages. */
#include "verity/cms.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "verity/keygen.h"

static const char content[] = "78ee4f72233c8433f2ec9b398a8e36753aa57652c229df497a40bba916d568c8";
#define LEN 64

/* Made once: a root, two leaves below it (one for code signing, one not), and a stranger. */
static struct pair {
	char *key, *cert;
} root, leaf, plain, stranger;
static struct err err;

static void make(struct pair *p, enum keygen_use use, const char *name, const struct pair *issuer)
{
	struct keygen_request req = { .use = use, .common_name = name, .rsa_bits = 2048 };

	if (issuer) {
		req.issuer_cert_pem = issuer->cert;
		req.issuer_key_pem = issuer->key;
	}
	if (keygen_make(&req, &p->key, &p->cert, &err))
		fail_msg("%s", err.text);
}

static int setup(void **state)
{
	(void)state;
	make(&root, KEYGEN_ROOT, "test root", NULL);
	make(&leaf, KEYGEN_CODE_SIGN, "test leaf", &root);
	make(&plain, KEYGEN_SECURE_BOOT, "test plain", &root);
	make(&stranger, KEYGEN_CODE_SIGN, "test leaf", NULL);
	return 0;
}

static int teardown(void **state)
{
	struct pair *all[] = { &root, &leaf, &plain, &stranger };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		all[i]->key = keygen_wipe(all[i]->key);
		free(all[i]->cert);
	}
	return 0;
}

static int verify(const uint8_t *der, size_t len, const char *trusted)
{
	err_init(&err);
	return cms_verify(der, len, content, LEN, trusted, strlen(trusted), &err);
}

static void refused(const uint8_t *der, size_t len, const char *trusted, const char *why)
{
	assert_int_equal(verify(der, len, trusted), CMS_REFUSED);
	if (!strstr(err.text, why))
		fail_msg("'%s' does not say '%s'", err.text, why);
}

static uint8_t *sign(const struct pair *p, size_t *ret_len)
{
	uint8_t *der;

	if (cms_sign(p->cert, p->key, content, LEN, &der, ret_len, &err))
		fail_msg("%s", err.text);
	return der;
}

static void a_pinned_signer_is_accepted_directly_or_below_its_ca(void **state)
{
	_cleanup_free_ uint8_t *der = NULL, *again = NULL, *other = NULL;
	_cleanup_free_ char *both = str_printf("%s%s", stranger.cert, root.cert);
	size_t len, again_len, other_len;

	(void)state;
	der = sign(&leaf, &len);
	again = sign(&leaf, &again_len);
	assert_int_equal(len, again_len);
	assert_memory_equal(der, again, len); /* deterministic */
	assert_int_equal(verify(der, len, leaf.cert), 0);
	assert_int_equal(verify(der, len, root.cert), 0);
	assert_int_equal(verify(der, len, both), 0);
	other = sign(&plain, &other_len);
	assert_int_equal(verify(other, other_len, plain.cert), 0); /* the pin decides */
}

static void other_signers_are_refused(void **state)
{
	_cleanup_free_ uint8_t *der = NULL, *other = NULL, *alien = NULL, *ca = NULL;
	size_t len;

	(void)state;
	der = sign(&leaf, &len);
	refused(der, len, plain.cert, "not trusted");
	refused(der, len, stranger.cert, "not trusted");
	other = sign(&plain, &len);
	refused(other, len, root.cert, "not made for code signing");
	alien = sign(&stranger, &len); /* same subject, other key */
	refused(alien, len, leaf.cert, "not trusted");
	refused(alien, len, root.cert, "not trusted");
	ca = sign(&root, &len);
	assert_int_equal(verify(ca, len, root.cert), 0); /* pinned itself */
	refused(ca, len, leaf.cert, "not made for code signing");
}

static void every_flipped_bit_of_the_content_is_noticed(void **state)
{
	_cleanup_free_ uint8_t *der = NULL;
	char changed[LEN];
	size_t len;

	(void)state;
	der = sign(&leaf, &len);
	for (unsigned i = 0; i < LEN; i++) {
		memcpy(changed, content, LEN);
		changed[i] ^= 1;
		assert_int_equal(cms_verify(der, len, changed, LEN, leaf.cert, strlen(leaf.cert),
					    &err), CMS_REFUSED);
	}
	assert_int_equal(cms_verify(der, len, content, LEN - 1, leaf.cert, strlen(leaf.cert), &err),
			 CMS_REFUSED);
	assert_int_equal(cms_verify(der, len, content, 0, leaf.cert, strlen(leaf.cert), &err),
			 CMS_REFUSED);
}

/* A flipped byte may only pass where nothing depends on it: never in signature or content. */
static void damaged_messages_never_crash_and_never_carry_other_content(void **state)
{
	_cleanup_free_ uint8_t *der = NULL;
	size_t len, accepted = 0;

	(void)state;
	der = sign(&leaf, &len);
	for (size_t i = 0; i < len; i++) {
		der[i] ^= 0x41;
		accepted += verify(der, len, leaf.cert) == 0;
		der[i] ^= 0x41;
	}
	/* The included copy of the certificate is not needed when the pinned one is known. */
	assert_true(accepted < len * 3 / 4);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(verify(der, cut, leaf.cert), CMS_REFUSED);
	for (size_t i = len - 256; i < len; i++) { /* the RSA signature itself */
		der[i] ^= 0x41;
		refused(der, len, leaf.cert, "does not match");
		der[i] ^= 0x41;
	}
}

static void extra_bytes_and_bad_sizes_are_refused(void **state)
{
	uint8_t big[CMS_DER_MAX + 1] = { 0 };
	_cleanup_free_ uint8_t *der = NULL;
	size_t len;

	(void)state;
	der = sign(&leaf, &len);
	memcpy(big, der, len);
	assert_int_equal(verify(big, len, leaf.cert), 0);
	refused(big, len + 1, leaf.cert, "1 bytes follow the signature");
	refused(big, sizeof(big), leaf.cert, "not 1 to 8192");
	refused(big, 0, leaf.cert, "0 bytes");
	assert_int_equal(verify(der, len, ""), -EINVAL);
	assert_int_equal(verify(der, len, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
			 -EINVAL);
}

/* Messages of another shape, made with libcrypto directly. */
static size_t odd_message(const struct pair *p, const EVP_MD *md, unsigned flags, unsigned signers,
			  uint8_t **ret_der)
{
	BIO *cert_bio = BIO_new_mem_buf(p->cert, -1), *key_bio = BIO_new_mem_buf(p->key, -1);
	BIO *data = BIO_new_mem_buf(content, LEN);
	X509 *cert = PEM_read_bio_X509(cert_bio, NULL, NULL, NULL);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL);
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, flags | CMS_PARTIAL);
	int len;

	for (unsigned i = 0; i < signers; i++)
		/* the second signer is the first again, whose certificate is in already */
		assert_non_null(CMS_add1_signer(cms, cert, key, md, i ? flags | CMS_NOCERTS : flags));
	if (signers) /* without one libcrypto finishes nothing */
		assert_int_equal(CMS_final(cms, data, NULL, flags), 1);
	*ret_der = NULL;
	len = i2d_CMS_ContentInfo(cms, ret_der);
	assert_true(len > 0);
	CMS_ContentInfo_free(cms);
	EVP_PKEY_free(key);
	X509_free(cert);
	BIO_free(data);
	BIO_free(key_bio);
	BIO_free(cert_bio);
	return (size_t)len;
}

static void other_shapes_are_refused(void **state)
{
	static const struct {
		const char *digest;
		unsigned flags, signers;
		const char *why; /* NULL: accepted */
	} cases[] = {
		{ "SHA256", CMS_BINARY | CMS_DETACHED | CMS_NOATTR, 1, NULL },
		{ "SHA512", CMS_BINARY | CMS_DETACHED | CMS_NOATTR, 1, NULL },
		{ "SHA256", CMS_BINARY | CMS_DETACHED | CMS_NOATTR | CMS_NOCERTS, 1, NULL },
		{ "SHA1", CMS_BINARY | CMS_DETACHED | CMS_NOATTR, 1, "digest" },
		{ "SHA224", CMS_BINARY | CMS_DETACHED | CMS_NOATTR, 1, "digest" },
		{ "SHA256", CMS_BINARY | CMS_DETACHED, 1, "signed attributes" },
		{ "SHA256", CMS_BINARY | CMS_NOATTR, 1, "not detached" },
		{ "SHA256", CMS_BINARY | CMS_DETACHED | CMS_NOATTR, 2, "2 signers" },
		{ "SHA256", CMS_BINARY | CMS_DETACHED | CMS_NOATTR, 0, "0 signers" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t *der;
		size_t len = odd_message(&leaf, EVP_get_digestbyname(cases[i].digest),
					 cases[i].flags, cases[i].signers, &der);

		if (cases[i].why)
			refused(der, len, leaf.cert, cases[i].why);
		else if (verify(der, len, leaf.cert))
			fail_msg("case %zu: %s", i, err.text);
		OPENSSL_free(der);
	}
}

static void signing_needs_the_right_key(void **state)
{
	uint8_t *der = NULL;
	size_t len = 7;

	(void)state;
	assert_int_equal(cms_sign(leaf.cert, plain.key, content, LEN, &der, &len, &err), -EINVAL);
	assert_non_null(strstr(err.text, "does not belong to the certificate"));
	assert_int_equal(cms_sign("", leaf.key, content, LEN, &der, &len, &err), -EINVAL);
	assert_int_equal(cms_sign(leaf.cert, "nonsense", content, LEN, &der, &len, &err), -EINVAL);
	assert_null(der);
	assert_int_equal(len, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pinned_signer_is_accepted_directly_or_below_its_ca),
		cmocka_unit_test(other_signers_are_refused),
		cmocka_unit_test(every_flipped_bit_of_the_content_is_noticed),
		cmocka_unit_test(damaged_messages_never_crash_and_never_carry_other_content),
		cmocka_unit_test(extra_bytes_and_bad_sizes_are_refused),
		cmocka_unit_test(other_shapes_are_refused),
		cmocka_unit_test(signing_needs_the_right_key),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

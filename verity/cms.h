/*
 * Detached CMS (PKCS#7) signatures over a few bytes, as DER.
 *
 * The shape is the one the kernel, systemd and `openssl cms` agree on for a
 * root hash: signedData, SHA-256, no content, no signed attributes, the
 * signer's certificate included. kiln signs the 64 lowercase hex digits of the
 * root hash without a newline.
 *
 * Trust is a set of pinned certificates, never the web PKI and never a clock: a
 * machine whose battery died still knows which keys it trusts. Revoking a key
 * means shipping another set.
 */
#ifndef VERITY_CMS_H
#define VERITY_CMS_H

#include <stddef.h>
#include <stdint.h>

struct err;

#define CMS_DER_MAX 8192u /* a signature with a chain of three RSA-4096 certificates fits */
#define CMS_CONTENT_MAX 65536u
#define CMS_PEM_MAX 65536u
#define CMS_TRUSTED_MAX 16u /* certificates in one pinned set */

/* A positive return of cms_verify(): the signature is not what we trust. */
enum { CMS_REFUSED = 1 };

/*
 * Sign @content. @cert_pem starts with the signer's certificate, further ones
 * are included as its chain; @key_pem is its private key, unencrypted. With an
 * RSA key the result depends on the inputs only.
 * Returns 0 with the DER in *ret_der (the caller frees) and its length;
 * -EINVAL when a PEM cannot be read or key and certificate differ; -EFBIG, -ENOMEM.
 */
int cms_sign(const char *cert_pem, const char *key_pem, const void *content, size_t content_len,
	     uint8_t **ret_der, size_t *ret_der_len, struct err *err);

/*
 * Verify @der over @content. @trusted_pem holds the pinned certificates. The
 * signer is accepted when its certificate is one of them, byte for byte, or was
 * issued (directly or through included certificates) by one of them that is a
 * CA; in the second case it must be an end entity marked for code signing.
 * Dates are not looked at. Exactly one signer, SHA-256 or longer, RSA of 2048
 * bits or EC of 256 bits at least, nothing after the DER.
 * Returns 0; CMS_REFUSED with the reason in @err; -EINVAL when @trusted_pem has
 * no certificate or the sizes are out of bounds; -ENOMEM, also where libcrypto would blame the
 * message, if this is the program's first use of libcrypto.
 */
int cms_verify(const uint8_t *der, size_t der_len, const void *content, size_t content_len,
	       const char *trusted_pem, size_t trusted_len, struct err *err);

/*
 * SHA-256 of the DER of the first certificate in @cert_pem (what systemd calls
 * certificateFingerprint). 0 or -EINVAL.
 */
int cms_fingerprint(const char *cert_pem, size_t len, uint8_t ret_sha256[32], struct err *err);

#endif

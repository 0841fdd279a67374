/*
 * Making an RSA key and its X.509 certificate, as PEM.
 *
 * Validity never depends on the clock of the machine that makes them: nothing
 * in kiln checks dates, and others shall not stumble over them either.
 */
#ifndef VERITY_KEYGEN_H
#define VERITY_KEYGEN_H

struct err;

enum keygen_use {
	KEYGEN_ROOT, /* a CA that signs certificates only */
	KEYGEN_CODE_SIGN, /* an end entity for code signing */
	KEYGEN_SECURE_BOOT, /* self-signed for firmware: PK, KEK, db */
};

struct keygen_request {
	enum keygen_use use;
	const char *common_name; /* at most 64 characters */
	unsigned rsa_bits; /* 2048 to 4096 */
	const char *issuer_cert_pem; /* NULL, with issuer_key_pem: self-signed */
	const char *issuer_key_pem;
};

/*
 * Generate. Returns 0 with two NUL-terminated texts the caller frees (wipe the
 * key first: keygen_wipe()); -EINVAL when the issuer cannot be used or libcrypto
 * refuses; -ENOMEM.
 */
int keygen_make(const struct keygen_request *req, char **ret_key_pem, char **ret_cert_pem,
		struct err *err);

/* Overwrite and free a private key's text; returns NULL. NULL-safe. */
char *keygen_wipe(char *key_pem);

#endif

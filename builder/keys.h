/*
 * The keys an image is signed with: a directory of PEM files.
 *
 *	root.key root.crt	the offline root; signs image.crt only
 *	image.key image.crt	signs root hashes (CMS); trusted by early init
 *	PK KEK db (.key .crt)	Secure Boot, each self-signed; db signs UEFI programs
 *	DEVELOPMENT		present when kiln made them: not for production
 *
 * The directory appears whole, by rename, and is never written again. A private
 * key that group or others can read is refused.
 */
#ifndef BUILDER_KEYS_H
#define BUILDER_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

struct keys {
	char *dir;
	char *image_cert_pem; /* becomes /keys/image.pem of early init: the pinned certificate */
	char *image_key_pem;
	char *root_cert_pem;
	uint8_t fingerprint[32]; /* SHA-256 of the image certificate as DER */
	bool development; /* made by kiln for trying things out */
};

/*
 * The directory to use: @dir when not NULL, else $KILN_KEYS, $XDG_CONFIG_HOME/kiln/keys
 * or ~/.config/kiln/keys. Owned by the caller; NULL (with @err set) when none can be told.
 */
char *keys_dir(const char *dir, struct err *err);

/*
 * Open the keys in @dir (NULL: see keys_dir()). When there are none and @create
 * is set, make development keys first; *ret_created (may be NULL) says so, and
 * the caller must tell the user loudly.
 * Returns 0 with keys the caller frees; -ENOENT when there are none; -EACCES
 * when a private key is readable by others; -EINVAL when a file is not what it
 * should be; or another errno.
 */
int keys_open(const char *dir, bool create, struct keys **ret_keys, bool *ret_created,
	      struct err *err);

/*
 * Whom to trust: the certificates (PEM) in the file @cert or, when it is NULL, the image
 * certificate of the keys in @dir (as keys_open()). Never guessed from an image. The
 * caller frees *@ret_pem. 0 or a negative errno.
 */
int keys_trust(const char *cert, const char *dir, char **ret_pem, struct err *err);

/* NULL-safe, wipes the private key, returns NULL. */
struct keys *keys_free(struct keys *keys);

/*
 * Sign @len bytes of @content with the image key: CMS as DER in *ret_der (the caller frees),
 * checked against the pinned certificate before it returns.
 */
int keys_sign(const struct keys *keys, const void *content, size_t len, uint8_t **ret_der,
	      size_t *ret_der_len, struct err *err);

/*
 * keys_sign() for the root hash @root: the CMS is over its 64 hex digits.
 */
int keys_sign_root(const struct keys *keys, const uint8_t root[32], uint8_t **ret_der,
		   size_t *ret_der_len, struct err *err);

#endif

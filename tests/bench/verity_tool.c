/*
 * verity/ by itself, for the scripts that compare it with strangers' tools:
 *
 *	format DATA HASH SALT-HEX UUID-HEX	write a tree, print the root hash
 *	check DATA HASH SALT-HEX ROOT-HEX	exit 3 when corrupt
 *	keygen PREFIX				make PREFIX.key and PREFIX.crt
 *	sign PREFIX ROOT-HEX P7S SIGFILE	sign a root hash; DER and signature partition
 *	verify CERT ROOT-HEX P7S		exit 3 when refused
 *	siginfo SIGFILE				print the root hash of a signature partition
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/args.h"
#include "lib/base/atomic_file.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/digest.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "verity/cms.h"
#include "verity/keygen.h"
#include "verity/sigfile.h"
#include "verity/tree.h"

struct tree_args {
	int data, hash;
	uint64_t bytes;
	uint8_t salt[VERITY_SALT_MAX];
	size_t salt_len;
	uint8_t last[32]; /* UUID or root hash */
};

static int tree_args(char **argv, int flags, size_t last_len, struct tree_args *a, struct err *err)
{
	a->salt_len = strlen(argv[2]) / 2;
	if (a->salt_len > VERITY_SALT_MAX || digest_unhex(argv[2], a->salt, a->salt_len) ||
	    digest_unhex(argv[3], a->last, last_len))
		return err_set(err, -EINVAL, "bad hex digits");
	a->data = open(argv[0], O_RDONLY | O_CLOEXEC);
	a->hash = open(argv[1], flags | O_CLOEXEC, 0644);
	if (a->data < 0 || a->hash < 0 || io_size(a->data, &a->bytes))
		return err_errno(err, -errno, "cannot open %s or %s", argv[0], argv[1]);
	return 0;
}

static int do_format(char **argv, struct err *err)
{
	struct tree_args a;
	uint8_t root[32];
	char hex[65];
	int r = tree_args(argv, O_RDWR | O_CREAT | O_TRUNC, 16, &a, err);

	if (r == 0)
		r = verity_tree_write(a.data, a.bytes, a.salt, a.salt_len, a.last, a.hash, root,
				      NULL, err);
	if (r)
		return r;
	digest_hex(root, 32, hex);
	puts(hex);
	return 0;
}

static int do_check(char **argv, struct err *err)
{
	struct tree_args a;
	int r = tree_args(argv, O_RDONLY, 32, &a, err);

	return r ? r
		 : verity_tree_check(a.data, a.bytes, a.hash, a.salt, a.salt_len, a.last, NULL,
				     err);
}

static int do_keygen(char **argv, struct err *err)
{
	struct keygen_request req = { .use = KEYGEN_CODE_SIGN,
				      .common_name = "test",
				      .rsa_bits = 2048 };
	_cleanup_free_ char *key_path = str_printf("%s.key", argv[0]);
	_cleanup_free_ char *cert_path = str_printf("%s.crt", argv[0]);
	char *key, *cert;
	int r = keygen_make(&req, &key, &cert, err);

	if (r == 0)
		r = atomic_file_write(key_path, key, strlen(key), 0600, err);
	if (r == 0)
		r = atomic_file_write(cert_path, cert, strlen(cert), 0644, err);
	return r;
}

static int do_sign(char **argv, struct err *err)
{
	_cleanup_free_ char *key_path = str_printf("%s.key", argv[0]), *key = NULL;
	_cleanup_free_ char *cert_path = str_printf("%s.crt", argv[0]), *cert = NULL;
	_cleanup_free_ uint8_t *der = NULL;
	static uint8_t padded[SIGFILE_BYTES];
	static struct sigfile sig;
	size_t cert_len;
	int r = io_read_file(key_path, CMS_PEM_MAX, &key, NULL, err);

	if (r == 0)
		r = io_read_file(cert_path, CMS_PEM_MAX, &cert, &cert_len, err);
	if (r == 0)
		r = cms_sign(cert, key, argv[1], strlen(argv[1]), &der, &sig.der_len, err);
	if (r == 0)
		r = atomic_file_write(argv[2], der, sig.der_len, 0644, err);
	if (r == 0)
		r = cms_fingerprint(cert, cert_len, sig.fingerprint, err);
	if (r || digest_unhex(argv[1], sig.root, 32))
		return r ? r : -EINVAL;
	sig.has_fingerprint = true;
	memcpy(sig.der, der, sig.der_len);
	r = sigfile_write(&sig, padded, err);
	return r ? r : atomic_file_write(argv[3], padded, sizeof(padded), 0644, err);
}

static int do_verify(char **argv, struct err *err)
{
	_cleanup_free_ char *cert = NULL, *der = NULL;
	size_t cert_len, der_len;
	int r = io_read_file(argv[0], CMS_PEM_MAX, &cert, &cert_len, err);

	if (r == 0)
		r = io_read_file(argv[2], CMS_DER_MAX, &der, &der_len, err);
	return r ? r
		 : cms_verify((uint8_t *)der, der_len, argv[1], strlen(argv[1]), cert, cert_len,
			      err);
}

static int do_siginfo(char **argv, struct err *err)
{
	_cleanup_free_ char *bytes = NULL;
	static struct sigfile sig;
	char hex[65];
	size_t len;
	int r = io_read_file(argv[0], SIGFILE_BYTES, &bytes, &len, err);

	if (r == 0)
		r = sigfile_parse((uint8_t *)bytes, len, &sig, err);
	if (r)
		return r;
	digest_hex(sig.root, 32, hex);
	puts(hex);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int args;
		int (*run)(char **argv, struct err *err);
	} verbs[] = {
		{ "format", 4, do_format }, { "check", 4, do_check },
		{ "keygen", 1, do_keygen }, { "sign", 4, do_sign },
		{ "verify", 3, do_verify }, { "siginfo", 1, do_siginfo },
	};
	static struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		int r;

		if (argc != verbs[i].args + 2 || strcmp(argv[1], verbs[i].name) != 0)
			continue;
		r = verbs[i].run(argv + 2, &err);
		if (r)
			fprintf(stderr, "verity_tool: %s\n", err.text);
		return r == 0 ? EXIT_OK : r > 0 ? EXIT_REFUSED : EXIT_FAILED;
	}
	fprintf(stderr, "verity_tool: unknown verb, or wrong number of arguments\n");
	return EXIT_USAGE;
}

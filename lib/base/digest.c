/*
 * See digest.h: the only file that sees OpenSSL's digest interface. SHA-256 goes by its
 * plain functions, which OpenSSL 3 calls deprecated: they allocate nothing and so cannot
 * fail, where a digest of EVP that fails would leave a hash that was never computed.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "lib/base/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/core/bytes.h"

struct digest {
	SHA256_CTX ctx;
};

struct digest *digest_new(void)
{
	struct digest *d = calloc(1, sizeof(*d));

	if (d)
		SHA256_Init(&d->ctx);
	return d;
}

void digest_add(struct digest *d, const void *data, size_t len)
{
	SHA256_Update(&d->ctx, data, len);
}

void digest_take(struct digest *d, uint8_t out[DIGEST_BYTES])
{
	SHA256_Final(out, &d->ctx);
	SHA256_Init(&d->ctx);
}

struct digest *digest_free(struct digest *d)
{
	free(d);
	return NULL;
}

void digest_bytes(const void *data, size_t len, uint8_t out[DIGEST_BYTES])
{
	SHA256_CTX ctx;

	SHA256_Init(&ctx);
	SHA256_Update(&ctx, data, len);
	SHA256_Final(out, &ctx);
}

void digest_md5(const void *data, size_t len, uint8_t out[DIGEST_MD5_BYTES])
{
	EVP_Digest(data, len, out, NULL, EVP_md5(), NULL);
}

int digest_fd(int fd, uint8_t out[DIGEST_BYTES], uint64_t *ret_len)
{
	_cleanup_free_ char *chunk = malloc(1 << 18);
	struct digest *d = digest_new();
	uint64_t len = 0;
	int r = 0;

	if (!chunk || !d) {
		digest_free(d);
		return -ENOMEM;
	}
	for (;;) {
		ssize_t n = read(fd, chunk, 1 << 18);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = -errno;
		if (n <= 0)
			break;
		digest_add(d, chunk, (size_t)n);
		len += (uint64_t)n;
	}
	if (r == 0) {
		digest_take(d, out);
		if (ret_len)
			*ret_len = len;
	}
	digest_free(d);
	return r;
}

int digest_file(const char *path, uint8_t out[DIGEST_BYTES], uint64_t *ret_len, struct err *err)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? -errno : digest_fd(fd, out, ret_len);

	if (r < 0)
		return err_errno(err, r, "cannot read %s", path);
	return 0;
}

void digest_hex(const uint8_t *bytes, size_t len, char *out)
{
	bytes_to_hex(bytes, len, out);
}

int digest_unhex(const char *hex, uint8_t *out, size_t len)
{
	return bytes_from_hex(hex, strnlen(hex, 2 * len + 1), out, len) ? 0 : -EINVAL;
}

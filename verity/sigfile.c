/*
 * The signature partition's JSON, written and strictly read: see sigfile.h.
 */
#include "verity/sigfile.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/digest.h"
#include "lib/base/err.h"

static const char base64_digit[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#define BASE64_CHARS(bytes) (((bytes) + 2) / 3 * 4)
/* {"rootHash":"","certificateFingerprint":"","signature":""} and the newline stay below this. */
#define KEYS_CHARS 256
_Static_assert(BASE64_CHARS(CMS_DER_MAX) + 2 * 64 + KEYS_CHARS < SIGFILE_BYTES,
	       "the largest signature fits the partition");

static size_t base64_encode(const uint8_t *in, size_t len, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t v = (uint32_t)in[i] << 16;

		if (left > 1)
			v |= (uint32_t)in[i + 1] << 8;
		if (left > 2)
			v |= in[i + 2];
		out[n++] = base64_digit[v >> 18];
		out[n++] = base64_digit[v >> 12 & 63];
		out[n++] = left > 1 ? base64_digit[v >> 6 & 63] : '=';
		out[n++] = left > 2 ? base64_digit[v & 63] : '=';
	}
	return n;
}

static int base64_value(char c)
{
	const char *p = c ? strchr(base64_digit, c) : NULL;

	return p ? (int)(p - base64_digit) : -1;
}

/* Canonical base64 only: no blanks, padding where it belongs, spare bits zero. */
static bool base64_decode(const char *in, size_t len, uint8_t *out, size_t max, size_t *ret_len)
{
	size_t n = 0, pad = 0;

	if (len == 0 || len % 4 || BASE64_CHARS(max) < len)
		return false;
	if (in[len - 1] == '=')
		pad = in[len - 2] == '=' ? 2 : 1;
	if (len / 4 * 3 - pad > max)
		return false;
	for (size_t i = 0; i < len; i += 4) {
		size_t digits = i + 4 == len ? 4 - pad : 4;
		uint32_t v = 0;

		for (size_t k = 0; k < 4; k++) {
			int d = k < digits ? base64_value(in[i + k]) : 0;

			if (d < 0)
				return false;
			v = v << 6 | (uint32_t)d;
		}
		for (size_t k = 0; k + 1 < digits; k++)
			out[n++] = (uint8_t)(v >> (16 - 8 * k));
		if (digits < 4 && (v & (digits == 3 ? 0xffu : 0xffffu)))
			return false;
	}
	*ret_len = n;
	return true;
}

int sigfile_write(const struct sigfile *sig, uint8_t ret_bytes[SIGFILE_BYTES], struct err *err)
{
	char hex[DIGEST_HEX_SIZE], *p = (char *)ret_bytes, *end = p + SIGFILE_BYTES;

	if (sig->der_len == 0 || sig->der_len > CMS_DER_MAX)
		return err_set(err, -EINVAL, "a signature of %zu bytes does not fit", sig->der_len);
	memset(ret_bytes, 0, SIGFILE_BYTES);
	digest_hex(sig->root, 32, hex);
	p += snprintf(p, (size_t)(end - p), "{\"rootHash\":\"%s\",", hex);
	if (sig->has_fingerprint) {
		digest_hex(sig->fingerprint, 32, hex);
		p += snprintf(p, (size_t)(end - p), "\"certificateFingerprint\":\"%s\",", hex);
	}
	p += snprintf(p, (size_t)(end - p), "\"signature\":\"");
	p += base64_encode(sig->der, sig->der_len, p);
	memcpy(p, "\"}\n", 3);
	return 0;
}

struct cursor {
	const char *start, *at, *end;
	struct err *err;
};

static int bad(const struct cursor *c, const char *wanted)
{
	return err_set(c->err, -EINVAL, "signature file, byte %td: expected %s", c->at - c->start,
		       wanted);
}

static void skip_space(struct cursor *c)
{
	while (c->at < c->end &&
	       (*c->at == ' ' || *c->at == '\n' || *c->at == '\t' || *c->at == '\r'))
		c->at++;
}

static bool take(struct cursor *c, char wanted)
{
	skip_space(c);
	if (c->at == c->end || *c->at != wanted)
		return false;
	c->at++;
	return true;
}

/* A string without escapes; base64 and hex need none. */
static int take_string(struct cursor *c, const char **ret_text, size_t *ret_len)
{
	const char *text;

	if (!take(c, '"'))
		return bad(c, "a string");
	text = c->at;
	while (c->at < c->end && *c->at != '"') {
		if (*c->at < 0x20 || *c->at > 0x7e || *c->at == '\\')
			return bad(c, "a plain character");
		c->at++;
	}
	if (c->at == c->end)
		return bad(c, "the end of the string");
	*ret_text = text;
	*ret_len = (size_t)(c->at++ - text);
	return 0;
}

static int parse_digest(const struct cursor *c, const char *text, size_t len, uint8_t out[32])
{
	char hex[DIGEST_HEX_SIZE];

	if (len != 64)
		return bad(c, "64 hex digits");
	for (size_t i = 0; i < len; i++)
		if (!strchr("0123456789abcdef", text[i]))
			return bad(c, "64 lowercase hex digits");
	memcpy(hex, text, 64);
	hex[64] = '\0';
	return digest_unhex(hex, out, 32) ? bad(c, "64 hex digits") : 0;
}

enum { SEEN_ROOT = 1, SEEN_FINGERPRINT = 2, SEEN_SIGNATURE = 4 };

static bool is_key(const char *text, size_t len, const char *name)
{
	return len == strlen(name) && memcmp(text, name, len) == 0;
}

/* One "key": "value"; *seen collects the keys. */
static int parse_member(struct cursor *c, struct sigfile *sig, unsigned *seen)
{
	const char *key, *value;
	size_t key_len, value_len;
	unsigned which;
	int r;

	r = take_string(c, &key, &key_len);
	if (r)
		return r;
	if (is_key(key, key_len, "rootHash"))
		which = SEEN_ROOT;
	else if (is_key(key, key_len, "certificateFingerprint"))
		which = SEEN_FINGERPRINT;
	else if (is_key(key, key_len, "signature"))
		which = SEEN_SIGNATURE;
	else
		return bad(c, "a known key");
	if (*seen & which)
		return bad(c, "each key once");
	*seen |= which;
	if (!take(c, ':'))
		return bad(c, "':'");
	r = take_string(c, &value, &value_len);
	if (r)
		return r;
	if (which == SEEN_ROOT)
		return parse_digest(c, value, value_len, sig->root);
	if (which == SEEN_FINGERPRINT)
		return parse_digest(c, value, value_len, sig->fingerprint);
	if (!base64_decode(value, value_len, sig->der, sizeof(sig->der), &sig->der_len))
		return bad(c, "a signature in base64");
	return 0;
}

int sigfile_parse(const uint8_t *bytes, size_t len, struct sigfile *ret_sig, struct err *err)
{
	struct cursor c = { (const char *)bytes, (const char *)bytes, (const char *)bytes + len,
			    err };
	struct sigfile sig = { .der_len = 0 };
	unsigned seen = 0;
	int r;

	if (len > SIGFILE_BYTES)
		return err_set(err, -EINVAL, "the signature file is larger than %u bytes",
			       SIGFILE_BYTES);
	if (!take(&c, '{'))
		return bad(&c, "'{'");
	do {
		r = parse_member(&c, &sig, &seen);
		if (r)
			return r;
	} while (take(&c, ','));
	if (!take(&c, '}'))
		return bad(&c, "'}'");
	skip_space(&c);
	for (; c.at < c.end; c.at++)
		if (*c.at)
			return bad(&c, "zeroes to the end");
	if (!(seen & SEEN_ROOT))
		return bad(&c, "a rootHash");
	if (!(seen & SEEN_SIGNATURE))
		return bad(&c, "a signature");
	sig.has_fingerprint = seen & SEEN_FINGERPRINT;
	*ret_sig = sig;
	return 0;
}

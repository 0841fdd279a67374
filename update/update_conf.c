/* See update_conf.h. What cannot be understood is no policy: all is refused. */
#include "update/update_conf.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/core/bytes.h"
#include "lib/core/version.h"

#define FILE_MAX 65536
#define RATE_MAX (1ull << 40)

/* Everything a value may be. Each returns why not, or NULL. */

static const char *set_word(void *field, size_t size, const char *value)
{
	if (strlen(value) >= size || !version_valid(value, true))
		return "not a name or version";
	snprintf(field, size, "%s", value);
	return NULL;
}

static bool has_scheme(const char *value, const char *scheme)
{
	return !strncmp(value, scheme, strlen(scheme)) && value[strlen(scheme)];
}

static const char *set_proxy(void *field, size_t size, const char *value)
{
	if (!has_scheme(value, "http://") && !has_scheme(value, "https://") &&
	    !has_scheme(value, "socks5h://"))
		return "not an address";
	if (strlen(value) >= size)
		return "too long";
	for (const char *p = value; *p; p++)
		if (*p <= 0x20 || *p > 0x7e)
			return "there is a special character in it";
	snprintf(field, size, "%s", value);
	return NULL;
}

static const char *set_url(void *field, size_t size, const char *value)
{
	return has_scheme(value, "socks5h://") ? "not an address of http or https" :
						 set_proxy(field, size, value);
}

static const char *set_path(void *field, size_t size, const char *value)
{
	if (value[0] != '/' || strlen(value) >= size)
		return "not an absolute path";
	for (const char *p = value; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return "there is a control character in it";
	snprintf(field, size, "%s", value);
	return NULL;
}

static const char *set_rate(void *field, size_t size, const char *value)
{
	uint64_t n;

	(void)size;
	if (!u64_parse(value, strlen(value), &n) || n > RATE_MAX)
		return "not a number of bytes per second";
	*(uint64_t *)field = n;
	return NULL;
}

/* "MIN-MAX" into state_min and state_max, which follow each other. */
static const char *set_state(void *field, size_t size, const char *value)
{
	const char *dash = strchr(value, '-');
	uint64_t min, max;

	(void)size;
	if (!dash || !u64_parse(value, (size_t)(dash - value), &min) ||
	    !u64_parse(dash + 1, strlen(dash + 1), &max) || min > max || max > INT32_MAX)
		return "not two numbers MIN-MAX";
	((uint32_t *)field)[0] = (uint32_t)min;
	((uint32_t *)field)[1] = (uint32_t)max;
	return NULL;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *set_reboot(void *field, size_t size, const char *value)
{
	struct update_conf *c = field;
	unsigned hour, minute;

	(void)size;
	c->reboot = strcmp(value, "never") == 0 ? UPDATE_REBOOT_NEVER :
		    strcmp(value, "now") == 0	? UPDATE_REBOOT_NOW :
						  UPDATE_REBOOT_AT;
	if (c->reboot != UPDATE_REBOOT_AT)
		return NULL;
	if (strlen(value) != 5 || value[2] != ':' || !is_digit(value[0]) || !is_digit(value[1]) ||
	    !is_digit(value[3]) || !is_digit(value[4]))
		return "neither never nor now nor HH:MM";
	hour = (unsigned)((value[0] - '0') * 10 + value[1] - '0');
	minute = (unsigned)((value[3] - '0') * 10 + value[4] - '0');
	if (hour > 23 || minute > 59)
		return "there is no such time of day";
	c->reboot_minute = hour * 60 + minute;
	return NULL;
}

#define FIELD(f) offsetof(struct update_conf, f), sizeof(((struct update_conf *)0)->f)

static const struct key {
	const char *name;
	bool required;
	const char *(*set)(void *field, size_t size, const char *value);
	size_t offset, size;
} keys[] = {
	{ "NAME", true, set_word, FIELD(name) },
	{ "ARCH", true, set_word, FIELD(arch) },
	{ "VERSION", true, set_word, FIELD(version) },
	{ "STATE", true, set_state, FIELD(state_min) },
	{ "URL", false, set_url, FIELD(url) },
	{ "REBOOT", false, set_reboot, 0, 0 },
	{ "LIMIT_RATE", false, set_rate, FIELD(limit_bytes_per_s) },
	{ "PROXY", false, set_proxy, FIELD(proxy) },
	{ "CACERT", false, set_path, FIELD(cacert) },
	{ "CERT", false, set_path, FIELD(cert) },
	{ "KEY", false, set_path, FIELD(key) },
};

_Static_assert(offsetof(struct update_conf, state_max) ==
		       offsetof(struct update_conf, state_min) + sizeof(uint32_t),
	       "STATE fills both");

static const struct key *find_key(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

static int parse_line(struct update_conf *conf, char *text, unsigned line, bool *seen,
		      struct err *err)
{
	char *value = strchr(text, '=');
	const struct key *key;
	const char *why;

	if (text[0] == '#' || text[0] == '\0')
		return 0;
	if (!value || value[1] == '\0')
		return err_set(err, -EINVAL, "line %u: not KEY=VALUE", line);
	*value++ = '\0';
	key = find_key(text);
	if (!key)
		return err_set(err, -EINVAL, "line %u: unknown key '%s'", line, text);
	if (seen[key - keys])
		return err_set(err, -EINVAL, "line %u: %s is there twice", line, text);
	seen[key - keys] = true;
	why = key->set((char *)conf + key->offset, key->size, value);
	return why ? err_set(err, -EINVAL, "line %u: %s: %s", line, text, why) : 0;
}

static int check_whole(const struct update_conf *conf, const bool *seen, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].required && !seen[i])
			return err_set(err, -EINVAL, "%s is not there", keys[i].name);
	if (conf->key[0] && !conf->cert[0])
		return err_set(err, -EINVAL, "KEY is there without CERT");
	return 0;
}

int update_conf_parse(const char *text, size_t len, struct update_conf *ret, struct err *err)
{
	_cleanup_free_ struct update_conf *conf = calloc(1, sizeof(*conf));
	_cleanup_free_ char *copied = calloc(1, len + 1);
	bool seen[ARRAY_SIZE(keys)] = { false };
	unsigned line = 1;
	char *at;
	int r = 0;

	if (!conf || !copied)
		return err_oom(err);
	if (len && memchr(text, '\0', len))
		return err_set(err, -EINVAL, "there is a NUL byte in it");
	if (len)
		memcpy(copied, text, len);
	for (at = copied; at && r == 0; line++) {
		char *next = strchr(at, '\n');

		if (next)
			*next++ = '\0';
		r = parse_line(conf, at, line, seen, err);
		at = next;
	}
	if (r == 0)
		r = check_whole(conf, seen, err);
	if (r == 0)
		*ret = *conf;
	return r;
}

int update_conf_read(const char *path, struct update_conf *ret, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int r = io_read_file(path, FILE_MAX, &text, &len, err);

	if (r)
		return r;
	r = update_conf_parse(text, len, ret, err);
	return r ? err_add(err, r, "%s", path) : 0;
}

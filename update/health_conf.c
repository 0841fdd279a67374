/* See health_conf.h. An image whose checks cannot be understood is not healthy: all is refused. */
#include "update/health_conf.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"

#define FILE_MAX 65536

/* A plain decimal number from @min to @max. */
static bool parse_number(const char *text, unsigned min, unsigned max, unsigned *ret)
{
	unsigned value = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (unsigned)(*text - '0');
		if (value > max)
			return false;
	}
	if (value < min)
		return false;
	*ret = value;
	return true;
}

static int add_check(struct health_conf *conf, enum health_kind kind, const char *value,
		     unsigned line, struct err *err)
{
	struct health_check *c = &conf->check[conf->n_checks];

	if (conf->n_checks == HEALTH_CHECKS_MAX)
		return err_set(err, -EINVAL, "line %u: more than %d checks", line,
			       HEALTH_CHECKS_MAX);
	c->kind = kind;
	/* parse_line() saw to the length. */
	snprintf(c->value, sizeof(c->value), "%s", value);
	if (kind == HEALTH_RUN && value[0] != '/')
		return err_set(err, -EINVAL, "line %u: RUN wants an absolute path", line);
	if (kind == HEALTH_UNIT && value[0] == '-')
		return err_set(err, -EINVAL, "line %u: UNIT wants a unit's name", line);
	if (kind == HEALTH_PORT && !parse_number(value, 1, 65535, &c->port))
		return err_set(err, -EINVAL, "line %u: PORT wants 1 to 65535", line);
	conf->n_checks++;
	return 0;
}

/* A key with a number of seconds. */
static int set_seconds(struct health_conf *conf, const char *key, const char *value, unsigned line,
		       struct err *err)
{
	const struct {
		const char *key;
		unsigned min;
		unsigned *field;
	} table[] = {
		{ "TIMEOUT_S", 1, &conf->timeout_s },
		{ "SOAK_S", 0, &conf->soak_s },
		{ "SCRUB_S", 1, &conf->scrub_s },
		{ "SETTLE_S", 0, &conf->settle_s },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		if (strcmp(table[i].key, key))
			continue;
		if (parse_number(value, table[i].min, HEALTH_S_MAX, table[i].field))
			return 0;
		return err_set(err, -EINVAL, "line %u: %s wants %u to %d", line, key, table[i].min,
			       HEALTH_S_MAX);
	}
	return err_set(err, -EINVAL, "line %u: unknown key '%s'", line, key);
}

static int parse_line(struct health_conf *conf, char *text, unsigned line, struct err *err)
{
	char *value = strchr(text, '=');

	if (text[0] == '#' || text[0] == '\0')
		return 0;
	if (!value || value[1] == '\0')
		return err_set(err, -EINVAL, "line %u: not KEY=VALUE", line);
	*value++ = '\0';
	if (strlen(value) > HEALTH_VALUE_MAX)
		return err_set(err, -EINVAL, "line %u: longer than %d bytes", line,
			       HEALTH_VALUE_MAX);
	if (strcmp(text, "UNIT") == 0)
		return add_check(conf, HEALTH_UNIT, value, line, err);
	if (strcmp(text, "RUN") == 0)
		return add_check(conf, HEALTH_RUN, value, line, err);
	if (strcmp(text, "PORT") == 0)
		return add_check(conf, HEALTH_PORT, value, line, err);
	return set_seconds(conf, text, value, line, err);
}

int health_conf_parse(const char *text, size_t len, struct health_conf *ret, struct err *err)
{
	_cleanup_free_ struct health_conf *conf = calloc(1, sizeof(*conf));
	_cleanup_free_ char *copy = calloc(1, len + 1);
	unsigned line = 1;
	char *at;
	int r;

	if (!conf || !copy)
		return err_oom(err);
	if (len && memchr(text, '\0', len))
		return err_set(err, -EINVAL, "there is a NUL byte in it");
	if (len)
		memcpy(copy, text, len);
	conf->timeout_s = HEALTH_TIMEOUT_DEFAULT_S;
	conf->soak_s = HEALTH_SOAK_DEFAULT_S;
	conf->scrub_s = HEALTH_SCRUB_DEFAULT_S;
	conf->settle_s = HEALTH_SETTLE_DEFAULT_S;
	for (at = copy; at; line++) {
		char *next = strchr(at, '\n');

		if (next)
			*next++ = '\0';
		r = parse_line(conf, at, line, err);
		if (r)
			return r;
		at = next;
	}
	*ret = *conf;
	return 0;
}

int health_conf_read(const char *path, struct health_conf *ret, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int r = io_read_file(path, FILE_MAX, &text, &len, err);

	if (r && r != -ENOENT)
		return r;
	r = health_conf_parse(text ? text : "", len, ret, err);
	return r ? err_add(err, r, "%s", path) : 0;
}

#include "bootloader/initramfs/conf.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bootloader/initramfs/boot.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/core/bytes.h"

#define CONF_PATH BOOT_SYSROOT "/usr/lib/kiln/image.conf"

static bool is_inside(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return !strncmp(path, dir, len) && (!path[len] || path[len] == '/');
}

static bool component_valid(const char *name, size_t len)
{
	if (!len || (len == 1 && name[0] == '.') || (len == 2 && !memcmp(name, "..", 2)))
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] <= ' ' || name[i] == 0x7f)
			return false;
	return true;
}

bool conf_persist_valid(const char *path)
{
	static const char *const never[] = { "/proc", "/sys",	"/dev",		"/run",
					     "/tmp",  "/state", "/usr/lib/kiln" };
	const char *at = path;

	if (path[0] != '/' || strlen(path) >= CONF_PATH_MAX)
		return false;
	while (*at) {
		size_t len = strcspn(at + 1, "/");

		if (!component_valid(at + 1, len))
			return false;
		at += 1 + len;
	}
	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		if (is_inside(path, never[i]))
			return false;
	return true;
}

static int add_persist(struct conf *c, const char *path, struct err *err)
{
	char **grown;

	if (!conf_persist_valid(path))
		return err_set(err, -EINVAL, "PERSIST: '%s' cannot be kept", path);
	for (size_t i = 0; i < c->n_persist; i++)
		if (!strcmp(c->persist[i], path))
			return err_set(err, -EINVAL, "PERSIST: '%s' is there twice", path);
	if (c->n_persist == CONF_PERSIST_MAX)
		return err_set(err, -E2BIG, "PERSIST: more than %u paths", CONF_PERSIST_MAX);
	grown = reallocarray(c->persist, c->n_persist + 1, sizeof(*grown));
	if (!grown)
		return err_oom(err);
	c->persist = grown;
	c->persist[c->n_persist] = strdup(path);
	if (!c->persist[c->n_persist])
		return err_oom(err);
	c->n_persist++;
	return 0;
}

static int set_number(const char *key, const char *value, struct err *err)
{
	uint64_t n;

	if (!u64_parse(value, strlen(value), &n))
		return err_set(err, -EINVAL, "%s: '%s' is not a number", key, value);
	return 0;
}

static int set_key(struct conf *c, const char *key, const char *value, struct err *err)
{
	if (!strcmp(key, "STATE_GROW")) {
		if (strcmp(value, "yes") && strcmp(value, "no"))
			return err_set(err, -EINVAL, "STATE_GROW: '%s' is not yes or no", value);
		c->state_grow = !strcmp(value, "yes");
		return 0;
	}
	if (!strcmp(key, "PERSIST"))
		return add_persist(c, value, err);
	if (!strcmp(key, "TRIES") || !strcmp(key, "HEALTH_TIMEOUT_S"))
		return set_number(key, value, err);
	return err_set(err, -EINVAL, "unknown key '%s'", key);
}

static int parse_line(struct conf *c, char *line, struct err *err)
{
	char *eq;

	if (!line[0] || line[0] == '#')
		return 0;
	eq = strchr(line, '=');
	if (!eq)
		return err_set(err, -EINVAL, "no '=' in '%s'", line);
	*eq = 0;
	return set_key(c, line, eq + 1, err);
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int conf_parse(const char *text, size_t len, struct conf *ret, struct err *err)
{
	_cleanup_free_ char *copy = NULL;
	struct conf c = { 0 };
	unsigned int n = 0;

	if (len > CONF_MAX_BYTES || memchr(text, 0, len))
		return err_set(err, -EINVAL, "image.conf: too long, or has a NUL byte");
	copy = strndup(text, len);
	if (!copy)
		return err_oom(err);
	for (char *line = copy, *next; line; line = next) {
		int r;

		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		n++;
		r = parse_line(&c, line, err);
		if (r) {
			conf_done(&c);
			return err_add(err, r, "image.conf:%u", n);
		}
	}
	if (c.n_persist)
		qsort(c.persist, c.n_persist, sizeof(*c.persist), compare_paths);
	*ret = c;
	return 0;
}

void conf_done(struct conf *conf)
{
	for (size_t i = 0; i < conf->n_persist; i++)
		free(conf->persist[i]);
	free(conf->persist);
	*conf = (struct conf){ 0 };
}

int step_config(struct boot *b, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	int r;

	r = io_read_file(CONF_PATH, CONF_MAX_BYTES, &text, &len, err);
	if (r == -EIO)
		boot_blame(b, BS_REASON_ROOT_MOUNT, MAY_PASS, r);
	if (r)
		return r;
	return conf_parse(text, len, &b->conf, err);
}

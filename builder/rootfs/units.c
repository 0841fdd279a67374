/*
 * Enabling, disabling and masking units. See build.h. The tree's own systemctl
 * does it (it works offline and knows [Install]); we only check the names
 * first, so that a typo gets a better answer.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "builder/rootfs/build.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"

static const char *const unit_dirs[] = { "etc/systemd/system/", "usr/lib/systemd/system/",
					 "usr/local/lib/systemd/system/" };

/* Units that are shipped, but not where systemd looks: enabling puts them there. */
#define SPARE_UNITS "usr/share/systemd/"

/* "getty@.service" of "getty@tty1.service"; NULL when it is no instance. */
static char *template_of(const char *unit)
{
	const char *at = strchr(unit, '@'), *dot = strrchr(unit, '.');

	return at && dot && dot > at + 1 ?
		       str_printf("%.*s%s", (int)(at + 1 - unit), unit, dot) :
		       NULL;
}

static bool in_dirs(struct build *b, const char *unit)
{
	for (size_t i = 0; i < ARRAY_SIZE(unit_dirs); i++) {
		_cleanup_free_ char *path = str_printf("%s%s", unit_dirs[i], unit);

		if (path && tree_exists(&b->tree, path))
			return true;
	}
	return false;
}

/* tmp.mount of older systemd lies in /usr/share: make it a unit. */
static bool fetch_spare(struct build *b, const char *unit)
{
	const struct tree_attr attr = { 0644, 0, 0, TREE_NOW };
	_cleanup_free_ char *from = str_printf(SPARE_UNITS "%s", unit);
	_cleanup_free_ char *to = str_printf("etc/systemd/system/%s", unit);
	_cleanup_free_ char *text = NULL;
	size_t len;

	return from && to && tree_read(&b->tree, from, 1u << 20, &text, &len) == 0 &&
	       tree_write(&b->tree, to, text, len, &attr) == 0;
}

static int check_known(struct build *b, const char *verb, const char *unit, struct err *err)
{
	_cleanup_free_ char *template = template_of(unit);

	if (strchr(unit, '/') || !strchr(unit, '.'))
		return err_set(err, -EINVAL,
			       "services: %s: '%s' is no unit name (like nginx.service)", verb,
			       unit);
	if (in_dirs(b, unit) || (template && in_dirs(b, template)) || fetch_spare(b, unit))
		return 0;
	return err_set(err, -EINVAL,
		       "services: %s: there is no unit '%s' in the image (which package has it?)",
		       verb, unit);
}

static int systemctl(struct build *b, const char *verb, const struct recipe_strv *units,
		     struct err *err)
{
	_cleanup_free_ char **argv = calloc(units->n + 5, sizeof(*argv));
	_cleanup_free_ char *what = str_printf("services: systemctl %s", verb);
	size_t n = 0;
	int r;

	if (!argv || !what)
		return err_oom(err);
	if (!units->n)
		return 0;
	if (!tree_exists(&b->tree, "usr/bin/systemctl"))
		return err_set(err, -EINVAL, "services: the image has no systemd");
	argv[n++] = (char *)"systemctl";
	argv[n++] = (char *)"--no-reload";
	argv[n++] = (char *)verb;
	argv[n++] = (char *)"--";
	for (size_t i = 0; i < units->n; i++)
		argv[n++] = units->item[i];
	r = cage_run(&b->cage, argv, what, err);
	return r > 0 ? -EINVAL : r;
}

int build_units(struct build *b, struct err *err)
{
	const struct recipe *recipe = b->o->recipe;
	int r = 0;

	origin_mark(&b->origin, "the recipe's services");
	for (size_t i = 0; r == 0 && i < recipe->units_enable.n; i++)
		r = check_known(b, "enable", recipe->units_enable.item[i], err);
	for (size_t i = 0; r == 0 && i < recipe->units_disable.n; i++)
		r = check_known(b, "disable", recipe->units_disable.item[i], err);
	if (r == 0)
		r = systemctl(b, "enable", &recipe->units_enable, err);
	if (r == 0)
		r = systemctl(b, "disable", &recipe->units_disable, err);
	/* Masking a unit that may come with some package later is not a mistake. */
	if (r == 0)
		r = systemctl(b, "mask", &recipe->units_mask, err);
	return r;
}

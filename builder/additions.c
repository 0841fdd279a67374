/* See additions.h. */
#include "builder/additions.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/data.h"
#include "lib/base/err.h"
#include "lib/base/path.h"

#define ADDITIONS_MAX 256
#define UNIT_DIR "/usr/lib/systemd/system"

/* Keep @s (NULL: an allocation failed before) alive as long as the list; returns it. */
static char *own(struct additions *a, char *s)
{
	if (s && a->n_owned < 4 * ADDITIONS_MAX)
		a->owned[a->n_owned++] = s;
	return s;
}

static int add(struct additions *a, struct rootfs_inject item, struct err *err)
{
	if (!item.dest || (!item.source && !item.content && !item.link))
		return err->text[0] ? -ENOENT : err_oom(err);
	if (a->n == ADDITIONS_MAX)
		return err_set(err, -E2BIG, "more than %d files to add", ADDITIONS_MAX);
	a->item[a->n++] = item;
	return 0;
}

static int add_program(struct additions *a, struct err *err)
{
	int r = add(a,
		    (struct rootfs_inject){ .source = own(a, data_path("slotctl", err)),
					    .dest = "/usr/lib/kiln/slotctl",
					    .mode = 0755 },
		    err);

	if (r == 0)
		r = add(a,
			(struct rootfs_inject){ .link = "../lib/kiln/slotctl",
						.dest = "/usr/bin/slotctl" },
			err);
	return r;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_units(struct additions *a, struct err *err)
{
	_cleanup_free_ char *dir = data_path("units", err);
	struct dirent **list = NULL;
	int n, r = 0;

	if (!dir)
		return -ENOENT;
	n = scandir(dir, &list, NULL, by_name);
	if (n < 0)
		return err_errno(err, -errno, "cannot read %s", dir);
	for (int i = 0; i < n; i++) {
		if (r == 0 && list[i]->d_name[0] != '.')
			r = add(a,
				(struct rootfs_inject){
					.source = own(a, path_join(dir, list[i]->d_name)),
					.dest = own(a, path_join(UNIT_DIR, list[i]->d_name)) },
				err);
		free(list[i]);
	}
	free(list);
	if (r == 0)
		r = add(a,
			(struct rootfs_inject){
				.link = "../kiln-health.service",
				.dest = UNIT_DIR "/multi-user.target.wants/kiln-health.service" },
			err);
	return r;
}

static int add_image_conf(struct additions *a, const struct recipe *r, struct err *err)
{
	struct buf b = BUF_INIT;

	buf_addf(&b, "STATE_GROW=%s\nTRIES=%u\nHEALTH_TIMEOUT_S=%u\n",
		 r->state_grow ? "yes" : "no", r->health_tries, r->health_timeout_s);
	for (size_t i = 0; i < r->persist.n; i++)
		buf_addf(&b, "PERSIST=%s\n", r->persist.item[i]);
	return add(a,
		   (struct rootfs_inject){ .content = own(a, buf_take(&b)),
					   .dest = "/usr/lib/kiln/image.conf" },
		   err);
}

static int add_checks(struct additions *a, const struct recipe *r, struct err *err)
{
	struct buf b = BUF_INIT;
	int rc = 0;

	buf_addf(&b, "TIMEOUT_S=%u\n", r->health_timeout_s);
	for (size_t i = 0; rc == 0 && i < r->n_checks; i++) {
		const struct recipe_check *c = &r->checks[i];

		if (c->unit)
			buf_addf(&b, "UNIT=%s\n", c->unit);
		if (c->port)
			buf_addf(&b, "PORT=%u\n", c->port);
		if (c->run) {
			char *dest = own(a, str_printf("/usr/lib/kiln/checks/%02zu-%s", i,
						       path_base(c->run)));

			rc = add(a,
				 (struct rootfs_inject){ .source = c->run,
							 .dest = dest,
							 .mode = 0755 },
				 err);
			if (rc == 0)
				buf_addf(&b, "RUN=%s\n", dest);
		}
	}
	if (rc < 0) {
		buf_done(&b);
		return rc;
	}
	return add(a,
		   (struct rootfs_inject){ .content = own(a, buf_take(&b)),
					   .dest = "/usr/lib/kiln/health.conf" },
		   err);
}

int additions_make(const struct recipe *recipe, struct additions *ret, struct err *err)
{
	int r;

	err_init(err);
	*ret = (struct additions){
		.item = calloc(ADDITIONS_MAX, sizeof(*ret->item)),
		.owned = calloc(4 * ADDITIONS_MAX, sizeof(*ret->owned)),
	};
	if (!ret->item || !ret->owned)
		r = err_oom(err);
	else
		r = add_program(ret, err);
	if (r == 0)
		r = add_units(ret, err);
	if (r == 0)
		r = add_image_conf(ret, recipe, err);
	if (r == 0)
		r = add_checks(ret, recipe, err);
	if (r < 0)
		additions_done(ret);
	return r;
}

void additions_done(struct additions *a)
{
	for (size_t i = 0; i < a->n_owned; i++)
		free(a->owned[i]);
	free(a->owned);
	free(a->item);
	*a = (struct additions){ 0 };
}

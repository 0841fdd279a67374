/* See additions.h. */
#include "builder/additions.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/data.h"
#include "lib/base/err.h"
#include "lib/base/path.h"

#define ADDITIONS_MAX 256
#define UNIT_DIR "/usr/lib/systemd/system"
#define SCRUB_LEAST_S 60
#define SCRUB_MOST_S 86400
#define SCRUB_BYTES_PER_S (4u << 20)
#define UPDATE_AFTER_BOOT_S 600
#define HANG_MARGIN_S 60 /* checks that began just before their deadline, a busy systemd */

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

static int add_programs(struct additions *a, struct err *err)
{
	int r = add(a,
		    (struct rootfs_inject){ .source = own(a, data_path("slotctl", err)),
					    .dest = "/usr/lib/kiln/slotctl",
					    .mode = 0755 },
		    err);

	if (r == 0)
		r = add(a,
			(struct rootfs_inject){ .source = own(a, data_path("kiln-fetch", err)),
						.dest = "/usr/lib/kiln/kiln-fetch",
						.mode = 0755 },
			err);
	if (r == 0)
		r = add(a,
			(struct rootfs_inject){ .link = "../lib/kiln/slotctl",
						.dest = "/usr/bin/slotctl" },
			err);
	return r;
}

static int add_completion(struct additions *a, struct err *err)
{
	int r = add(a,
		    (struct rootfs_inject){
			    .source = own(a, data_path("slotctl.bash", err)),
			    .dest = "/usr/share/bash-completion/completions/slotctl" },
		    err);

	if (r == 0)
		r = add(a,
			(struct rootfs_inject){
				.source = own(a, data_path("_slotctl", err)),
				.dest = "/usr/share/zsh/vendor-completions/_slotctl" },
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
	return r;
}

static int add_link(struct additions *a, const char *target, const char *unit, struct err *err)
{
	return add(a,
		   (struct rootfs_inject){
			   .link = own(a, str_printf("../%s", unit)),
			   .dest = own(a, str_printf(UNIT_DIR "/%s.wants/%s", target, unit)) },
		   err);
}

/*
 * Rescue and emergency mode want the judge too: systemd goes there when it cannot load the
 * default target, or a file system is missing, and would stay there for ever.
 */
static int add_wants(struct additions *a, const struct recipe *r, struct err *err)
{
	static const char *const wants[][2] = {
		{ "multi-user.target", "kiln-health.service" },
		{ "rescue.target", "kiln-health.service" },
		{ "emergency.target", "kiln-health.service" },
		{ "multi-user.target", "kiln-booted.service" },
		{ "multi-user.target", "kiln-shutdown.service" },
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(wants); i++)
		rc = add_link(a, wants[i][0], wants[i][1], err);
	/* With 0 the confirmation settles the boot, and there is nothing to wait for. */
	if (rc == 0 && r->health_settle_s)
		rc = add_link(a, "timers.target", "kiln-settle.timer", err);
	if (rc == 0 && r->update_url)
		rc = add_link(a, "timers.target", "kiln-update.timer", err);
	return rc;
}

/* How long checking the whole root may take at worst, on a disk as slow as they come. */
static unsigned scrub_seconds(const struct recipe *r)
{
	uint64_t s = SCRUB_LEAST_S + r->root_slot_bytes / SCRUB_BYTES_PER_S;

	return s < SCRUB_MOST_S ? (unsigned)s : SCRUB_MOST_S;
}

/* The times of the recipe, for the units that come as they are. */
static int add_times(struct additions *a, const struct recipe *r, struct err *err)
{
	char *health = str_printf("[Service]\nTimeoutStartSec=%us\n",
				  r->health_timeout_s + r->health_soak_s + scrub_seconds(r) +
					  HANG_MARGIN_S);
	char *settle = str_printf("[Timer]\nOnBootSec=\nOnBootSec=%us\n", r->health_settle_s);
	char *update = str_printf("[Timer]\nOnUnitInactiveSec=\nOnUnitInactiveSec=%us\n"
				  "OnBootSec=\nOnBootSec=%us\nRandomizedDelaySec=%us\n",
				  r->update_check_s, UPDATE_AFTER_BOOT_S, r->update_jitter_s);
	const struct rootfs_inject times[] = {
		{ .content = own(a, health),
		  .dest = UNIT_DIR "/kiln-health.service.d/10-recipe.conf" },
		{ .content = own(a, settle),
		  .dest = UNIT_DIR "/kiln-settle.timer.d/10-recipe.conf" },
		{ .content = own(a, update),
		  .dest = UNIT_DIR "/kiln-update.timer.d/10-recipe.conf" },
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_SIZE(times); i++)
		rc = add(a, times[i], err);
	return rc;
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

	buf_addf(&b, "TIMEOUT_S=%u\nSOAK_S=%u\nSCRUB_S=%u\nSETTLE_S=%u\n", r->health_timeout_s,
		 r->health_soak_s, scrub_seconds(r), r->health_settle_s);
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

static void add_text(struct buf *b, const char *key, const char *value)
{
	if (value)
		buf_addf(b, "%s=%s\n", key, value);
}

/* Which images the machine takes, by whom, and from where. */
static int add_update_conf(struct additions *a, const struct recipe *r, const char *certificates,
			   struct err *err)
{
	struct buf b = BUF_INIT;
	int rc;

	buf_addf(&b, "NAME=%s\nARCH=%s\nVERSION=%s\nSTATE=%u-%u\n", r->name, r->architecture,
		 r->version, r->state_reads, r->state_version);
	add_text(&b, "URL", r->update_url);
	add_text(&b, "REBOOT", r->update_reboot);
	buf_addf(&b, "LIMIT_RATE=%" PRIu64 "\n", r->update_limit_bytes);
	add_text(&b, "PROXY", r->update_proxy);
	add_text(&b, "CACERT", r->update_cacert);
	add_text(&b, "CERT", r->update_cert);
	add_text(&b, "KEY", r->update_key);
	rc = add(a,
		 (struct rootfs_inject){ .content = own(a, buf_take(&b)),
					 .dest = "/usr/lib/kiln/update.conf" },
		 err);
	return rc ? rc :
		    add(a,
			(struct rootfs_inject){ .content = certificates,
						.dest = "/usr/lib/kiln/trusted.pem" },
			err);
}

int additions_make(const struct recipe *recipe, const char *certificates, struct additions *ret,
		   struct err *err)
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
		r = add_programs(ret, err);
	if (r == 0)
		r = add_completion(ret, err);
	if (r == 0)
		r = add_units(ret, err);
	if (r == 0)
		r = add_wants(ret, recipe, err);
	if (r == 0)
		r = add_times(ret, recipe, err);
	if (r == 0)
		r = add_image_conf(ret, recipe, err);
	if (r == 0)
		r = add_checks(ret, recipe, err);
	if (r == 0)
		r = add_update_conf(ret, recipe, certificates, err);
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

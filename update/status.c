/* See status.h. */
#include "update/status.h"

#include <errno.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"

#define SECURE_BOOT "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define LOADER_INFO "LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
#define LOADER_NAME "kiln " /* in front of the version there */
#define EFIVAR_HEAD_BYTES 4 /* attributes, in front of the value */

/* One byte of value: 1 when the firmware checks what it starts. */
static enum secure_boot read_secure_boot(const char *efivars)
{
	_cleanup_free_ char *path = str_printf("%s/" SECURE_BOOT, efivars);
	_cleanup_free_ char *data = NULL;
	size_t len;

	if (!path || io_read_file(path, 64, &data, &len, NULL) || len != EFIVAR_HEAD_BYTES + 1)
		return SECURE_BOOT_UNKNOWN;
	return data[EFIVAR_HEAD_BYTES] == 1 ? SECURE_BOOT_ON : SECURE_BOOT_OFF;
}

/* What LoaderInfo says, in UTF-16: "kiln 1.2". Any other loader is none of ours. */
static void read_selector(const char *efivars, char ret[VERSION_TEXT_SIZE])
{
	_cleanup_free_ char *path = str_printf("%s/" LOADER_INFO, efivars);
	char text[sizeof(LOADER_NAME) - 1 + VERSION_TEXT_SIZE] = "";
	_cleanup_free_ char *data = NULL;
	size_t len, n = 0;

	if (!path || io_read_file(path, 4096, &data, &len, NULL))
		return;
	for (size_t i = EFIVAR_HEAD_BYTES; i + 1 < len && n + 1 < sizeof(text); i += 2)
		text[n++] = data[i + 1] ? '?' : data[i];
	if (strncmp(text, LOADER_NAME, strlen(LOADER_NAME)) == 0 &&
	    version_valid(text + strlen(LOADER_NAME), true))
		memcpy(ret, text + strlen(LOADER_NAME), VERSION_TEXT_SIZE);
}

/* The boot state knows which area this boot was started through. */
static unsigned selector_area(const struct device *dev)
{
	const struct bs_selectors *sel = &dev->bs.selectors;

	return dev->counted && sel->stage >= BS_STAGE_SELECTED ? sel->through : BS_SELECTOR_NONE;
}

bool status_degraded(const char *run_dir, char ret[STATUS_DEGRADED_MAX])
{
	_cleanup_free_ char *path = str_printf("%s/degraded", run_dir);
	_cleanup_free_ char *data = NULL;
	size_t len;
	int r = path ? io_read_file(path, STATUS_DEGRADED_MAX - 1, &data, &len, NULL) : -ENOMEM;

	if (r == -ENOENT)
		return false;
	/* That the line cannot be read does not make state whole. */
	snprintf(ret, STATUS_DEGRADED_MAX, "%.*s", r ? 0 : (int)strcspn(data, "\n"),
		 data ? data : "");
	return true;
}

/* Some reasons are over before the next look: at a confirm, or when an operator forgives. */
static bool still_declined(const struct device *dev, const struct declined *d)
{
	const struct bs *bs = &dev->bs;

	if (strcmp(d->reason, "unconfirmed") == 0)
		return !(dev->counted && bs_boot_confirmed(bs));
	if (strcmp(d->reason, "refused") != 0)
		return true;
	for (unsigned i = 0; i < BS_REFUSED_MAX && bs->refused[i].version[0]; i++)
		if (strcmp(bs->refused[i].version, d->version) == 0)
			return true;
	return false;
}

/* The log must be of that very boot, not of one with its number before the state was rebuilt. */
static bool has_log(void *ctx, const struct bs_boot *boot)
{
	struct status *s = ctx;

	flightlog_done(&s->log);
	if (flightlog_read(s->dev, boot->number, &s->log))
		return false;
	if (s->log.about.slot == boot->slot &&
	    memcmp(s->log.about.version, boot->version, VERSION_TEXT_SIZE) == 0)
		return true;
	flightlog_done(&s->log);
	return false;
}

int status_gather(struct device *dev, const char *run_dir, const char *efivars, struct status *ret,
		  struct err *err)
{
	int r;

	*ret = (struct status){ .dev = dev };
	ret->secure_boot = read_secure_boot(efivars ? efivars : STATUS_EFIVARS);
	read_selector(efivars ? efivars : STATUS_EFIVARS, ret->selector);
	ret->selector_area = selector_area(dev);
	ret->degraded = status_degraded(run_dir ? run_dir : DEVICE_RUN_DIR, ret->degraded_text);
	ret->has_declined = declined_read(run_dir ? run_dir : DEVICE_RUN_DIR, &ret->declined) &&
			    still_declined(dev, &ret->declined);
	ret->next_known = bs_choose(&dev->bs, 0, 0, &ret->next) == BS_OK;
	r = promise_read(&dev->ops, &ret->promise);
	if (r)
		return err_errno(err, r, "cannot read %s", dev->state_path);
	ret->fell_back = dev->counted && fallback_find(&dev->bs, &ret->fallback);
	if (ret->fell_back)
		fallback_logged_boot(&dev->bs, &ret->fallback, has_log, ret);
	return 0;
}

void status_done(struct status *s)
{
	flightlog_done(&s->log);
}

/* See status.h. */
#include "update/status.h"

#include <errno.h>
#include <string.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"

#define SECURE_BOOT "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
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
	ret->degraded = status_degraded(run_dir ? run_dir : DEVICE_RUN_DIR, ret->degraded_text);
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

/* See confirm.h. */
#include "update/confirm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/core/flight.h"

static int need_counted(const struct device *dev, struct err *err)
{
	if (dev->counted)
		return 0;
	return err_set(
		err, -EINVAL,
		"this boot was not counted in the boot state, so no slot can be judged by it");
}

int confirm_running(struct device *dev, struct err *err)
{
	int r = need_counted(dev, err);

	if (r)
		return r;
	r = bs_confirm(&dev->bs, dev->running);
	if (r)
		return err_set(err, -EINVAL, "slot %s cannot be confirmed: %s",
			       bs_slot_name(dev->running), bs_error_text(r));
	return device_store(dev, err);
}

int confirm_stage_userspace(struct device *dev, struct err *err)
{
	int r = need_counted(dev, err);

	if (r || dev->bs.slot[dev->running].stage >= BS_STAGE_USERSPACE)
		return r;
	r = bs_set_stage(&dev->bs, BS_STAGE_USERSPACE);
	if (r)
		return err_set(err, -EINVAL, "%s", bs_error_text(r));
	return device_store(dev, err);
}

static void record_text(struct device *dev, const char *text)
{
	_cleanup_free_ uint8_t *entry = malloc(FLIGHT_ENTRY_BYTES);
	struct flight about;

	if (!entry || !flight_of_boot(&dev->bs, dev->bs.boots, &about))
		return;
	flight_encode(&about, text, strlen(text), entry);
	io_pwrite_all(dev->fd, entry, FLIGHT_ENTRY_BYTES, FLIGHT_OFFSET(about.boot));
}

int confirm_failed(struct device *dev, enum bs_reason reason, const char *text, struct err *err)
{
	int r = need_counted(dev, err);

	if (r)
		return r;
	r = bs_mark_failed(&dev->bs, dev->running, reason);
	if (r)
		return err_set(err, -EINVAL, "%s", bs_error_text(r));
	record_text(dev, text); /* made durable by the flush of the store */
	return device_store(dev, err);
}

/* See confirm.h. */
#include "update/confirm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "lib/base/err.h"
#include "lib/base/io.h"

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

/* The recorder is for people: text, then zeroes, so that no older text shows behind it. */
static void record_text(struct device *dev, const char *text)
{
	_cleanup_free_ char *area = calloc(1, BS_FLIGHT_BYTES);
	size_t len = strlen(text);

	if (!area)
		return;
	if (len > BS_FLIGHT_BYTES - 1)
		len = BS_FLIGHT_BYTES - 1;
	memcpy(area, text, len);
	io_pwrite_all(dev->fd, area, BS_FLIGHT_BYTES, BS_FLIGHT_OFFSET);
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

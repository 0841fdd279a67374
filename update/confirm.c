/* See confirm.h. */
#include "update/confirm.h"

#include <errno.h>
#include <time.h>

#include "lib/base/err.h"
#include "update/flightlog.h"

static int need_counted(const struct device *dev, struct err *err)
{
	if (dev->counted)
		return 0;
	return err_set(
		err, -EINVAL,
		"this boot was not counted in the boot state, so no slot can be judged by it");
}

bool confirm_is_settled(unsigned settle_s)
{
	struct timespec up;

	return clock_gettime(CLOCK_BOOTTIME, &up) == 0 && up.tv_sec >= (time_t)settle_s;
}

int confirm_running(struct device *dev, bool settled, struct err *err)
{
	int r = need_counted(dev, err);

	if (r)
		return r;
	r = bs_confirm(&dev->bs, dev->running);
	if (r == 0 && settled)
		r = bs_end_boot(&dev->bs, dev->running, BS_END_SETTLED);
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

int confirm_failed(struct device *dev, const struct confirm_failure *failure, struct err *err)
{
	int r = need_counted(dev, err);

	if (r)
		return r;
	r = failure->hopeless ? bs_mark_bad(&dev->bs, dev->running, failure->reason) :
				bs_mark_failed(&dev->bs, dev->running, failure->reason);
	if (r)
		return err_set(err, -EINVAL, "%s", bs_error_text(r));
	flightlog_write(dev, failure->text); /* made durable by the flush of the store */
	return device_store(dev, err);
}

int confirm_ended(struct device *dev, enum bs_end end, struct err *err)
{
	int r = need_counted(dev, err);

	if (r || dev->bs.ring[0].end >= end)
		return r;
	r = bs_end_boot(&dev->bs, dev->running, end);
	if (r == BS_E_STATUS)
		return CONFIRM_NOT_YET;
	if (r)
		return err_set(err, -EINVAL, "%s", bs_error_text(r));
	return device_store(dev, err);
}

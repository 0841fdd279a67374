/*
 * The verdict on the running boot, stored: it is good, or it failed. Both count
 * only for the slot the boot state started last.
 */
#ifndef UPDATE_CONFIRM_H
#define UPDATE_CONFIRM_H

#include "update/device.h"

/* Confirm the running slot and store. 0, -EINVAL when this boot was not counted, or an errno. */
int confirm_running(struct device *dev, struct err *err);

/* The system manager runs: store the stage, once per boot. As confirm_running(). */
int confirm_stage_userspace(struct device *dev, struct err *err);

/*
 * The running slot failed for @reason; @text (a few lines for a person) goes to
 * the flight recorder. As confirm_running(); a failure to write @text is not one.
 */
int confirm_failed(struct device *dev, enum bs_reason reason, const char *text, struct err *err);

#endif

/*
 * The verdict on the running boot, stored: it is good, it failed, it ran long
 * enough, it is shut down. All count only for the slot the boot state started last.
 *
 * Returns, unless said otherwise: 0; -EINVAL when this boot was not counted, or the
 * rules of the boot state say no; or an errno of the disk.
 */
#ifndef UPDATE_CONFIRM_H
#define UPDATE_CONFIRM_H

#include "update/device.h"

/* True when the machine has been up for @settle_s seconds. */
bool confirm_is_settled(unsigned settle_s);

/* Confirm the running slot and store; @settled: this boot ran long enough already. */
int confirm_running(struct device *dev, bool settled, struct err *err);

/* The system manager runs: store the stage, once per boot. */
int confirm_stage_userspace(struct device *dev, struct err *err);

/* Why a boot failed. */
struct confirm_failure {
	enum bs_reason reason;
	bool hopeless; /* trying the same image again is pointless */
	const char *text; /* lines for a person, kept in the flight recorder; not NULL */
};

/* The running boot failed: store it. That the text cannot be kept is no failure. */
int confirm_failed(struct device *dev, const struct confirm_failure *failure, struct err *err);

/*
 * This boot ended as @end says. Stores nothing when that is known. CONFIRM_NOT_YET: it
 * cannot have settled, because it is not confirmed.
 */
enum { CONFIRM_NOT_YET = 1 };
int confirm_ended(struct device *dev, enum bs_end end, struct err *err);

#endif

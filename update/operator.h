/*
 * What the verbs of an operator share: naming slots, and saying in a sentence why
 * the rules of the boot state refuse something and what to do instead.
 */
#ifndef UPDATE_OPERATOR_H
#define UPDATE_OPERATOR_H

#include <stdbool.h>

#include "update/device.h"

struct err;

/* "a" or "b"; -EINVAL with @err set for anything else. */
int operator_slot(const char *text, unsigned *ret, struct err *err);

/*
 * The slot that does not run; -EINVAL with @err set when this boot was not counted,
 * so that nobody knows.
 */
int operator_other_slot(const struct device *dev, unsigned *ret, struct err *err);

/* The rules said @error (enum bs_error) to doing @verb to @slot: sets @err; EXIT_REFUSED. */
int operator_refused(const struct device *dev, const char *verb, unsigned slot, int error,
		     struct err *err);

/*
 * --reboot acts on the running machine: not together with notes from somewhere
 * else. 0 or -EINVAL with @err set.
 */
int operator_check_reboot(const char *verb, bool reboot, const char *run_dir, struct err *err);

/* Reboot if @reboot; else print how to. An EXIT_* code. */
int operator_finish(bool reboot, struct err *err);

#endif

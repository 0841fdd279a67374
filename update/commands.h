/* The verbs of slotctl, one per cmd_<verb>.c; main.c lists them. */
#ifndef UPDATE_COMMANDS_H
#define UPDATE_COMMANDS_H

#include "lib/base/args.h"

extern const struct command cmd_status;
extern const struct command cmd_log;
extern const struct command cmd_diff;
extern const struct command cmd_confirm;
extern const struct command cmd_rollback;
extern const struct command cmd_boot_once;
extern const struct command cmd_install;
extern const struct command cmd_retry;
extern const struct command cmd_factory_reset;
extern const struct command cmd_health;
extern const struct command cmd_settle;
extern const struct command cmd_provision;

#endif

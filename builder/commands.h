/* The verbs of `kiln`, one per cmd_<verb>.c; main.c lists them. */
#ifndef BUILDER_COMMANDS_H
#define BUILDER_COMMANDS_H

#include "lib/base/args.h"

extern const struct command cmd_build;
extern const struct command cmd_lock;
extern const struct command cmd_recipe;
extern const struct command cmd_keys;
extern const struct command cmd_inspect;
extern const struct command cmd_verify;
extern const struct command cmd_install;

#endif

/*
 * The verbs of kiln-vm.
 */
#ifndef QEMU_CMD_H
#define QEMU_CMD_H

#include "lib/base/args.h"

extern const struct command cmd_boot;
extern const struct command cmd_test;

#endif

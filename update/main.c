/* slotctl: the slots of the machine it runs on. */
#include <errno.h>
#include <stdio.h>

#include "lib/base/err.h"
#include "lib/base/io.h"
#include "lib/base/log.h"
#include "update/commands.h"

static const struct command *const commands[] = {
	&cmd_status,	&cmd_log,	&cmd_diff,  &cmd_confirm,	&cmd_install, &cmd_rollback,
	&cmd_boot_once, &cmd_retry, &cmd_factory_reset, &cmd_health, &cmd_settle, &cmd_provision,
	NULL,
};

int main(int argc, char **argv)
{
	static struct err err;
	int r;

	if (io_keep_standard())
		return EXIT_FAILED;
	r = args_dispatch("slotctl", "The A/B slots of this machine and how its boots went.",
			  commands, argc, argv, &err);
	if (r < 0)
		r = EXIT_USAGE;
	if (r != EXIT_OK && err.text[0])
		log_error("%s", err.text);
	return r;
}

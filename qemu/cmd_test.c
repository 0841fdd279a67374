#include "qemu/cmd.h"
#include "lib/base/err.h"
static int run_test(const struct command *cmd, int argc, char **argv, struct err *err)
{
	(void)cmd; (void)argc; (void)argv;
	return err_set(err, EXIT_FAILED, "not yet");
}
const struct command cmd_test = { .name = "test", .synopsis = "IMAGE", .summary = "x", .min_args = 1, .max_args = -1, .run = run_test };
